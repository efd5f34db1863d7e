"""The whole workflow on small videos, then what a user does with its results."""

import os
import shutil

import pytest

from clones import given
from media import steady, write_video

NAMES = ["a b.mkv", 'it\'s; $(touch oops) "q".mkv']


@pytest.fixture(scope="module")
def done(clone, clip):
    """The workflow, run to its end on two videos with nasty names."""
    (clone.folder / "halves é").mkdir()
    rows = ["video\tpath\tgame\thalf"]
    for number, name in enumerate(NAMES):
        shutil.copy(clip, clone.folder / "halves é" / name)
        rows.append(f"{number}\thalves é/{name}\tA vs B\t{number + 1}")
        (clone.folder / f"given_{number}.json").write_text(given([(2, "Goal"), (6, "corners")]))
    (clone.folder / "videos.tsv").write_text("\n".join(rows) + "\n")
    clone.config["models"]["other"] = {"predictions": "given_{video}.json"}
    clone.config["compare_with"] = ["other"]
    clone.run()
    return clone


def test_every_file_of_the_contract_is_there(done):
    assert len(done.results("partials/partial_results_llava_vid[01]_gpu[01].json")) == 4
    assert len(done.results("windows/windows_llava_vid[01]_gpu[01].jsonl")) == 4
    for name in [
        "videos/video_{}.json",
        "predictions/final_predictions_llava_video_{}.json",
        "events/events_llava_video_{}.csv",
        "events/events_other_video_{}.csv",
        "coverage/coverage_llava_video_{}.json",
        "comparison/comparison_video_{}.json",
        "comparison/comparison_video_{}.csv",
        "ensemble/final_predictions_ensemble_video_{}.json",
        "events/events_ensemble_video_{}.csv",
        "summary/summary.csv",
        "thumbnails/thumbnails_video_{}.json",
        "report/video_{}.html",
        "report/index.html",
        "report/charts/agreement.svg",
    ]:
        for video in (0, 1):
            assert (done.folder / "results" / name.format(video)).is_file(), name
    assert not (done.folder / "oops").exists()


def test_the_ledgers_tell_of_every_window_and_the_partials_of_every_answer(done):
    reached = 0.0
    for index in (0, 1):
        ledger = done.read(f"windows/windows_llava_vid1_gpu{index}.jsonl")
        assert ledger[0]["start"] == reached
        assert [w["start"] for w in ledger] == [reached + 2 * k for k in range(3)]
        reached = ledger[-1]["end"]
        answers = [{"time": w["start"], "raw": w["text"]} for w in ledger if w["status"] != "none"]
        assert done.read(f"partials/partial_results_llava_vid1_gpu{index}.json") == answers
    assert reached == done.read("videos/video_1.json")["duration"] == 9.2


def test_given_predictions_are_read_into_the_classes(done):
    report = done.read("comparison/comparison_video_0.json")
    assert [(m["name"], m["events"], m["unknown"]) for m in report["models"]][1] == ("other", 2, 0)
    ensemble = done.read("ensemble/final_predictions_ensemble_video_0.json")
    assert [item["time"] for item in ensemble if "'Corner'" in item["raw"]] == [6.0]


def test_a_second_run_has_nothing_to_do(done):
    assert "Nothing to be done" in done.run().stdout + done.run().stderr


PAGES = {"report_match": 1, "report_run": 1}
REST = {"compare_models": 1, "fuse_models": 1, "summarize": 1, "draw_thumbnails": 1} | PAGES
ONE_SLICE = {"detect_slice": 1, "merge_slices": 1} | REST
ONE_VIDEO = ONE_SLICE | {"detect_slice": 2}


@pytest.mark.parametrize(
    ("name", "jobs"),
    [
        ("partials/partial_results_llava_vid1_gpu0.json", ONE_SLICE),
        ("windows/windows_llava_vid0_gpu1.jsonl", ONE_SLICE),
        ("predictions/final_predictions_llava_video_0.json", {"merge_slices": 1} | REST),
        ("comparison/comparison_video_1.csv", {"compare_models": 1, "summarize": 1} | PAGES),
        ("summary/summary.txt", {"summarize": 1}),
        ("thumbnails/thumbnails_video_1.json", {"draw_thumbnails": 1, "report_match": 1}),
        ("report/video_0.html", {"report_match": 1}),
        ("benchmarks/detect_llava_vid0_gpu0.tsv", {}),
        ("report/charts/counts.svg", {"report_run": 1}),
    ],
)
def test_a_deleted_file_is_made_anew_with_what_follows(done, tmp_path, name, jobs):
    file = done.folder / "results" / name
    kept = tmp_path / "kept"
    file.rename(kept)
    try:
        assert done.jobs() == jobs
    finally:
        kept.rename(file)


def test_touching_or_moving_a_video_changes_nothing(done):
    video = done.folder / "halves é" / NAMES[0]
    video.touch()
    assert done.jobs() == {}
    video.rename(done.folder / "moved.mkv")
    table = done.folder / "videos.tsv"
    text = table.read_text()
    table.write_text(text.replace(f"halves é/{NAMES[0]}", "moved.mkv"))
    try:
        assert done.jobs() == {}
    finally:
        (done.folder / "moved.mkv").rename(video)
        table.write_text(text)


def test_other_content_under_the_same_name_is_probed_and_detected_anew(done, tmp_path):
    video = done.folder / "halves é" / NAMES[1]
    kept = shutil.copy2(video, tmp_path / "kept.mkv")
    write_video(video, steady(8))
    try:
        assert done.jobs() == {"probe_video": 1, "read_given": 1} | ONE_VIDEO
    finally:
        os.replace(kept, video)


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        ({"merge": {"window": 9}, "select": "1"}, {"merge_slices": 1} | REST),
        ({"comparison": {"tolerance": 9}, "select": "1"}, REST),
        (
            {"comparison": {"seed": 9}, "select": "1"},
            {"compare_models": 1, "summarize": 1} | PAGES,
        ),
        (
            {"ensemble": {"method": "intersection"}},
            {"fuse_models": 2, "report_match": 2, "report_run": 1},
        ),
        ({"image": {"fit": "crop"}, "select": "0"}, ONE_VIDEO),
        ({"detector_version": 2, "select": "0"}, ONE_VIDEO),
    ],
)
def test_a_setting_re_runs_the_rules_that_it_shapes(done, change, jobs):
    assert done.jobs(**change) == jobs


def test_a_run_can_be_looked_at_before_it_is_made(done):
    for flag in ("--dag", "--rulegraph"):
        said = done.run(flag, "--forceall").stdout
        assert said.lstrip().startswith("digraph"), said[:200]
        assert "detect_slice" in said
    assert "partial_results_llava_vid0_gpu0.json" in done.run("--summary").stdout
    done.run("--lint")


def test_partials_can_be_thrown_away_once_merged(done):
    done.run("--forceall", keep_partials=False, results="results2", select="0")
    assert not list((done.folder / "results2").glob("partials/*"))
    assert (done.folder / "results2/predictions/final_predictions_llava_video_0.json").exists()
    assert done.jobs(keep_partials=False, results="results2", select="0") == {}
