"""Faults of clusters with accounting: preemption, forgotten jobs, limits.

The tests run the match of test_faults.py in four slices and disturb it. The first test has all
faults in one run. Tests marked "release" have one fault each, in all its forms.
"""

import signal
import subprocess
import time

import pytest

from slurm.runs import SLICES, check, sleep_through_the_end
from slurm.test_profile import typed

ACCOUNTING = True
BY_PARTITION = ("PreemptType=preempt/partition_prio", "-p urgent")
BY_QOS = ("PreemptType=preempt/qos", "--qos=urgent")


def preempt(option):
    """Submit a job of another user that takes two of the four GPUs for some seconds."""
    command = ["sbatch", "--parsable", "--gpus=2", "-t", "1", "-o", "/dev/null", *option.split()]
    subprocess.run([*command, "--wrap", "sleep 5"], check=True, capture_output=True)


def lose_node(cluster):
    """Lose the node like in a power failure, and start it again."""
    cluster.lose_node()
    cluster.wait_for_node("down")
    cluster.start("slurmd")


def test_all_faults_together_give_the_files_of_an_undisturbed_run(cluster, new_run, undisturbed):
    cluster.configure("MinJobAge=2", BY_PARTITION[0], "PreemptMode=CANCEL")
    resources = ["slurm_partition=short", "gres=gpu:a100-40:1,lscratch:50"]
    run = new_run("bad_day", "--set-resources", *(f"detect_slice:{each}" for each in resources))
    jobs = run.wait_for_answers(cluster, SLICES, 1)
    gres = {job[0]: job[1] for job in cluster.queue("%A|%b")}
    assert {gres[job] for job in jobs.values()} == {"gres:gpu:a100-40:1,gres:lscratch:50"}
    subprocess.run(["scontrol", "suspend", jobs[0]], check=True)
    status = run.status()
    assert "llava 0/0: suspended in SLURM" in status
    assert "3 running, 1 suspended" in status
    subprocess.run(["scontrol", "resume", jobs[0]], check=True)
    limits = {job[0]: job[1] for job in cluster.queue("%A|%l")}
    assert {limits[job] for job in jobs.values()} == {"10:00"}, "as long as the partition allows"
    subprocess.run(["scancel", jobs[0]], check=True)
    run.until(lambda: f"SLURM job {jobs[0]}: CANCELLED" in run.ends(), "the end of job 0")
    run.wait_for_answers(cluster, SLICES, 1)
    preempt(BY_PARTITION[1])
    run.until(lambda: run.printed().count("SLURM preempted job") == 2, "two preempted jobs")
    again = run.wait_for_answers(cluster, SLICES, 2)
    lose_node(cluster)
    run.until(lambda: run.ends().count("NODE_FAIL") == 4, "all jobs lost")
    run.wait_for_answers(cluster, SLICES, 3)
    sleep_through_the_end(run, cluster)
    check(run, undisturbed)
    assert all(f"SLURM job {job}: NODE_FAIL" in run.printed() for job in again.values())


def sacctmgr(*arguments):
    subprocess.run(["sacctmgr", "-i", *arguments], check=True, capture_output=True)


def test_run_waits_while_other_jobs_fill_a_limit_of_submitted_jobs(cluster, demo, monkeypatch):
    cluster.configure()
    patches = demo.folder / "scripts" / "touchline" / "slurm" / "plugin_patches.py"
    with patches.open("a") as file:
        file.write("\n_AGAIN = 5.0\n")
    sacctmgr("modify", "qos", "normal", "set", "MaxSubmitJobsPerUser=2")
    for _ in range(2):
        sleep = ["sbatch", "-o", "/dev/null", "--wrap", "sleep 15"]
        subprocess.run(sleep, check=True, capture_output=True)
    try:
        with monkeypatch.context() as options:
            # A user's defaults that filter the queue, or submit each job twice, must not reach the
            # run.
            options.setenv("SQUEUE_PARTITION", "urgent")
            options.setenv("SBATCH_ARRAY_INX", "1-2")
            arguments = ["--config", "detect_with=llava", "max_duration=40"]
            done = typed(demo.folder, "predictions", *arguments)
    finally:
        sacctmgr("modify", "qos", "normal", "set", "MaxSubmitJobsPerUser=-1")
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert output.count("SLURM refuses jobs now (QOSMaxSubmitJobPerUserLimit") == 1
    assert "--jobs N" in output
    assert "restart" not in output, "no retry is used up"
    slices = [job[0] for job in cluster.queue() if "detect_slice" in job[3]]
    assert len(slices) == 4, "each slice was taken once"


def test_jobs_run_without_a_home_folder(cluster, demo, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    prolog = cluster.folder / "prolog.sh"
    prolog.write_text("#!/bin/sh\necho export HOME=/proc/none\n")
    prolog.chmod(0o755)
    cluster.stop("slurmd")
    cluster.configure(f"TaskProlog={prolog}")
    settings = ["detect_with=llava", "max_duration=20", "slices=1", f"results={tmp_path}"]
    done = typed(demo.folder, "predictions", "--config", *settings)
    cluster.stop("slurmd")
    cluster.configure()
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(demo.folder.glob(".snakemake/cache/*")), "Snakemake used another cache"
    assert list(tmp_path.glob("predictions/*_llava_video_0.json"))


@pytest.mark.parametrize(
    ("request_", "words", "key"),
    [
        ("slurm_partition=nowhere", "invalid partition specified: nowhere", "slurm_partition"),
        ("slurm_account=nobody", "The given account nobody appears to be invalid", "slurm_account"),
        (
            "gres=gpu:h100:1",
            "Requested node configuration is not available",
            "gpu, gpu_model, gres",
        ),
    ],
)
def test_impossible_request_ends_the_run_with_its_reason(cluster, new_run, request_, words, key):
    run = new_run(f"refused_{words[:5]}", "--set-resources", f"detect_slice:{request_}")
    assert run.finish() != 0
    end = run.printed()[run.printed().index("Failed: ") :]
    assert f"SLURM refuses the job: {words}" in end
    assert f"correct: {key}" in end
    assert "log: " not in end.partition("type the same command")[0]
    assert end.count("Failed: ") == 1, "the request of one slice is that of all"
    assert "restart" not in run.printed()
    assert not cluster.jobs()


def test_blocked_job_is_explained_and_ctrl_c_ends_the_run_at_once(cluster, new_run):
    request = ["detect_slice:slurm_partition=short", "detect_slice:runtime=60"]
    run = new_run("pending", "--set-resources", *request)
    sentence = "does not start (PartitionTimeLimit): it requests more time than allowed"
    run.until(lambda: sentence in run.printed(), sentence)
    assert run.printed().count("does not start") == 1
    assert "Waiting jobs: 4 PENDING (PartitionTimeLimit)" in run.printed()
    begun = time.monotonic()
    run.kill(signal.SIGINT)
    print(f"Ctrl-C: {time.monotonic() - begun:.1f} s")
    assert time.monotonic() - begun < 15
    run.until(lambda: not cluster.jobs(), "an empty queue")


@pytest.mark.release
@pytest.mark.parametrize("mode", ["REQUEUE", "CANCEL"])
@pytest.mark.parametrize(("kind", "option"), [BY_PARTITION, BY_QOS], ids=["partition", "qos"])
def test_preempted_slices_resume(cluster, new_run, undisturbed, kind, option, mode):
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
def test_preempted_slices_requeued_by_slurm_resume(cluster, new_run, undisturbed):
    cluster.configure(BY_PARTITION[0], "PreemptMode=REQUEUE")
    run = new_run("requeued")
    jobs = run.wait_for_answers(cluster, SLICES)
    for job in jobs.values():
        subprocess.run(["scontrol", "update", f"JobId={job}", "Requeue=1"], check=True)
    preempt(BY_PARTITION[1])
    check(run, undisturbed)
    assert "submits the job again" not in run.printed()
    states = dict(cluster.queue("%A|%T"))
    assert {states[job] for job in jobs.values()} == {"COMPLETED"}


@pytest.mark.release
def test_job_on_a_node_that_is_lost_and_comes_back_is_finished(cluster, new_run, undisturbed):
    cluster.configure()
    run = new_run("node_accounted")
    jobs = run.wait_for_answers(cluster, SLICES)
    lose_node(cluster)
    check(run, undisturbed)
    for index in SLICES:
        assert f"slice {index} (SLURM job {jobs[index]}: NODE_FAIL)" in run.printed()


@pytest.mark.release
def test_resumed_snakemake_finds_old_jobs_in_the_accounting(cluster, new_run, undisturbed):
    cluster.configure("MinJobAge=2")
    run = new_run("asleep_accounted")
    run.wait_for_answers(cluster, SLICES)
    sleep_through_the_end(run, cluster)
    check(run, undisturbed)
    assert run.ends() == ""
