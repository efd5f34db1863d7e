"""Test the record of a run, and the comparison of files with a record."""

import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from clones import ROOT, given
from touchline.core.files import write_json
from touchline.core.jobs import hashes_at_end, recorded_job
from touchline.core.records import Manifest, ModelFiles, Origin
from touchline.errors import InputError
from touchline.inputs.fingerprint import fingerprint
from touchline.runs.checkout import Checkout, read_checkout
from touchline.runs.inputs import find_inputs
from touchline.runs.plan import Plan
from touchline.runs.record import differences, hashed_folder, record_run

TRUTH = {"annotations": [{"gameTime": "1 - 00:02", "label": "Goal", "position": "2000"}]}


class Run:
    """The files of a finished run with one video, a model that ran and a model with given
    predictions.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results"
        (folder / "a.mkv").write_bytes(b"pictures")
        (folder / "truth.json").write_text(json.dumps(TRUTH))
        (folder / "given_0.json").write_text(given([(2, "Goal")]))
        (folder / "prompt.txt").write_text("What happens?")
        shutil.copy(ROOT / "labels.yaml", folder)
        (folder / "videos.tsv").write_text(
            "video\tpath\tgame\thalf\tlabels\n0\ta.mkv\tA vs B\t2\ttruth.json\n"
        )
        self.config = {
            "prompt": "prompt.txt",
            "models": {
                "llava": {"checkpoint": "~/weights"},
                "other": {"predictions": "given_{video}.json"},
            },
            "compare_with": ["other"],
        }
        self.plan = Plan(find_inputs(self.config, folder))
        self.model = Path(self.plan.model_folder("llava"))
        self.model.mkdir(parents=True)
        (self.model / "model.safetensors").write_bytes(b"weights")
        manifest = Manifest(
            video=0, path="/home/me/a.mkv", bytes=8, fingerprint=fingerprint(folder / "a.mkv"),
            duration=9, start_time=0, frame_rate=25, width=1, height=1, rotation=0, codec="h264",
        )  # fmt: skip
        write_json(self.results / "videos/video_0.json", manifest.model_dump())
        files = ModelFiles(
            origin=Origin(checkpoint="/home/me/weights", commit=None),
            packages={"torch": "2.13.0"},
            files=hashed_folder(self.model),
        )
        write_json(self.results / "models/files_llava.json", files.model_dump())
        (self.results / "exports/llava/webvtt").mkdir(parents=True)
        (self.results / "exports/llava/webvtt/video_0.vtt").write_text("WEBVTT\n")
        (self.results / "exports/llava/.snakemake_timestamp").touch()
        (self.results / "logs").mkdir()
        (self.results / "logs/some.log").write_text("what differs each time")

    def record(self):
        made = ["exports/llava", "videos/video_0.json"]
        made += [f"models/files_{model}.json" for model in Plan(self.plan.inputs).hashed]
        paths = [f"results/{name}" for name in made]
        return record_run(self.plan, self.config, paths, self.folder)

    def differences(self, record):
        models = {"llava": self.model}
        found = differences(record, self.plan.inputs, Path("results"), models)
        return [(one.change, one.what) for one in found]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Run(tmp_path)


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_record_has_the_hash_of_every_file(run):
    record = run.record()
    assert {file.path: file.sha256 for file in record.results} == {
        name: sha256(run.results / name)
        for name in (
            "exports/llava/webvtt/video_0.vtt",
            "models/files_llava.json",
            "videos/video_0.json",
        )
    }
    assert [(one.role, one.video, one.model, one.name, one.sha256) for one in record.inputs] == [
        ("prompt", None, None, "prompt.txt", sha256("prompt.txt")),
        ("classes", None, None, "labels.yaml", sha256("labels.yaml")),
        ("annotations", 0, None, "truth.json", sha256("truth.json")),
        ("predictions", 0, "other", "given_0.json", sha256("given_0.json")),
    ]
    (video,) = record.videos
    assert (video.game, video.half, video.bytes, video.duration) == ("A vs B", 2, 8, 9)
    (model,) = record.models
    assert model.origin.checkpoint == "~/weights"
    assert model.packages == {"torch": "2.13.0"}
    assert [file.sha256 for file in model.files] == [sha256(run.model / "model.safetensors")]
    assert record.software.packages["pydantic"]
    assert record == run.record()


def test_record_contains_no_personal_paths_or_secrets(run, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    text = run.record().model_dump_json()
    assert "hf_secret" not in text
    assert "/home/me" not in text
    assert str(run.folder) not in text


def test_unchanged_files_have_no_differences(run):
    assert run.differences(run.record()) == []


def test_recording_a_missing_result_is_an_error(run):
    (run.results / "videos/video_0.json").rename(run.results / "videos/other.json")
    with pytest.raises(InputError, match=r"results/videos/video_0\.json cannot be read"):
        run.record()


def test_every_changed_file_is_listed_as_a_difference(run):
    record = run.record()
    write_json(run.results / "run.json", record.model_dump())
    (run.results / "exports/llava/webvtt/video_0.vtt").write_text("WEBVTT!")
    (run.results / "models/files_llava.json").unlink()
    (run.results / "videos/more.json").write_text("{}")
    (run.results / "logs/more.log").touch()
    (run.results / "verdicts").mkdir()
    (run.results / "verdicts/verdicts_video_0.csv").touch()
    (run.folder / "truth.json").write_text(json.dumps(TRUTH) + "\n")
    (run.folder / "a.mkv").write_bytes(b"moments_with_pictures")
    (run.model / "model.safetensors").write_bytes(b"weighty")
    assert run.differences(record) == [
        ("changed", "results/exports/llava/webvtt/video_0.vtt"),
        ("missing", "results/models/files_llava.json"),
        ("not in the record", "results/videos/more.json"),
        ("changed", "truth.json (annotations, video 0)"),
        ("changed", "a.mkv (video 0)"),
        ("changed", f"{run.model}/model.safetensors (model llava)"),
    ]


def test_missing_videos_and_models_are_reported_as_not_checked(run):
    record = run.record()
    shutil.rmtree(run.model)
    (run.folder / "a.mkv").unlink()
    assert [change for change, _ in run.differences(record)] == ["not checked", "not checked"]


def test_model_deleted_after_its_slices_is_not_hashed(run):
    """Results of an older Touchline have no hashes of the model's files."""
    (run.results / "models/files_llava.json").unlink()
    assert Plan(run.plan.inputs).hashed == ["llava"], "it is there"
    shutil.rmtree(run.model)
    assert Plan(run.plan.inputs).hashed == ["llava"], "it is needed: no slice is done"
    for part in run.plan.slices:
        for name in ("partials/partial_results", "windows/windows"):
            end = "json" if name.startswith("partials") else "jsonl"
            path = run.results / f"{name}_llava_vid0_gpu{part.slice}.{end}"
            path.parent.mkdir(exist_ok=True)
            path.touch()
    assert Plan(run.plan.inputs).hashed == []
    origin = Origin(checkpoint="/home/me/weights", commit="c" * 40)
    write_json(run.results / "models/model_llava.json", origin.model_dump())
    (model,) = run.record().models
    assert (model.origin.commit, model.files) == ("c" * 40, [])


def ended(run, name, *outputs):
    """End a job of the run that wrote some results."""
    job = SimpleNamespace(
        log=[f"results/logs/{name}.log"], output=[f"results/{o}" for o in outputs]
    )
    with recorded_job(job):
        pass


def test_result_edited_after_its_job_is_reported(run):
    """A second record after the edit reports the result, too."""
    ended(run, "probe/video_0", "videos/video_0.json")
    ended(run, "exports/llava", "exports/llava")
    before = run.record()
    assert before.changed == []
    with (run.results / "videos/video_0.json").open("a") as file:
        file.write("\n")
    (run.results / "exports/llava/webvtt/video_0.vtt").write_text("WEBVTT!")
    record = run.record()
    assert record.changed == ["exports/llava/webvtt/video_0.vtt", "videos/video_0.json"]
    assert record.results == before.results
    assert run.differences(record) == [
        ("changed", "results/exports/llava/webvtt/video_0.vtt"),
        ("changed", "results/videos/video_0.json"),
    ]
    ended(run, "exports/llava", "exports/llava")
    assert run.record().changed == ["videos/video_0.json"]


def test_files_added_to_or_deleted_from_results_are_reported(run):
    ended(run, "exports/llava", "exports/llava")
    (run.results / "exports/llava/more.txt").touch()
    (run.results / "exports/llava/webvtt/video_0.vtt").unlink()
    record = run.record()
    assert record.changed == ["exports/llava/webvtt/video_0.vtt"]
    assert run.differences(record) == [
        ("missing", "results/exports/llava/webvtt/video_0.vtt"),
        ("not in the record", "results/exports/llava/more.txt"),
    ]


def test_failed_job_stores_no_hashes(run):
    job = SimpleNamespace(log=["results/logs/a.log"], output=["results/videos/video_0.json"])
    with pytest.raises(SystemExit), recorded_job(job):
        raise InputError("No.")
    assert not (run.results / "hashes").exists()


def test_hashes_include_notes_and_results_in_folders_named_logs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("logs/results/models/note.json", "logs/results/videos/video_0.json"):
        write_json(name, {})
    job = SimpleNamespace(
        log=["logs/results/logs/detect/a.b.log"], output=["logs/results/videos/video_0.json"]
    )
    with recorded_job(job, [Path("logs/results/models/note.json")]):
        pass
    assert Path("logs/results/hashes/detect/a.b.json").exists()
    assert sorted(hashes_at_end(Path("logs/results"))) == [
        "models/note.json",
        "videos/video_0.json",
    ]


def moved(run, tmp_path):
    """Record the run, and return another folder with a copy of its results."""
    record = run.record()
    write_json(run.results / "run.json", record.model_dump())
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(run.results, elsewhere / "copy")
    return elsewhere


def verified(folder, record):
    command = [sys.executable, str(ROOT / "scripts/verify.py"), record]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_copied_results_are_verified_without_inputs(run, tmp_path):
    elsewhere = moved(run, tmp_path)
    status, lines = verified(elsewhere, "copy/run.json")
    assert lines[-1] == "All 3 results match copy/run.json."
    assert status == 0
    for name in ("prompt.txt (prompt)", "truth.json (annotations, video 0)",
                 "given_0.json (predictions of other, video 0)"):  # fmt: skip
        assert f"not checked: {name}, which is missing" in lines
    assert "not checked: video 0, which the table of videos does not have" in lines
    (elsewhere / "copy/videos/video_0.json").write_text("{}")
    status, lines = verified(elsewhere, "copy/run.json")
    assert status == 1
    assert "changed: copy/videos/video_0.json" in lines


def test_results_are_verified_even_if_inputs_are_missing(run):
    write_json(run.results / "run.json", run.record().model_dump())
    (run.folder / "given_0.json").unlink()
    (run.folder / "truth.json").unlink()
    (run.folder / "prompt.txt").write_text("Else?")
    status, lines = verified(run.folder, "results/run.json")
    assert lines == [
        "changed: prompt.txt (prompt)",
        "not checked: truth.json (annotations, video 0), which is missing",
        "not checked: given_0.json (predictions of other, video 0), which is missing",
        "Different from results/run.json: 1.",
    ]
    assert status == 1


def test_results_are_verified_with_settings_of_another_version(run):
    record = run.record().model_dump()
    record["settings"]["nonsense"] = 1
    write_json(run.results / "run.json", record)
    status, lines = verified(run.folder, "results/run.json")
    assert status == 0
    assert lines[0].startswith("not checked: inputs, videos and models: config.nonsense")
    assert lines[-1] == "All 3 results match results/run.json."


@pytest.mark.parametrize("text", ["{}", "[]", '{"results": []}'])
def test_invalid_record_is_refused_in_one_sentence(run, text):
    (run.folder / "some.json").write_text(text)
    status, lines = verified(run.folder, "some.json")
    assert status == 1
    assert lines == [
        "some.json is not the record of a run by this version of Touchline. Give the path of a "
        "run.json."
    ]


def test_swapped_halves_differ_from_the_record(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "labels.yaml", tmp_path)
    for video in (0, 1):
        (tmp_path / f"given_{video}.json").write_text(given([(2, "Goal")]))
    config = {
        "videos": "videos.tsv",
        "models": {"other": {"predictions": "given_{video}.json"}},
        "detect_with": [],
        "compare_with": ["other"],
    }

    def table(*halves):
        rows = [f"{v}\tnowhere_{v}.mkv\tA vs B\t{half}" for v, half in enumerate(halves)]
        text = "\n".join(["video\tpath\tgame\thalf", *rows]) + "\n"
        (tmp_path / "videos.tsv").write_text(text)
        return Plan(find_inputs(config, tmp_path))

    (tmp_path / "results").mkdir()
    record = record_run(table(1, 2), config, [], tmp_path)
    assert [(one.video, one.game, one.half) for one in record.videos] == [
        (0, "A vs B", 1),
        (1, "A vs B", 2),
    ]
    assert {one.fingerprint for one in record.videos} == {None}
    assert differences(record, table(1, 2).inputs, Path("results"), {}) == []
    found = differences(record, table(2, 1).inputs, Path("results"), {})
    assert [(one.change, one.what) for one in found] == [
        ("changed", "video 0: half 2 of A vs B; in the record half 1 of A vs B"),
        ("changed", "video 1: half 1 of A vs B; in the record half 2 of A vs B"),
    ]


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_commit_is_recorded_only_for_the_project_s_own_checkout(run):
    assert run.record().software.commit is None
    git(run.folder, "init", "-q")
    (run.folder / "config.yaml").write_text("slices: 4\n")
    git(run.folder, "add", "prompt.txt", "config.yaml")
    git(run.folder, "commit", "-qm", "first")
    software = run.record().software
    assert software.commit == git(run.folder, "rev-parse", "HEAD")
    assert software.is_changed is False
    # Changed settings do not count, because the record contains them.
    (run.folder / "config.yaml").write_text("slices: 2\n")
    assert run.record().software.is_changed is False
    (run.folder / "prompt.txt").write_text("Else?")
    assert run.record().software.is_changed is True
    # A copy of the project within a repository of something else.
    (run.folder / "copy").mkdir()
    within = record_run(run.plan, run.config, [], run.folder / "copy").software
    assert (within.commit, within.is_changed) == (None, None)


@pytest.fixture
def checkout(tmp_path):
    """Make a checkout with one commit. Return its folder and the commit."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "file").write_text("text")
    git(folder, "add", "file")
    git(folder, "commit", "-qm", "first")
    return folder, git(folder, "rev-parse", "HEAD")


def replace_git(folder, monkeypatch, command):
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{command}\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_commit_of_another_user_s_checkout_is_read(checkout, tmp_path, monkeypatch):
    folder, commit = checkout
    other = f'GIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {shutil.which("git")} "$@"'
    replace_git(tmp_path / "bin", monkeypatch, other)
    with pytest.raises(subprocess.CalledProcessError):
        git(folder, "rev-parse", "HEAD")
    assert read_checkout(folder) == Checkout(commit, is_changed=False)


@pytest.mark.parametrize("form", ["branch", "packed", "detached", "worktree"])
def test_commit_is_read_without_the_git_program(checkout, tmp_path, monkeypatch, caplog, form):
    folder, commit = checkout
    if form == "packed":
        git(folder, "pack-refs", "--all")
    if form == "detached":
        git(folder, "checkout", "-q", "--detach")
    if form == "worktree":
        git(folder, "worktree", "add", "-q", str(tmp_path / "tree"))
        folder = tmp_path / "tree"
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with caplog.at_level(logging.WARNING, "touchline"):
        assert read_checkout(folder) == Checkout(commit, is_changed=None)
    assert "git cannot be run (No such file or directory)" in caplog.text


def test_reason_for_a_missing_commit_is_logged(tmp_path, monkeypatch, caplog):
    with caplog.at_level(logging.WARNING, "touchline"):
        assert read_checkout(tmp_path) == Checkout()
        assert "is not a git checkout. Cite the version" in caplog.text
        (tmp_path / ".git").mkdir()
        replace_git(tmp_path / "bin", monkeypatch, "echo 'fatal: it is broken' >&2; exit 128")
        assert read_checkout(tmp_path) == Checkout()
    assert "run.json has no commit, because git cannot read it: fatal: it is broken." in caplog.text
