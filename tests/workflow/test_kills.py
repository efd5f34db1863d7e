"""Killed runs resume, and their files equal those of an undisturbed run."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
import yaml

from clones import new_clone, signal_slices

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("TOUCHLINE_KILLS", "3"))
FILES = [
    "partials/partial_results_llava_vid0_gpu0.json",
    "windows/windows_llava_vid0_gpu0.jsonl",
    "features/features_llava_vid0_gpu0.safetensors",
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory, checkpoint):
    """Return a clone with one long slice."""
    from media import steady, write_video

    config = {
        "slices": 1,
        "videos": "videos.tsv",
        "batch": {"windows": 2},
        "generation": {"max_new_tokens": 40},
        "learn": True,
        "models": {"llava": {"checkpoint": str(checkpoint), "revision": None}},
        "compare_with": [],
    }
    clone = new_clone(tmp_path_factory.mktemp("kills") / "clone", config)
    write_video(clone.folder / "long.mkv", steady(600, rate=2), gop=20)
    (clone.folder / "videos.tsv").write_text("video\tpath\n0\tlong.mkv\n")
    clone.run("models", "results/videos/video_0.json")
    return clone


def test_killed_workers_give_the_files_of_an_undisturbed_run(clone):
    targets = [f"results/{name}" for name in FILES]
    (clone.folder / "my.yaml").write_text(yaml.safe_dump(clone.config))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *targets]
    command += ["--configfile", "my.yaml", "--rerun-incomplete"]
    source, done = random.Random(0), 0
    for kill in range(KILLS):
        with (clone.folder / "output.txt").open("w") as output:
            run = subprocess.Popen(command, cwd=clone.folder, stdout=output, stderr=output)
        wanted, deadline = done + source.randrange(1, 200 // KILLS), time.monotonic() + 120
        while len(clone.answered()) < wanted and time.monotonic() < deadline:
            assert run.poll() is None, (clone.folder / "output.txt").read_text()
            time.sleep(0.02)
        signal_slices(run, signal.SIGKILL if kill % 2 else signal.SIGTERM)
        assert run.wait(timeout=60) != 0
        assert len(clone.answered()) >= wanted
        assert not (clone.folder / targets[0]).exists()
        done = len(clone.answered())
    twice = done - len(set(clone.answered()))
    print(f"{KILLS} kills, {done} windows answered before the last run, {twice} of them twice")
    assert twice == 0
    clone.run(*targets, "--rerun-incomplete")
    disturbed = [(clone.folder / target).read_bytes() for target in targets]
    assert not clone.results("journal/*"), "the journal goes when the files are there"
    for target in targets:
        (clone.folder / target).unlink()
    clone.run(*targets)
    assert [(clone.folder / target).read_bytes() for target in targets] == disturbed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted_run_reports_the_interruption_and_the_same_command_resumes(clone, number):
    config = clone.config | {"results": "interrupted"}
    (clone.folder / "interrupted.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "predictions"]
    before = len(clone.answered("interrupted"))
    with (clone.folder / "output.txt").open("w+") as output:
        run = subprocess.Popen(
            [*command, "--configfile=interrupted.yaml"],
            cwd=clone.folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        deadline = time.monotonic() + 120
        while len(clone.answered("interrupted")) < before + 6 and time.monotonic() < deadline:
            assert run.poll() is None, (clone.folder / "output.txt").read_text()
            time.sleep(0.02)
        # As a terminal, or a machine that shuts down, does: to Snakemake and its jobs at once.
        os.killpg(run.pid, number)
        assert run.wait(timeout=60) != 0
    text = (clone.folder / "output.txt").read_text()
    # Where its job ends before Snakemake takes the signal, Snakemake reports a job that failed.
    interrupted = "Interrupted before everything was done.\nType the same command again"
    assert interrupted in text or "At least one job did not complete successfully" in text
    assert "After fixing the cause" not in text
    assert "Failed:" not in text
    assert "Traceback" not in text
    if before:
        assert f"{before} of 300 windows are already answered" in text
