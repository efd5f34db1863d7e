"""Faults of jobs, the cluster or Snakemake change no file and repeat no window.

Each test runs the demo's match in four slices of 200 windows and disturbs it while the slices run.
All files must equal those of an undisturbed run on this machine. Tests marked "release" repeat
faults of test_accounting.py one by one, and kill Snakemake.
"""

import signal
import subprocess
import time

import pytest

from slurm.cluster import CGROUPS, HOST
from slurm.runs import SLICES, check, sleep_through_the_end


def cancel(run, cluster, job):
    subprocess.run(["scancel", job], check=True)


def requeue(run, cluster, job):
    # The profile requests no requeue, but an administrator can requeue a job.
    subprocess.run(["scontrol", "update", f"JobId={job}", "Requeue=1"], check=True)
    subprocess.run(["scontrol", "requeue", job], check=True)


def exceed_the_time(run, cluster, job):
    # A worker that hangs, and a limit of a minute.
    run.worker(job).send_signal(signal.SIGSTOP)
    subprocess.run(["scontrol", "update", f"JobId={job}", "TimeLimit=1"], check=True)


def exceed_the_memory(run, cluster, job):
    # The job's limit of 16 GB is set slightly above its present use.
    if not (CGROUPS / "memory" / f"slurm_{HOST}").exists():
        pytest.skip("memory is not limited by cgroups here")
    folder = next((CGROUPS / "memory" / f"slurm_{HOST}").glob(f"uid_*/job_{job}/step_0"))
    used = int((folder / "memory.usage_in_bytes").read_text())
    (folder / "memory.limit_in_bytes").write_text(str(used + (8 << 20)))
    hog = "x = b'x' * (64 << 20); import time; time.sleep(60)"
    subprocess.Popen(
        ["sh", "-c", f'echo $$ > {folder}/cgroup.procs; exec python3 -c "{hog}"']
    ).wait(timeout=90)


# A fault of a job, and SLURM's state of the ended job; None if the job keeps its number.
FAULTS = {
    "scancel": (cancel, "CANCELLED"),
    "requeue": (requeue, None),
    "time limit": (exceed_the_time, "TIMEOUT"),
    "memory": (exceed_the_memory, "OUT_OF_MEMORY"),
}


@pytest.mark.release
def test_ended_job_resumes_in_a_new_job(cluster, new_run, undisturbed):
    run = new_run("jobs")
    jobs = run.wait_for_answers(cluster, SLICES)
    known = {}
    for (disturb, _), (index, job) in zip(FAULTS.values(), jobs.items(), strict=True):
        known[index] = len(run.answered(index))
        disturb(run, cluster, job)
    check(run, undisturbed)
    # Only the limit that was exceeded grows: minutes or memory of each slice's last attempt.
    asked = {
        int(job[2][-1]): job[:2]
        for job in sorted(cluster.queue("%l|%m|%k|%A"), key=lambda job: int(job[3]))
        if "detect_slice" in job[2]
    }
    minutes = [int(asked[index][0].partition(":")[0]) for index in SLICES]
    assert minutes[0] == minutes[1] == minutes[3] < minutes[2] <= 2 * minutes[0]
    assert [asked[index][1] for index in SLICES] == ["16000M", "16000M", "16000M", "24000M"]
    output = run.printed()
    for index, (name, (_, reason)) in enumerate(FAULTS.items()):
        assert run.resumed(index) >= known[index] > 0, name
        line = f"detect_slice of llava, video 0, slice {index} (SLURM job {jobs[index]}: {reason})"
        assert (line in output) == (reason is not None), output


@pytest.mark.release
def test_job_on_a_node_that_is_lost_and_comes_back_is_finished(cluster, new_run, undisturbed):
    run = new_run("node")
    jobs = run.wait_for_answers(cluster, SLICES)
    known = {index: len(run.answered(index)) for index in SLICES}
    cluster.lose_node()
    cluster.wait_for_node("down")
    cluster.start("slurmd")
    check(run, undisturbed)
    for index in SLICES:
        assert run.resumed(index) >= known[index]
        assert f"slice {index} (SLURM job {jobs[index]}: NODE_FAIL)" in run.printed()


@pytest.mark.release
def test_suspended_snakemake_finds_forgotten_jobs_by_their_logs(cluster, new_run, undisturbed):
    """Only the jobs' own logs show their ends, because there is no accounting."""
    cluster.configure("MinJobAge=2")
    run = new_run("asleep")
    run.wait_for_answers(cluster, SLICES, 1)
    sleep_through_the_end(run, cluster)
    check(run, undisturbed)
    cluster.configure()
    assert run.ends() == ""


@pytest.mark.release
def test_no_job_is_lost_if_the_scheduler_gives_no_answer_for_a_minute(
    cluster, new_run, undisturbed
):
    run = new_run("scheduler")
    run.wait_for_answers(cluster, SLICES, 1)
    cluster.stop("slurmctld")
    time.sleep(60)
    cluster.start("slurmctld")
    check(run, undisturbed)
    assert "failed" not in run.printed().partition("To follow")[2]


def test_same_command_after_ctrl_c_resumes(cluster, new_run, undisturbed):
    run = new_run("interrupted")
    jobs = run.wait_for_answers(cluster, SLICES)
    # Another run in the folder, whose slices find no GPU.
    other = new_run("beside_it")
    other.until(lambda: other.printed().count("has been submitted") == len(SLICES), "its jobs")
    assert "4 running" in run.status()
    other.until(lambda: "pending in SLURM (" in other.status(), "a reason")
    assert "4 pending" in other.status()
    other.kill(signal.SIGINT)
    assert "Jobs of an earlier run" not in other.printed()
    assert set(jobs.values()) == set(cluster.jobs("RUNNING"))
    run.kill(signal.SIGINT)
    assert run.process.returncode != 0
    assert "ype the same command again" in run.printed()
    known = {index: len(run.answered(index)) for index in SLICES}
    run.start()
    check(run, undisturbed)
    assert all(run.resumed(index) >= known[index] > 0 for index in SLICES)
    assert "Jobs of an earlier run" not in run.printed(), "they were cancelled"


@pytest.mark.release
def test_restarted_snakemake_lists_jobs_of_the_killed_run(cluster, new_run, undisturbed):
    run = new_run("killed")
    jobs = run.wait_for_answers(cluster, SLICES, 1)
    run.kill(signal.SIGKILL)
    run.start()
    assert run.finish() != 0
    assert "--unlock" in run.printed(), "the lock of the killed run is reported"
    run.start("--unlock")
    assert run.finish() == 0
    assert set(jobs.values()) <= set(cluster.jobs("RUNNING")), "the old jobs run on"
    run.start()
    check(run, undisturbed)
    line = run.printed().partition("Jobs of an earlier run")[2].splitlines()[0]
    assert all(job in line for job in jobs.values())


def test_impossible_slice_fails_after_three_attempts_with_its_logs(cluster, new_run, clone):
    """The message names video, slice, job, log and the next command."""
    video = clone.folder / "matches" / "match_43" / "match.mp4"
    run = new_run("failing")
    manifest = clone.folder / "failing" / "videos" / "video_0.json"
    run.until(manifest.exists, "the manifest")
    kept = video.rename(video.with_suffix(".away"))
    try:
        assert run.finish() != 0
    finally:
        kept.rename(video)
    end = run.printed().rpartition("Failed: ")
    output = run.printed()[run.printed().index("Failed: ") :]
    assert end[1]
    for index in SLICES:
        assert f"Failed: detect_slice of llava, video 0, slice {index} (SLURM job " in output
        assert f"  log: failing/logs/detect/llava_vid0_gpu{index}.log" in output
    assert ".snakemake/slurm_logs/rule_detect_slice/llava_0_0/" in output
    assert "type the same command again" in output
    assert "match.mp4 cannot be read: No such file or directory" in run.printed()
