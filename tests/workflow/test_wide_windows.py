"""Windows of 16 seconds run like those of four, and windows too long for a model do not start."""

import pytest

from media import steady, write_video


@pytest.fixture(scope="module")
def project(clone):
    write_video(clone.folder / "clip.mkv", steady(40.0))
    (clone.folder / "videos.tsv").write_text("video\tpath\n0\tclip.mkv\n")
    clone.config |= {
        "window": {"seconds": 16, "frames": 16, "step": 8},
        "merge": {"window": 8},
    }
    return clone


@pytest.mark.slow
def test_the_ledgers_of_wide_windows_are_full(project):
    project.run()
    ledgers = [project.read(f"windows/windows_llava_vid0_gpu{index}.jsonl") for index in (0, 1)]
    shown = [[(w["start"], w["end"], len(w["frame_times"])) for w in ledger] for ledger in ledgers]
    assert shown[0] == [(0, 16, 16), (8, 20, 12), (16, 20, 4)]
    assert shown[1] == [(20, 36, 16), (28, 40, 12), (36, 40, 4)]
    answered = {window["status"] for ledger in ledgers for window in ledger}
    assert answered <= {"events", "none", "unparsed"}
    assert project.read("coverage/coverage_llava_video_0.json")["looked_at"] == [
        {"start": 0, "end": 40}
    ]


def test_windows_longer_than_the_context_are_refused_before_the_dag(project):
    done = project.snakemake("-n", window={"seconds": 30, "frames": 90, "fps": 3, "step": 8})
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "A window of 90 frames makes a prompt of" in output
    assert "than the 1,024 that" in output
    assert "set window.frames to" in output
    assert "Traceback" not in output
