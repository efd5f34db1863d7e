"""`snakemake clips` cuts clips of a video's labels, or of the first model's shortlist."""

import shutil

import pytest

from clones import given, new_clone

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def done(tmp_path_factory, clip):
    """Return a clone with a review of video 0, predictions of video 1, no footage of video 2."""
    config = {
        "videos": "videos.tsv",
        "detect_with": [],
        "compare_with": ["one", "two"],
        "models": {
            "one": {"predictions": "one_{video}.json"},
            "two": {"predictions": "two_{video}.json"},
        },
        "clips": {"before": 2, "after": 1},
    }
    clone = new_clone(tmp_path_factory.mktemp("clips") / "clone", config)
    shutil.copy(clip, clone.folder / "match.mkv")
    rows = ["video\tpath\tgame\thalf\tlabels", "0\tmatch.mkv\tA - B\t1\treview.csv"]
    rows += ["1\tmatch.mkv\tA - B\t2\t", "2\t\tC - D\t1\t"]
    (clone.folder / "videos.tsv").write_text("\n".join(rows) + "\n")
    (clone.folder / "review.csv").write_text(
        "time_s,label,verdict,visibility,in_s,out_s\n"
        "4,Goal,confirmed,,,\n"
        "6,Goal,confirmed,,5,7.5\n"
        "5,Foul,rejected,,,\n"
        "5,Corner,confirmed,not shown,,\n"
    )
    for video in (0, 1, 2):
        (clone.folder / f"one_{video}.json").write_text(given([(2, "Goal"), (6, "Foul")]))
        (clone.folder / f"two_{video}.json").write_text(given([(2, "Corner")]))
    clone.run("clips")
    return clone


def test_confirmed_and_visible_labels_become_clips(done):
    listed = done.read("clips/video_0/clips.json")
    spans = {each["file"]: (each["asked_start_s"], each["asked_end_s"]) for each in listed["clips"]}
    assert spans == {
        "A-B_half1_00-00-04_Goal.mp4": (2, 5),
        "A-B_half1_00-00-06_Goal.mp4": (5, 7.5),
    }
    names = [path.name for path in done.results("clips/video_0/[!.]*")]
    assert names == [*spans, "clips.json", "match-proj.llc", "reel_Goal.mp4"]


def test_shortlist_of_the_first_model_becomes_clips_without_labels(done):
    listed = done.read("clips/video_1/clips.json")
    assert {each["label"] for each in listed["clips"]} == {"Goal", "Foul"}
    log = (done.folder / "results/logs/clips/video_1.log").read_text()
    assert "The events are the 2 events of one's shortlist." in log
    assert not done.results("clips/video_2*")
    assert not done.results("report/*")


def test_deleted_folder_or_changed_setting_cuts_clips_again(done):
    assert done.jobs("clips") == {}
    assert done.jobs("clips", clips={"before": 2, "after": 1, "exact": True})["cut_clips"] == 2
    stale = done.folder / "results/clips/video_1/stale.mp4"
    stale.touch()
    shutil.rmtree(done.folder / "results/clips/video_0")
    assert done.jobs("clips")["cut_clips"] == 1
    done.run("clips", clips={"before": 2, "after": 1, "exact": True})
    assert not stale.exists()
    assert done.read("clips/video_0/clips.json")["exact"]


def test_clips_without_events_are_refused_with_a_sentence(done):
    failed = done.snakemake("clips", select="2")
    assert failed.returncode != 0
    assert "There is nothing to cut: no selected video has both" in failed.stderr
    assert "Traceback" not in failed.stderr
