"""What clusters with accounting have beside it: preemption, short memories, limits.

The same match in four slices as in test_faults.py, disturbed while they are at work. The first test
has it all in one run; those marked "release" have it one by one, in every form.
"""

import signal
import subprocess
import time

import pytest

from slurm.runs import SLICES, check, sleep_through_the_end

ACCOUNTING = True
BY_PARTITION = ("PreemptType=preempt/partition_prio", "-p urgent")
BY_QOS = ("PreemptType=preempt/qos", "--qos=urgent")


def preempt(option):
    """A job of somebody else's, that takes two of the four GPUs from ours for some seconds."""
    command = ["sbatch", "--parsable", "--gpus=2", "-t", "1", "-o", "/dev/null", *option.split()]
    subprocess.run([*command, "--wrap", "sleep 5"], check=True, capture_output=True)


def lose_node(cluster):
    """Take the node's power away, and give it back."""
    cluster.lose_node()
    cluster.wait_for_node("down")
    cluster.start("slurmd")


def test_a_bad_day(cluster, new_run, undisturbed):
    cluster.configure("MinJobAge=2", BY_PARTITION[0], "PreemptMode=CANCEL")
    run = new_run("bad_day", "--set-resources", "detect_slice:slurm_partition=short")
    jobs = run.wait_for_answers(cluster, SLICES, 1)
    limits = {job[0]: job[1] for job in cluster.queue("%A|%l")}
    assert {limits[job] for job in jobs.values()} == {"10:00"}, "as long as the partition allows"
    subprocess.run(["scancel", jobs[0]], check=True)
    run.until(lambda: f"SLURM job {jobs[0]}: CANCELLED" in run.ends(), "the end of job 0")
    run.wait_for_answers(cluster, SLICES, 1)
    preempt(BY_PARTITION[1])
    run.until(lambda: run.printed().count("(PREEMPTED)") == 2, "two preempted jobs")
    again = run.wait_for_answers(cluster, SLICES, 2)
    lose_node(cluster)
    run.until(lambda: run.ends().count("NODE_FAIL") == 4, "all jobs lost")
    run.wait_for_answers(cluster, SLICES, 3)
    sleep_through_the_end(run, cluster)
    check(run, undisturbed)
    assert all(f"SLURM job {job}: NODE_FAIL" in run.printed() for job in again.values())


@pytest.mark.parametrize(
    ("request_", "words", "key"),
    [
        ("slurm_partition=nowhere", "invalid partition specified: nowhere", "slurm_partition"),
        ("slurm_account=nobody", "The given account nobody appears to be invalid", "slurm_account"),
    ],
)
def test_what_can_never_be_met_ends_the_run_with_its_reason(cluster, new_run, request_, words, key):
    run = new_run(f"refused_{key}", "--set-resources", f"detect_slice:{request_}")
    assert run.finish() != 0
    end = run.printed()[run.printed().index("Failed: ") :]
    assert f"SLURM does not take it: {words}" in end
    assert f"to correct: {key}" in end
    assert "log: " not in end.partition("type the same command")[0]
    assert end.count("Failed: ") == 1, "the request of one slice is that of all"
    assert not cluster.jobs()


def test_what_cannot_start_is_explained_and_ctrl_c_ends_it_at_once(cluster, new_run):
    request = ["detect_slice:slurm_partition=short", "detect_slice:runtime=60"]
    run = new_run("pending", "--set-resources", *request)
    sentence = "does not start (PartitionTimeLimit): it asks for more minutes than it may"
    run.until(lambda: sentence in run.printed(), sentence)
    assert run.printed().count("does not start") == 1
    begun = time.monotonic()
    run.kill(signal.SIGINT)
    print(f"Ctrl-C: {time.monotonic() - begun:.1f} s")
    assert time.monotonic() - begun < 15
    run.until(lambda: not cluster.jobs(), "an empty queue")


@pytest.mark.release
@pytest.mark.parametrize("mode", ["REQUEUE", "CANCEL"])
@pytest.mark.parametrize(("kind", "option"), [BY_PARTITION, BY_QOS], ids=["partition", "qos"])
def test_preempted_slices_go_on(cluster, new_run, undisturbed, kind, option, mode):
    cluster.configure(kind, f"PreemptMode={mode}")
    run = new_run(f"preempted_{kind.rpartition('/')[2]}_{mode}")
    run.wait_for_answers(cluster, SLICES)
    known = {index: len(run.answered(index)) for index in SLICES}
    preempt(option)
    check(run, undisturbed)
    resumed = [index for index in SLICES if run.resumed(index) >= known[index] > 0]
    assert len(resumed) == 2, run.printed()
    assert run.ends() == "", "a preemption costs none of the retries"


@pytest.mark.release
def test_preempted_slices_that_slurm_itself_puts_back(cluster, new_run, undisturbed):
    cluster.configure(BY_PARTITION[0], "PreemptMode=REQUEUE")
    run = new_run("requeued")
    jobs = run.wait_for_answers(cluster, SLICES)
    for job in jobs.values():
        subprocess.run(["scontrol", "update", f"JobId={job}", "Requeue=1"], check=True)
    preempt(BY_PARTITION[1])
    check(run, undisturbed)
    assert "is submitted again" not in run.printed()
    states = dict(cluster.queue("%A|%T"))
    assert {states[job] for job in jobs.values()} == {"COMPLETED"}


@pytest.mark.release
def test_a_node_that_is_lost_and_comes_back(cluster, new_run, undisturbed):
    cluster.configure()
    run = new_run("node_accounted")
    jobs = run.wait_for_answers(cluster, SLICES)
    lose_node(cluster)
    check(run, undisturbed)
    for index in SLICES:
        assert f"slice {index} (SLURM job {jobs[index]}: NODE_FAIL)" in run.printed()


@pytest.mark.release
def test_a_head_that_sleeps_longer_than_its_jobs_are_remembered(cluster, new_run, undisturbed):
    cluster.configure("MinJobAge=2")
    run = new_run("asleep_accounted")
    run.wait_for_answers(cluster, SLICES)
    sleep_through_the_end(run, cluster)
    check(run, undisturbed)
    assert run.ends() == ""
