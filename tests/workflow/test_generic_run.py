"""A run of a generic model, killed and started again."""

import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

import tiny_generic
from clones import new_clone, signal_slices

pytestmark = pytest.mark.slow

FILES = ["partials/partial_results_gemma_vid0_gpu0.json", "windows/windows_gemma_vid0_gpu0.jsonl"]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """Return a clone with one long slice."""
    from media import steady, write_video

    folder = tmp_path_factory.mktemp("generic")
    tiny_generic.save("gemma3", folder / "gemma")
    config = {
        "slices": 1,
        "videos": "videos.tsv",
        "batch": {"windows": 3},
        "generation": {"max_new_tokens": 12},
        "detect_with": ["gemma"],
        "models": {"gemma": {"checkpoint": str(folder / "gemma"), "family": "generic"}},
        "compare_with": [],
    }
    clone = new_clone(folder / "clone", config)
    write_video(clone.folder / "long.mkv", steady(240, rate=2), gop=20)
    (clone.folder / "videos.tsv").write_text("video\tpath\n0\tlong.mkv\n")
    clone.run("models", "results/videos/video_0.json")
    return clone


def test_killed_run_resumes_and_gives_the_same_files(clone):
    targets = [f"results/{name}" for name in FILES]
    (clone.folder / "my.yaml").write_text(yaml.safe_dump(clone.config))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *targets]
    command += ["--configfile", "my.yaml", "--rerun-incomplete"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE")}
    with (clone.folder / "output.txt").open("w") as output:
        run = subprocess.Popen(
            command, cwd=clone.folder, stdout=output, stderr=output, env=environment
        )
    deadline = time.monotonic() + 120
    while len(clone.answered()) < 20 and time.monotonic() < deadline:
        assert run.poll() is None, (clone.folder / "output.txt").read_text()
        time.sleep(0.02)
    signal_slices(run, signal.SIGKILL)
    assert run.wait(timeout=60) != 0
    done = clone.answered()
    assert 20 <= len(done) == len(set(done)) < 120
    assert not (clone.folder / targets[0]).exists()
    clone.run(*targets, "--rerun-incomplete")
    disturbed = [(clone.folder / target).read_bytes() for target in targets]
    for target in targets:
        (clone.folder / target).unlink()
    clone.run(*targets)
    assert [(clone.folder / target).read_bytes() for target in targets] == disturbed
    ledger = clone.read(FILES[1])
    assert len(ledger) == 120
    assert all(line["text"] and line["score"] for line in ledger)


def test_later_steps_work_for_a_generic_model(clone):
    clone.run()
    assert clone.results("predictions/final_predictions_gemma_video_0.json")
    assert clone.results("report/video_0.html")
    assert "gemma" in clone.read("models/model_gemma.json")["checkpoint"]
    assert clone.jobs() == {}


def test_evidence_is_refused_in_one_sentence(clone):
    run = clone.snakemake("-n", generation={"evidence": True})
    assert run.returncode != 0
    assert "generation.evidence needs one of our own families, but gemma is generic" in (
        run.stdout + run.stderr
    )
