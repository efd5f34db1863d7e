"""Each row of reruns.tsv names a change and the jobs that a dry run then counts.

The table also states the rules whose parameters a setting reaches. This module makes the changes.
docs/reruns.md sums up the table for readers. The project has two videos of two matches in two
slices each, one running model, one given model, and labels. The dry runs use the triggers of the
profile.
"""

import csv
import json
import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from clones import ROOT, given, new_clone
from dryruns import DryRuns
from facsimiles import lora
from media import steady, write_video
from touchline.detection.feature_origin import feature_origin
from touchline.inputs.settings import (
    ImageSettings,
    ModelSettings,
    Section,
    Settings,
    WindowSettings,
)
from touchline.learning.model import LearntModel
from touchline.learning.records import LearntNote, LearntPart

TABLE = Path(__file__).with_name("reruns.tsv")
TRIGGERS = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())["rerun-triggers"]


def read_table() -> dict[str, dict[str, str]]:
    """Read the cells of each row by rule, without empty ones.

    A cell is a number of jobs, with a star where the rule's own parameters have changed.
    """
    with TABLE.open(newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    table = {}
    for change, *cells in rows[1:]:
        assert change not in table, f"{change} is there twice"
        table[change] = {rule: n for rule, n in zip(rows[0][1:], cells, strict=True) if n}
    return table


@pytest.fixture(scope="module")
def done(tmp_path_factory, checkpoint, qwen_checkpoint, clip):
    """Return the project after a complete run."""
    clone = new_clone(tmp_path_factory.mktemp("reruns") / "clone", {})
    weights = shutil.copytree(checkpoint, clone.folder / "weights")
    shutil.copytree(qwen_checkpoint, clone.folder / "qwen")
    lora(weights, clone.folder / "adapter_of_llava")
    labels = {
        "annotations": [
            {"gameTime": "1 - 00:02", "label": "Goal", "position": "2000", "team": "home"}
        ]
    }
    rows = ["video\tpath\tgame\thalf\tlabels"]
    for video in (0, 1):
        shutil.copy(clip, clone.folder / f"{video}.mkv")
        (clone.folder / f"labels_{video}.json").write_text(json.dumps(labels))
        rows.append(f"{video}\t{video}.mkv\tmatch {video}\t1\tlabels_{video}.json")
    for video in (0, 1, 2):
        (clone.folder / f"given_{video}.json").write_text(given([(2, "Goal"), (6, "Foul")]))
    (clone.folder / "videos.tsv").write_text("\n".join(rows) + "\n")
    clone.config |= {
        "slices": 2,
        "generation": {"max_new_tokens": 6},
        "models": {
            "llava": {"checkpoint": str(weights), "revision": None},
            "other": {"predictions": "given_{video}.json"},
        },
        "compare_with": ["other"],
        "evaluation": {"resamples": 20},
        "keep_partials": True,
    }
    clone.run()
    give_one_date(clone.folder / "results", clone.folder / "resources")
    return clone


def give_one_date(*folders):
    """Give all results of a run the same date.

    The table marks rules whose parameters have changed. Snakemake names changed parameters as a
    reason only if no input is newer than the output. Fusing and calibrating are independent and end
    in any order. A setting can make calibrations an input of fusing. With equal dates, the order
    does not matter.
    """
    now = time.time_ns()
    for folder in folders:
        for path in [folder, *folder.rglob("*")]:
            os.utime(path, ns=(now, now), follow_symlinks=False)


@pytest.fixture(scope="module")
def dry_runs():
    with DryRuns() as runs:
        yield runs


# --- Changes of files, which are taken back ---------------------------------------------------


@contextmanager
def without(file):
    """Delete a file or folder, and restore it afterwards."""
    kept = file.with_name(f"kept.{file.name}")
    file.rename(kept)
    yield
    kept.rename(file)


@contextmanager
def changed(file, text):
    """Replace the content of a file, and restore it with its old date afterwards."""
    kept = shutil.copy2(file, file.with_name(f"kept.{file.name}"))
    file.write_text(text)
    yield
    os.replace(kept, file)


def deleted(name):
    return lambda project: without(project.folder / "results" / name)


@contextmanager
def touched(file):
    times = file.stat()
    file.touch()
    yield
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


@contextmanager
def video_moved(project):
    """Move a video and correct the table of videos."""
    (project.folder / "0.mkv").rename(project.folder / "moved.mkv")
    table = project.folder / "videos.tsv"
    with changed(table, table.read_text().replace("0.mkv", "moved.mkv")):
        yield
    (project.folder / "moved.mkv").rename(project.folder / "0.mkv")


@contextmanager
def video_copied(project):
    """Replace a video by a copy of it."""
    with without(project.folder / "0.mkv"):
        shutil.copy(project.folder / "kept.0.mkv", project.folder / "0.mkv")
        yield
        (project.folder / "0.mkv").unlink()


@contextmanager
def video_linked(project):
    """Replace a video by a symbolic link to it."""
    with without(project.folder / "0.mkv"):
        (project.folder / "0.mkv").symlink_to("kept.0.mkv")
        yield
        (project.folder / "0.mkv").unlink()


@contextmanager
def video_replaced(project):
    with without(project.folder / "0.mkv"):
        write_video(project.folder / "0.mkv", steady(8))
        yield
        (project.folder / "0.mkv").unlink()


@contextmanager
def video_added(project):
    shutil.copy(project.folder / "0.mkv", project.folder / "2.mkv")
    table = project.folder / "videos.tsv"
    with changed(table, table.read_text() + "2\t2.mkv\t\t\t\n"):
        yield
    (project.folder / "2.mkv").unlink()


@contextmanager
def verdicts_saved(project):
    """Save verdicts as scripts/review.py does."""
    file = project.folder / "results/verdicts/verdicts_video_0.csv"
    file.parent.mkdir()
    file.write_text("time_s,label,verdict\n2,Goal,confirmed\n")
    yield
    shutil.rmtree(file.parent)


@contextmanager
def verdicts_saved_instead_of_labels(project):
    with in_table("labels_0.json", "")(project), verdicts_saved(project):
        yield


def in_table(old, new):
    return lambda project: changed(
        project.folder / "videos.tsv",
        (project.folder / "videos.tsv").read_text().replace(old, new),
    )


def in_file(name, old, new):
    return lambda project: changed(
        project.folder / name, (project.folder / name).read_text().replace(old, new, 1)
    )


FILES = {
    "delete `partials/…`": deleted("partials/partial_results_llava_vid1_gpu0.json"),
    "delete `windows/…`": deleted("windows/windows_llava_vid0_gpu1.jsonl"),
    "delete `predictions/…`": deleted("predictions/final_predictions_llava_video_0.json"),
    "delete `events/…` of a model that runs": deleted("events/events_llava_video_0.csv"),
    "delete `events/…` of a given one": deleted("events/events_other_video_0.csv"),
    "delete `events/…` of the ensemble": deleted("events/events_ensemble_video_0.csv"),
    "delete `coverage/…` of a model that runs": deleted("coverage/coverage_llava_video_0.json"),
    "delete `events/shortlist_…`": deleted("events/shortlist_llava_video_0.csv"),
    "delete `comparison/….json`": deleted("comparison/comparison_video_0.json"),
    "delete `comparison/….csv`": deleted("comparison/comparison_video_0.csv"),
    "delete `ensemble/…`": deleted("ensemble/final_predictions_ensemble_video_0.json"),
    "delete `evaluation/evaluation_{model}.json`": deleted("evaluation/evaluation_llava.json"),
    "delete `evaluation/outcomes_{model}.csv`": deleted("evaluation/outcomes_llava.csv"),
    "delete `evaluation/evaluation.txt`": deleted("evaluation/evaluation.txt"),
    "delete `calibration/…`": deleted("calibration/calibration_other.json"),
    "delete `exports/{model}/`": deleted("exports/llava"),
    "delete `summary/summary.csv`": deleted("summary/summary.csv"),
    "delete `run.json`": deleted("run.json"),
    "delete `videos/…`": deleted("videos/video_0.json"),
    "delete `logs/`": deleted("logs"),
    "delete `hashes/`": deleted("hashes"),
    "delete `benchmarks/`": deleted("benchmarks"),
    "delete `thumbnails/…`": deleted("thumbnails/thumbnails_video_1.json"),
    "delete `report/video_….html`": deleted("report/video_0.html"),
    "delete `report/charts/…`": deleted("report/charts/counts.svg"),
    "delete the models": lambda project: without(project.folder / "resources"),
    "touch a video": lambda project: touched(project.folder / "0.mkv"),
    "move a video and correct the table": video_moved,
    "put a copy in a video's place": video_copied,
    "put a link in a video's place": video_linked,
    "replace a video": video_replaced,
    "add a video to the table": video_added,
    "a game's name in the table": in_table("match 0\t", "match 9\t"),
    "a label file's name in the table": in_table("labels_0.json", "labels_1.json"),
    "a file of labels": in_file("labels_0.json", "00:02", "00:03"),
    "save verdicts on a video with labels": verdicts_saved,
    "save verdicts on a video without labels": verdicts_saved_instead_of_labels,
    "given predictions": in_file("given_0.json", "6", "4"),
    "the text of the prompt": in_file("prompts/soccer_events.txt", "e", "é"),
    "the text of `labels.yaml`": in_file("labels.yaml", "\n", "\n# A comment counts here.\n"),
    "a checkpoint's files on disk": in_file("weights/config.json", "\n", "\n\n"),
    "a comment in a script": in_file("scripts/detect_slice.py", "\n", "\n# More.\n"),
    "a comment in a rule": in_file("rules/detect.smk", "\n", "\n# More.\n"),
}

# --- Changes of settings ----------------------------------------------------------------------

OTHER = "other"  # of the given model
SERVED = {"family": "server", "endpoint": "http://host:8000/v1", "checkpoint": "model"}
SETTINGS = {
    "videos": "more.tsv",
    "select": "1",
    "results": "elsewhere",
    "resources": "elsewhere",
    "labels": "labels_too.yaml",
    "prompt": "prompts/too.txt",
    "slices": 3,
    "half_starts": "1=1",
    "max_duration": 5,
    "detector_version": 2,
    "detect_with": [],
    "compare_with": [],
    "missing_predictions": "skip",
    "keep_partials": False,
    "learn": True,
    "models.checkpoint": {"models": {"llava": {"checkpoint": "weights_too"}}},
    "models.revision": {"models": {"llava": {"revision": "main"}}},
    "models.adapter": {"models": {"llava": {"adapter": "adapter"}}},
    "models.adapter_revision": {"models": {"llava": {"adapter_revision": "main"}}},
    # Another family would not fit the checkpoint.
    "models.family": {"models": {"llava": {"family": "qwen2_5_vl", "checkpoint": "qwen"}}},
    # Our families run no code of a checkpoint.
    "models.trust_code": {"models": {"llava": {"family": "generic", "trust_code": True}}},
    # Settings of a model that does not run; tests/workflow/test_server_run.py has one that does.
    "models.endpoint": {"models": {"asked": SERVED | {"endpoint": "http://another:8000/v1"}}},
    "models.key_variable": {"models": {"asked": SERVED | {"key_variable": "ITS_KEY"}}},
    "models.frames_as": {"models": {"asked": SERVED | {"frames_as": "png"}}},
    "models.quantization": {"models": {"llava": {"quantization": "none"}}},
    "models.dtype": {"models": {"llava": {"dtype": "float32"}}},
    "models.predictions": {"models": {"other": {"predictions": "too_{video}.json"}}},
    "models.learned": {"models": {"llava": {"learned": "kept.safetensors"}}},
    "window.fps": 2,
    "window.frames": 2,
    "window.seconds": 3,
    "window.step": 1,
    "window.cross_slices": True,
    "window.outside_halves": True,
    "image.max_size": 200,
    "image.fit": "crop",
    "generation.max_new_tokens": 5,
    "generation.do_sample": True,
    "generation.temperature": 0.5,
    "generation.top_p": 0.5,
    "generation.seed": 5,
    "generation.evidence": True,
    # Without evidence, the model would have no task.
    "generation.answers": {"generation": {"answers": False, "evidence": True}},
    "batch.windows": 2,
    "merge.window": 9,
    "merge.keep": "best",
    "context.span": 30,
    "context.decay": 10,
    "context.suppression": 10,
    "shortlist.per_class": 5,
    "comparison.tolerance": 9,
    "comparison.chance_shifts": 30,
    "comparison.seed": 5,
    "ensemble.members": ["llava"],
    "ensemble.method": "intersection",
    "ensemble.weights": {"other": 2},
    "ensemble.threshold": 2,
    "ensemble.calibrated": True,
    "evaluation.tolerances": [3],
    "evaluation.resamples": 30,
    "evaluation.classes": ["Goal"],
    "clips.before": 3,
    "clips.after": 3,
    "clips.exact": True,
}


def write_learnt(project):
    """Write a learnt model without classes, as if another project had learnt it."""
    folder, model = project.folder, ModelSettings(**project.config["models"]["llava"])
    prompt = (folder / "prompts/soccer_events.txt").read_text()
    shown = (model, prompt, WindowSettings(), ImageSettings())
    origin = feature_origin(folder / "resources/models/llava/nf4", *shown)
    part = LearntPart(without=[], classes=[], strength=1.0)
    LearntModel(LearntNote(origin=origin, games=[], parts=[part]), {}).write(
        folder / "kept.safetensors"
    )
    two_days_ago = time.time() - 172_800
    os.utime(folder / "kept.safetensors", (two_days_ago, two_days_ago))


def leaves(section: type[Section], prefix: str = "") -> set[str]:
    """Return the dotted names of all settings that are no groups."""
    names = set()
    for name, field in section.model_fields.items():
        inner = ModelSettings if name == "models" else field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            names |= leaves(inner, f"{prefix}{name}.")
        else:
            names.add(f"{prefix}{name}")
    return names


def nested(name, value) -> dict:
    """Return a configuration that sets one setting by its dotted name."""
    *groups, last = name.split(".")
    if groups and isinstance(value, dict) and groups[0] in value:
        return value
    config = {last: value}
    for group in reversed(groups):
        config = {group: config}
    return config


def test_table_of_changes_has_all_settings_once():
    assert set(read_table()) == set(FILES) | set(SETTINGS)
    assert set(SETTINGS) == leaves(Settings)


def counted(output) -> dict[str, str]:
    """Return the number of jobs per rule in a dry run's output, in the form of the table."""
    table = output.partition("Job stats:")[2].partition("\n\n")[0].splitlines()[3:]
    counts = dict(line.split() for line in table)
    own = output.partition("params have changed since last execution:\n")[2].partition("\n")[0]
    shaped = {rule.strip() for rule in own.split(",")}
    return {
        rule: f"{n}*" if rule in shaped else n
        for rule, n in counts.items()
        if rule not in ("all", "total")
    }


@pytest.mark.parametrize("change", read_table())
def test_change_of_a_setting_runs_the_jobs_in_its_row_of_the_table(done, dry_runs, change):
    folder = done.folder
    config = nested(change, SETTINGS[change]) if change in SETTINGS else {}
    for copy, original in [
        ("more.tsv", "videos.tsv"),
        ("labels_too.yaml", "labels.yaml"),
        ("prompts/too.txt", "prompts/soccer_events.txt"),
        ("too_0.json", "given_0.json"),
        ("too_1.json", "given_1.json"),
        ("weights_too", "weights"),
        ("adapter", "adapter_of_llava"),
    ]:
        if not (folder / copy).exists():
            copying = shutil.copytree if (folder / original).is_dir() else shutil.copy2
            copying(folder / original, folder / copy)
    if change == "models.learned":
        write_learnt(done)
    if change == "half_starts":
        # It is about one video.
        config |= {"select": "0"}
    (folder / "base.yaml").write_text(yaml.safe_dump(done.config))
    (folder / "change.yaml").write_text(yaml.safe_dump(config))
    arguments = ["--configfile", "base.yaml", "change.yaml", "--rerun-triggers", *TRIGGERS]

    def jobs():
        return counted(dry_runs.run(folder, arguments))

    if change in FILES:
        with FILES[change](done):
            counts = jobs()
        assert jobs() == {}, "the change is taken back"
    else:
        counts = jobs()
    assert counts == read_table()[change]


def test_new_last_video_of_a_folder_changes_no_other_video(done, tmp_path):
    """A new file between others renumbers the files after it.

    Partials are deleted after the merge, so they are no targets here. A request would detect them
    again.
    """
    folder = tmp_path / "videos"
    folder.mkdir()
    for name, seconds in (("b.mkv", 6), ("d.mkv", 7)):
        write_video(folder / name, steady(seconds))
    options = {"videos": str(folder), "results": "folder", "compare_with": [], "slices": 1}
    done.run("predictions", **options, keep_partials=False)
    assert not list((done.folder / "folder").glob("partials/*"))
    assert done.jobs("predictions", **options, keep_partials=False) == {}
    wanted = done.jobs(**options)
    assert (wanted["detect_slice"], wanted["merge_slices"]) == (2, 2)
    write_video(folder / "e.mkv", steady(8))
    more = done.jobs("predictions", **options, keep_partials=False)
    assert more == {"probe_video": 1, "detect_slice": 1, "merge_slices": 1, "predictions": 1}
    (folder / "e.mkv").rename(folder / "a.mkv")
    assert done.jobs("predictions", **options, keep_partials=False)["detect_slice"] == 3
