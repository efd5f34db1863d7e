"""Windows of 16 seconds run, and windows that are too long for a model are refused."""

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
def test_ledgers_of_wide_windows_have_all_windows(project, checkpoints):
    models = {
        family.replace("_", "-"): {"checkpoint": str(folder), "family": family}
        for family, folder in checkpoints.items()
    }
    # In the letters of the tiny tokenizers, the project's own prompt fills most of the context.
    (project.folder / "prompt.txt").write_text("Which of these happen?\nGoal, Corner")
    project.run(models=models, detect_with=list(models), prompt="prompt.txt")
    for model in models:
        first, second = (
            project.read(f"windows/windows_{model}_vid0_gpu{index}.jsonl") for index in (0, 1)
        )
        assert [(w["start"], w["end"], len(w["frame_times"])) for w in first + second] == [
            *((0, 16, 16), (8, 20, 12), (16, 20, 4)),
            *((20, 36, 16), (28, 40, 12), (36, 40, 4)),
        ]
        assert {w["status"] for w in first + second} <= {"events", "none", "unparsed"}
        coverage = project.read(f"coverage/coverage_{model}_video_0.json")
        assert coverage["looked_at"] == [{"start": 0, "end": 40}]


def test_windows_longer_than_the_context_are_refused_before_the_dag(project):
    done = project.snakemake("-n", window={"seconds": 30, "frames": 90, "fps": 3, "step": 8})
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "A window of 90 frames makes a prompt of" in output
    assert "exceeds the 1,024 tokens that" in output
    assert "Set window.frames to" in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_slice_with_too_large_frames_stops_before_loading_its_model(project, qwen_checkpoint):
    # The number of tokens per frame depends on the video, which the preflight does not open.
    done = project.snakemake(
        models={"llava": {"checkpoint": str(qwen_checkpoint), "family": "qwen2_5_vl"}},
        window={"seconds": 30, "frames": 90, "fps": 3, "step": 8},
        results="long",
        resources="long-models",
    )
    assert done.returncode != 0
    log = (project.folder / "long/logs/detect/llava_vid0_gpu0.log").read_text()
    assert "A window of 90 frames makes a prompt of" in log
    assert "Set window.frames to" in log
    assert "Traceback" not in log + done.stdout + done.stderr
    assert "weights are" not in log
    assert not list(project.folder.glob("long/partials/*"))
