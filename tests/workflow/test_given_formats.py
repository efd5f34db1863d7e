"""Predictions of trained spotters in SoccerNet's formats, as models of a run."""

import csv
import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from clones import new_clone

REAL = os.environ.get("TOUCHLINE_REAL_DATA")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(REAL is None, reason="TOUCHLINE_REAL_DATA is not set"),
]

GAME = "italy_serie-a/2016-2017/2016-10-02 - 21-45 AS Roma 2 - 1 Inter"


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Return a clone after a run with real predictions of two NetVLAD models, one of them in a zip.

    The game has two halves without footage. The first half has labels.
    """
    clone = new_clone(tmp_path_factory.mktemp("formats") / "clone", {})
    real = Path(REAL) / "soccernet"
    rows = ["video\tpath\tgame\thalf\tlabels"]
    shutil.copy(real / "labels" / GAME / "Labels-v2.json", clone.folder / "labels.json")
    for video in (0, 1):
        labels = "" if video else "labels.json"
        rows.append(f"{video}\t\t{GAME}\t{video + 1}\t{labels}")
    (clone.folder / "videos.tsv").write_text("\n".join(rows) + "\n")
    name = "results_spotting.json"
    shutil.copy(real / "netvlad_v1" / GAME / name, clone.folder / "v1.json")
    with zipfile.ZipFile(clone.folder / "v2.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(real / "netvlad_v2" / GAME / name, f"{GAME}/{name}")
    clone.config |= {
        "detect_with": [],
        "compare_with": ["v1", "v2"],
        "models": {"v1": {"predictions": "v1.json"}, "v2": {"predictions": "v2.zip"}},
        "evaluation": {"resamples": 20},
    }
    # In parts, as a busy machine takes long and each has a limit.
    for target in ("comparison", "exports", "evaluation", "all"):
        clone.run(target)
    return clone


def events(clone, model, video, results="results"):
    with (clone.folder / results / f"events/events_{model}_video_{video}.csv").open() as file:
        return list(csv.DictReader(file))


def original(version, half):
    path = Path(REAL) / "soccernet" / f"netvlad_{version}" / GAME / "results_spotting.json"
    items = json.loads(path.read_text())["predictions"]
    return sorted(
        (int(one["position"]) / 1000, one["confidence"]) for one in items if one["half"] == half
    )


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_predictions_of_the_half_keep_their_times_and_scores(done, version):
    for video in (0, 1):
        rows = events(done, version, video)
        found = sorted((float(row["time_s"]), float(row["score"])) for row in rows)
        assert found == [(time, float(c)) for time, c in original(version, str(video + 1))]
        assert {row["score_kind"] for row in rows} == {"given"}
        assert {row["time_s"] == row["window_s"] for row in rows} == {True}


def test_labels_of_unknown_classes_are_kept_and_marked(done):
    rows = events(done, "v1", 0) + events(done, "v1", 1)
    known = {row["label"]: row["known"] for row in rows}
    assert known == {"card": "no", "Goal": "yes", "Substitution": "yes"}
    with (done.folder / "results/summary/summary.csv").open() as file:
        (row, *_) = [r for r in csv.DictReader(file) if r["model"] == "v1"]
    assert row["unknown_labels"].startswith("card: ")


def test_spotters_are_compared_fused_evaluated_shown_and_exported(done):
    (pair,) = done.read("comparison/comparison_video_0.json")["pairs"]
    assert pair["overall"]["matched"] == 2 > 2 * pair["overall"]["matched_by_chance"]
    fused = [row for row in events(done, "ensemble", 0) if "v1 276.5" in row["said_by"]]
    assert fused
    # SoccerNet's own ranking of the model's scores: far above chance, as it is a trained spotter.
    loose = done.read("evaluation/evaluation_v2.json")["soccernet"]["loose"]
    assert loose["mean"]["value"] > 5 * loose["mean"]["by_chance"] > 0
    page = (done.folder / "results/report/video_0.html").read_text()
    assert "276.5" in page
    exported = done.read(f"exports/v2/soccernet/{GAME}/results_spotting.json")
    again = sorted(
        (int(one["position"]) / 1000, float(one["confidence"]))
        for one in exported["predictions"]
        if one["half"] == "2"
    )
    assert again == [(time, float(c)) for time, c in original("v2", "2")]


def test_our_own_exports_can_be_given(done):
    """Exports are given as a folder in the layout of SoccerNet's challenges, and as OSL JSON."""
    models = {
        "folder": {"predictions": "results/exports/v2/soccernet"},
        "osl": {"predictions": "results/exports/v2/osl.json"},
    }
    done.run("comparison", compare_with=list(models), models=models, results="again")
    what = ("time_s", "label", "score")
    for video in (0, 1):
        expected = [[row[name] for name in what] for row in events(done, "v2", video)]
        for model in models:
            rows = events(done, model, video, "again")
            assert [[row[name] for name in what] for row in rows] == expected


def test_replaced_file_is_read_again_for_all_its_videos(done):
    assert done.jobs() == {}
    for name in ("v2.zip", "v1.json"):
        file = done.folder / name
        kept = shutil.copy2(file, done.folder / "kept")
        # Another file to whoever compares bytes, and the same to its readers.
        file.write_bytes(file.read_bytes() + b"\n")
        counts = done.jobs()
        os.replace(kept, file)
        # Both models' of both halves: without footage its length is how far any model gets.
        assert (counts["read_given"], counts["compare_models"]) == (4, 2), name
    assert done.jobs() == {}


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        (
            "other.json",
            '{"UrlLocal": "a/b/c", "predictions": []}',
            "the file has no predictions for",
        ),
        ("broken.json", '{"UrlLocal": ', "is not a JSON file in UTF-8"),
        ("list.json", "[]", "replace the video's number by {video}"),
        ("no.zip", "PK", "no.zip cannot be read"),
        (
            "swapped.json",
            json.dumps(
                {
                    "UrlLocal": GAME,
                    "predictions": [
                        {"gameTime": "1 - 0:05", "label": "Goal", "position": "5000", "half": "2"}
                    ],
                }
            ),
            "Correct one of them, or swap the halves.",
        ),
    ],
)
def test_bad_files_stop_the_run_before_its_first_job(done, name, text, sentence):
    (done.folder / name).write_text(text)
    run = done.snakemake("-n", models={"v1": {"predictions": name}}, compare_with="v1")
    output = run.stdout + run.stderr
    assert run.returncode != 0
    assert sentence in " ".join(output.split())
    assert "Traceback" not in output
