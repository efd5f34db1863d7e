"""The literal command, on clusters whose jobs see all GPUs' numbers and where they see one."""

import re
import subprocess
from pathlib import Path

import pytest

from slurm.cluster import Cluster

# What a user types, and nothing more.
COMMAND = ["snakemake", "--profile", "slurm"]


@pytest.mark.parametrize("cluster", [False, True], ids=["open", "constrained"], indirect=True)
def test_the_command_runs_the_demo_with_a_gpu_a_slice(cluster, demo):
    demo_folder = demo.folder / "matches"
    results = demo_folder / "results"
    if results.exists():
        results.rename(demo_folder / "results_before")
    done = subprocess.run(
        COMMAND, cwd=demo.folder, capture_output=True, text=True, timeout=500, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    jobs = cluster.queue("%A|%T|%k|%m|%l|%S|%e")
    for job in jobs:
        print(*job)
    slices = [job for job in jobs if "detect_slice" in job[2]]
    assert sorted(job[2] for job in slices) == [
        f"rule_detect_slice_wildcards_llava_0_{index}" for index in range(4)
    ]
    assert all(job[1] == "COMPLETED" for job in jobs)
    # All four at once: the last begins before the first ends.
    assert max(job[5] for job in slices) < min(job[6] for job in slices)
    logs = [(results / f"logs/detect/llava_vid0_gpu{index}.log").read_text() for index in range(4)]
    found = [re.search(r"has GPU (\d) \(CUDA_VISIBLE_DEVICES=(\d)\)", log) for log in logs]
    print(*(match[0] for match in found))
    assert {match[1] for match in found} == set("0123"), "four GPUs of the node"
    seen = {match[2] for match in found}
    assert seen == (set("0") if cluster.constrained else set("0123"))
    assert "1 video (0)" in said
    assert "slices go to SLURM, each with one GPU" in said
    assert (results / "summary" / "summary.txt").exists()
    assert not list((results / "journal").glob("*"))
    # Nothing is left to do, and SLURM's own logs are kept.
    again = subprocess.run(
        COMMAND, cwd=demo.folder, capture_output=True, text=True, timeout=100, check=False
    )
    assert "Nothing to be done" in again.stdout + again.stderr
    assert len(list(demo.folder.glob(".snakemake/slurm_logs/rule_detect_slice/*/*.log"))) >= 4


def test_what_would_wait_for_ever_or_go_wrong_is_refused(cluster, demo):
    for arguments, sentence in [
        (["--slurm-status-command", "sacct"], "keeps no accounts of jobs"),
        (["--slurm-array-jobs", "all"], "slurm-array-jobs is refused"),
        (["--groups", "detect_slice=one"], "--groups is refused"),
    ]:
        done = subprocess.run(
            [*COMMAND, *arguments, "--forceall"],
            cwd=demo.folder,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode != 0
        assert sentence in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        assert cluster.jobs() == [], "no job was sent"


def test_a_cluster_that_forgets_its_jobs_too_soon_is_told_of(demo):
    Cluster().down()
    forgetful = Cluster(folder=Path("/tmp/touchline-slurm-forgets"), min_job_age=60)
    forgetful.up()
    try:
        done = subprocess.run(
            [*COMMAND, "--forceall"],
            cwd=demo.folder,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    finally:
        forgetful.down()
    assert done.returncode != 0
    assert "forgets a job 60 s after its end (MinJobAge)" in done.stdout + done.stderr
