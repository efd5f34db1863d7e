"""Comparison of given predictions only, without a video, a model or a GPU."""

import csv
import os
import subprocess
import sys

import pytest

from clones import given, new_clone


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    config = {
        "videos": None,
        "detect_with": [],
        "compare_with": ["one", "two"],
        "models": {
            "one": {"predictions": "a/final_predictions_one_video_{video}.json"},
            "two": {"predictions": "b/final_predictions_two_video_{video}.json"},
        },
        "missing_predictions": "skip",
    }
    clone = new_clone(tmp_path_factory.mktemp("given") / "clone", config)
    for folder, model, events in [("a", "one", [(10, "Goal"), (90, "Foul"), (300, "Other")]),
                                  ("b", "two", [(12, "goals"), (200, "Foul")])]:  # fmt: skip
        (clone.folder / folder).mkdir()
        for video in (3, 4):
            path = clone.folder / folder / f"final_predictions_{model}_video_{video}.json"
            path.write_text(given(events))
    (clone.folder / "b" / "final_predictions_two_video_4.json").unlink()
    clone.run()
    return clone


def test_videos_that_both_models_have_are_compared(done):
    (pair,) = done.read("comparison/comparison_video_3.json")["pairs"]
    assert (pair["both"], pair["only_a"], pair["only_b"]) == (1, 2, 1)
    assert pair["compared"] == [{"start": 0, "end": 304}]
    assert not done.results("comparison/comparison_video_4.json")
    assert len(done.read("ensemble/final_predictions_ensemble_video_3.json")) == 4


def test_summary_shows_present_and_missing_predictions(done):
    with (done.folder / "results/summary/summary.csv").open() as file:
        rows = {(row["video"], row["model"]): row for row in csv.DictReader(file)}
    assert rows["3", "one"]["events"] == "3"
    assert rows["3", "one"]["unknown_labels"] == "Other: 1"
    assert rows["4", "two"]["missing_files"] == "b/final_predictions_two_video_4.json"


def test_each_model_and_the_ensemble_has_a_shortlist(done):
    names = [path.name for path in done.results("events/shortlist_*")]
    assert names == [
        "shortlist_ensemble_video_3.csv",
        "shortlist_one_video_3.csv",
        "shortlist_one_video_4.csv",
        "shortlist_two_video_3.csv",
    ]
    with (done.folder / "results/events/shortlist_one_video_4.csv").open() as file:
        rows = [(row["label"], row["rank"], row["probability"]) for row in csv.DictReader(file)]
    # Other is no class; without labels nobody knows how probable the others are.
    assert rows == [("Goal", "1", ""), ("Foul", "1", "")]
    jobs = done.jobs("shortlist", shortlist={"per_class": 3})
    assert jobs == {"shortlist_events": 4, "shortlist": 1}


def test_footage_of_given_predictions_is_probed(done, clip):
    """The length is then known, and pages have pictures."""
    (done.folder / "videos.tsv").write_text(f"video\tpath\tgame\n3\t{clip}\n4\t\tm\n")
    for video in (3, 4):
        (done.folder / f"early_{video}.json").write_text(given([(2, "Goal"), (2700, "Foul")]))
    models = {"early": {"predictions": "early_{video}.json"}}
    done.run(videos="videos.tsv", results="shown", compare_with="early", models=models)
    shown = done.folder / "shown"
    for video, events in ((3, ["Goal"]), (4, ["Goal", "Foul"])):
        with (shown / f"events/events_early_video_{video}.csv").open() as file:
            assert [row["label"] for row in csv.DictReader(file)] == events
    log = (shown / "logs/given/early_video_3.log").read_text()
    assert "is at 2700 s, beyond the end of the video (9.2 s)" in log
    assert (shown / "thumbnails/thumbnails_video_3.json").exists()
    assert not (shown / "thumbnails/thumbnails_video_4.json").exists()
    assert (shown / "report/video_4.html").exists()


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("exports", "There is nothing to export: the formats name the game and half"),
        ("evaluation", "There is nothing to evaluate: no selected video has labels."),
    ],
)
def test_target_without_predictions_names_the_missing_ones(done, target, sentence):
    run = done.snakemake(target)
    assert run.returncode != 0
    assert sentence in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def refused(run):
    """Return the sentence with which a run ends."""
    output = run.stdout + run.stderr
    assert run.returncode != 0
    assert "Traceback" not in output
    return " ".join(output.split())


def test_result_of_an_unknown_video_is_refused_with_a_sentence(done):
    for name in ("comparison/comparison_video_7.json", "report/video_7.html"):
        run = done.snakemake("-n", f"results/{name}")
        assert "video 7 is not selected (selected: 3-4)" in refused(run)


def test_predictions_dated_in_the_future_are_refused_before_the_run(done):
    path = done.folder / "a" / "final_predictions_one_video_3.json"
    before = path.stat().st_mtime
    os.utime(path, (2e9, 2e9))
    run = done.snakemake("-n")
    os.utime(path, (before, before))
    assert "Type touch a/final_predictions_one_video_3.json" in refused(run)


def test_run_without_slices_prints_nothing_about_slices(done):
    run = done.run("--forcerun", "summarize")
    assert "To do: " in run.stdout + run.stderr
    assert "slices" not in run.stdout + run.stderr
    command = [sys.executable, "scripts/status.py", "--configfile", "my.yaml"]
    status = subprocess.run(command, cwd=done.folder, capture_output=True, text=True, check=True)
    assert status.stdout.startswith("This run has no slices, because detect_with is empty")


def test_reason_of_a_job_with_many_files_is_shortened(tmp_path):
    config = {
        "videos": None,
        "detect_with": [],
        "compare_with": ["one"],
        "models": {"one": {"predictions": "predictions_{video}.json"}},
    }
    clone = new_clone(tmp_path / "clone", config)
    for video in range(60):
        (clone.folder / f"predictions_{video}.json").write_text(given([(10, "Goal")]))
    output = clone.run("-n").stdout
    reasons = [line for line in output.splitlines() if "reason:" in line.lower()]
    assert reasons
    assert max(map(len, reasons)) < 350
