"""The README's command, on clusters whose jobs see all GPUs and on those where they see one."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

MODELS = ["llava", "qwen"]
# The command of a user in an active environment.
COMMAND = ["snakemake", "--profile", "slurm"]


def typed(folder, *arguments):
    """Run the command, optionally with more arguments."""
    active = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=os.environ | {"PATH": active},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize(
    "cluster",
    [
        # The tests of faults run on such a cluster, too.
        pytest.param(False, id="open", marks=pytest.mark.release),
        pytest.param(True, id="constrained"),
    ],
    indirect=True,
)
def test_profile_runs_the_demo_with_one_gpu_per_slice(cluster, demo):
    demo_folder = demo.folder / "matches"
    results = demo_folder / "results"
    if results.exists():
        results.rename(demo_folder / "results_before")
    done = typed(demo.folder)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    jobs = cluster.queue("%A|%T|%k|%m|%l|%S|%e|%j")
    for job in jobs:
        print(*job)
    slices = [job for job in jobs if "detect_slice" in job[2]]
    assert sorted(job[2] for job in slices) == [
        f"rule_detect_slice_wildcards_{model}_0_{index}" for model in MODELS for index in range(4)
    ]
    assert all(job[1] == "COMPLETED" for job in jobs)
    assert all(job[7].startswith("touchline_") for job in jobs)
    # The node's four GPUs at once: the fourth job begins before any ends, and each has its own.
    first = sorted(slices, key=lambda job: job[5])[:4]
    assert max(job[5] for job in first) < min(job[6] for job in first)
    logs = [log.read_text() for log in results.glob("logs/detect/*_vid0_gpu*.log")]
    pattern = r"SLURM job (\d+) on \S+ has GPU (\d) \(CUDA_VISIBLE_DEVICES=(\d)\)"
    found = {match[1]: match for match in (re.search(pattern, log) for log in logs)}
    print(*(match[0] for match in found.values()), sep="\n")
    assert {found[job[0]][2] for job in first} == set("0123")
    seen = {found[job[0]][3] for job in first}
    assert seen == (set("0") if cluster.constrained else set("0123"))
    # And never one for two: by GPU, each job ends before the next one begins.
    for gpu in "0123":
        spans = sorted((job[5], job[6]) for job in slices if found[job[0]][2] == gpu)
        assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
    assert "1 video (0)" in output
    assert "slices go to SLURM, each with one GPU" in output
    assert (results / "summary" / "summary.txt").exists()
    assert not list((results / "journal").glob("*"))
    # Nothing is left to do, and SLURM's own logs are kept.
    again = typed(demo.folder)
    assert "Nothing to be done" in again.stdout + again.stderr
    assert len(list(demo.folder.glob(".snakemake/slurm_logs/rule_detect_slice/*/*.log"))) >= 4


def test_harmful_options_are_refused(cluster, demo):
    for arguments, sentence in [
        (["--slurm-array-jobs", "all"], "slurm-array-jobs is refused"),
        (["--groups", "detect_slice=one"], "--groups is refused"),
    ]:
        done = typed(demo.folder, *arguments, "--forceall")
        assert done.returncode != 0
        assert sentence in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        assert cluster.jobs() == [], "no job was sent"
