"""Test the executor plugin with and without patches.

A test fails if a patch is no longer needed.
"""

import asyncio
import logging
import os
import threading
import time
from types import SimpleNamespace
from typing import ClassVar
from unittest.mock import Mock

import pytest
import snakemake_executor_plugin_slurm as plugin
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.settings import SharedFSUsage

from clones import ROOT
from touchline.slurm import plugin_patches
from touchline.slurm.plugin_patches import apply_patches

REFUSED = "SLURM sbatch failed. The error message was 'sbatch: error: {}'.\n    sbatch call:\n …"
MARK = "0123abcd"
ACCOUNT = REFUSED.format("Batch job submission failed: Invalid account")
TOO_MANY = REFUSED.format(
    "Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's …)"
)


@pytest.fixture(autouse=True)
def slurm(tmp_path, monkeypatch):
    """Replace SLURM's commands. Return a function that sets a command's output.

    At first, squeue and sacct know no job.
    """

    def command(name, text, status=0):
        (tmp_path / f"{name}.txt").write_text(text)
        lines = ["#!/bin/sh", f"echo {name} $* >> {tmp_path}/asked"]
        lines += [f"cat {tmp_path}/{name}.txt", f"exit {status}"]
        (tmp_path / name).write_text("\n".join(lines))
        (tmp_path / name).chmod(0o755)

    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    command("scontrol", "MinJobAge = 300 sec\n")
    command("squeue", "")
    command("sacct", "")
    command("scancel", "")
    (tmp_path / "asked").touch()
    command.asked = (tmp_path / "asked").read_text
    return command


class Recorded(plugin.Executor):
    """The plugin's executor. It keeps its reports and submissions instead of acting on them."""

    def __init__(self, command="squeue"):
        self.events, self.submitted, self.local = [], [], Mock()
        scheduler = SimpleNamespace(
            get_executor=lambda job: self.local if job.is_local else self,
            exit_gracefully=lambda: self.events.append("the run ends"),
            error_callback=lambda job: self.events.append(("not tried", job)),
        )
        workflow = Mock(
            scheduler=scheduler,
            executor_settings=plugin.ExecutorSettings(
                status_command=command,
                status_attempts=1,
                init_seconds_before_status_checks=1,
                keep_successful_logs=True,
                no_requeue=True,
            ),
            remote_execution_settings=Mock(
                max_status_checks_per_second=1000,
                jobname="{jobid}",
                jobscript=None,
                seconds_between_status_checks=1,
            ),
            storage_settings=Mock(shared_fs_usage=SharedFSUsage.all()),
        )
        # The plugin's own thread looks at no job while a test runs.
        workflow.executor_plugin.common_settings.init_seconds_before_status_checks = 3600
        super().__init__(workflow, logging.getLogger("plugin"))
        self.wait_thread = threading.Thread(target=lambda: None)
        self.wait_thread.start()

    def report_job_success(self, job_info):
        self.events.append("done")

    def report_job_error(self, job_info, msg=None, **_):
        self.events.append(msg)

    def run_job(self, job):
        self.submitted.append(job)

    def look(self, log=None, own_logs=()):
        """Check job 7 once. Return whether it is kept for the next check."""
        name = SimpleNamespace(resources=self.resources, log=own_logs)
        job = SimpleNamespace(external_jobid="7", aux={"slurm_logfile": log}, job=name)

        async def kept():
            return [each async for each in self.check_active_jobs([job])]

        return asyncio.run(kept()) == [job]

    resources: ClassVar = {}


def patched(has_accounting=True, command="squeue"):
    """Return an executor with patches. Other executors stay unpatched."""
    module = patched_module(has_accounting)
    return module.Executor(command)


def patched_module(has_accounting=True):
    """Return a patched stand-in for the plugin's module."""
    module = SimpleNamespace(
        Executor=type("Patched", (Recorded,), {}), set_gres_string=plugin.set_gres_string
    )
    logger = logging.getLogger("plugin")
    apply_patches(module, has_accounting=has_accounting, mark=MARK, logger=logger)
    return module


class Resources(dict):
    """Resources of a job. The plugin reads them as items and as attributes."""

    __getattr__ = dict.__getitem__


def new_job(name):
    """Return a Snakemake job with three attempts."""
    return SimpleNamespace(name=name, attempt=1, restart_times=2)


def in_queue(state, reason="None"):
    """Return output of `squeue` for job 7. The plugin reads its first two fields."""
    return f"7|{state}|{reason}|touchline|rule_detect_slice_wildcards_llava_0_3|/here\n"


def test_preempted_job_is_submitted_again(slurm, caplog):
    slurm("squeue", in_queue("PREEMPTED"))
    before = Recorded()
    assert before.look(), "fixed"
    assert before.submitted == []
    after = patched()
    assert not after.look()
    assert len(after.submitted) == 1
    assert after.events == [], "no attempt failed"
    assert "SLURM preempted job 7 for another job" in caplog.text


def test_requeued_job_is_left_to_slurm(slurm):
    # The database still has the end that the job came to before.
    slurm("squeue", in_queue("PENDING", "BeginTime"))
    slurm("sacct", "7|PREEMPTED\n")
    after = patched()
    assert after.look()
    assert after.submitted == []


def test_job_cancelled_by_a_user_has_failed(slurm):
    slurm("sacct", "7|CANCELLED by 1000\n")
    assert Recorded("sacct").look(), "fixed"
    after = patched()
    assert not after.look()
    assert "SLURM status is: 'CANCELLED'" in after.events[0]


def test_forgotten_job_gets_its_state_from_its_log(slurm, tmp_path, monkeypatch):
    assert Recorded().look(), "fixed"
    log = tmp_path / "7.log"
    after = patched()
    assert after.look(log), "it may just not be known yet"
    monkeypatch.setattr(plugin_patches, "_GRACE", 0)
    assert not after.look(log)
    assert "SLURM status is: 'UNKNOWN'" in after.events[0]
    log.write_text("Finished jobid: 0 (Rule: detect_slice)\n1 of 1 steps (100%) done\n")
    after = patched()
    assert not after.look(log)
    assert after.events == ["done"]


@pytest.mark.parametrize(("state", "event"), [("COMPLETED", "done"), ("TIMEOUT", "'TIMEOUT'")])
def test_forgotten_job_gets_its_state_from_sacct(slurm, state, event):
    slurm("sacct", f"7|{state}\n")
    after = patched()
    assert not after.look()
    assert event in after.events[0]


def test_jobs_are_queried_on_their_own_cluster(slurm):
    after = patched()
    after.resources = {"slurm_cluster": "second"}
    after.look()
    asked = slurm.asked().splitlines()
    assert [line.split()[0] for line in asked if "--clusters=second" in line] == ["squeue", "sacct"]


@pytest.mark.parametrize("away", ["squeue", "sacct"])
def test_failed_query_keeps_all_jobs(slurm, away):
    slurm("squeue", "", 1)
    assert not Recorded().look(), "fixed"
    slurm("squeue", "", int(away == "squeue"))
    slurm("sacct", "", int(away == "sacct"))
    after = patched()
    assert after.look()
    assert after.events == []


def test_pause_grows_with_the_time_without_changes(slurm, monkeypatch):
    slurm("squeue", in_queue("RUNNING"))
    before = Recorded()
    before.look()
    assert before.next_seconds_between_status_checks >= 11, "fixed"
    now = time.monotonic()
    after = patched()
    pauses = []
    for age in (0, 10, 100, 1000):
        monkeypatch.setattr(time, "monotonic", lambda age=age: now + age)
        after.look()
        pauses.append(round(after.next_seconds_between_status_checks))
    assert pauses == [2, 2, 10, 30]
    slurm("squeue", in_queue("COMPLETING"))
    after.look()
    assert after.next_seconds_between_status_checks == 2, "something happens"


def test_pause_ends_with_the_run():
    async def seconds(executor):
        executor.next_seconds_between_status_checks = 5
        begun = time.monotonic()
        sleeping = asyncio.create_task(executor.sleep())
        await asyncio.sleep(0.1)
        executor.wait = False
        await asyncio.wait([sleeping], timeout=2)
        sleeping.cancel()
        return time.monotonic() - begun

    assert asyncio.run(seconds(Recorded())) > 2, "fixed"
    assert asyncio.run(seconds(patched())) < 1


def test_permanently_refused_job_ends_the_run():
    first, second, third = (new_job(name) for name in ("first", "second", "third"))
    before = Recorded()
    before.report_job_error(SimpleNamespace(job=first), ACCOUNT)
    assert "the run ends" not in before.events, "fixed"
    after = patched()
    after.report_job_error(SimpleNamespace(job=first), ACCOUNT)
    assert after.events == ["the run ends", ACCOUNT]
    # One that was submitted at the same time, and one that was to follow.
    after.report_job_error(SimpleNamespace(job=second), ACCOUNT)
    after.run_job(third)
    assert after.submitted == []
    assert after.events[2:] == [("not tried", second), ("not tried", third)]
    # Snakemake would say that it restarts a job with attempts left.
    assert [job.attempt for job in (first, second, third)] == [3, 3, 3]


def test_refusal_by_the_plugin_ends_the_run():
    after = patched()
    job = Mock(is_group=Mock(side_effect=ValueError("Invalid account")), restart_times=2)
    plugin.Executor.run_job(after, job)
    assert after.events == ["the run ends", "Job submission failed with exception: Invalid account"]


@pytest.mark.parametrize("in_queue_before", [True, False])
def test_jobs_above_the_queue_limit_are_submitted_later(
    slurm, monkeypatch, caplog, in_queue_before
):
    # Jobs of this run, of another run, or of somebody else may fill the limit.
    after = patched()
    if in_queue_before:
        slurm("squeue", in_queue("RUNNING"))
        after.look()
    jobs = [new_job(name) for name in ("first", "second")]
    for job in jobs:
        after.report_job_error(SimpleNamespace(job=job), TOO_MANY)
    assert after.events == []
    assert caplog.text.count("SLURM refuses jobs now (Job violates accounting/QOS policy") == 1
    assert "--jobs N" in caplog.text
    third = new_job("third")
    after.run_job(third)
    assert after.submitted == [], "SLURM is not asked for each job while it takes none"
    slurm("squeue", in_queue("RUNNING"))
    after.look()
    assert after.submitted == []
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    after.look()
    assert after.submitted == [*jobs, third]
    assert {job.attempt for job in after.submitted} == {1}


def test_refused_job_is_submitted_when_another_job_ends(slurm):
    after, job = patched(), new_job("refused")
    slurm("squeue", in_queue("RUNNING"))
    after.report_job_error(SimpleNamespace(job=job), TOO_MANY)
    after.look()
    assert after.submitted == []
    slurm("squeue", in_queue("COMPLETED"))
    after.look()
    after.look()
    assert after.submitted == [job]


def test_only_one_refused_job_is_retried_per_minute(slurm, monkeypatch):
    after = patched()
    for name in ("first", "second", "third"):
        after.report_job_error(SimpleNamespace(job=new_job(name)), TOO_MANY)
    asked = []

    def refuse(self, job):
        asked.append(job.name)
        self.report_job_error(SimpleNamespace(job=job), TOO_MANY)

    monkeypatch.setattr(Recorded, "run_job", refuse)
    after = patched()
    for name in ("first", "second", "third"):
        after.run_job(new_job(name))
    assert asked == ["first"]
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    after.look()
    assert asked == ["first", "first"]


def test_run_gives_up_after_an_hour_without_queued_jobs(monkeypatch):
    after, now = patched(), time.monotonic()
    after.report_job_error(SimpleNamespace(job=new_job("first")), TOO_MANY)
    monkeypatch.setattr(time, "monotonic", lambda: now + 3500)
    after.report_job_error(SimpleNamespace(job=new_job("first")), TOO_MANY)
    assert after.events == []
    monkeypatch.setattr(time, "monotonic", lambda: now + 3700)
    after.report_job_error(SimpleNamespace(job=new_job("first")), TOO_MANY)
    assert after.events == ["the run ends", TOO_MANY]


def test_run_keeps_waiting_while_its_jobs_are_queued(slurm, monkeypatch):
    slurm("squeue", in_queue("RUNNING"))
    after, now = patched(), time.monotonic()
    for age in range(0, 10 * 3600, 1800):
        monkeypatch.setattr(time, "monotonic", lambda age=age: now + age)
        after.look()
        after.report_job_error(SimpleNamespace(job=new_job("first")), TOO_MANY)
    assert after.events == []


def test_job_names_end_with_a_hash_of_the_results_folder():
    before, after = Recorded(), patched()
    assert not before.run_uuid.endswith(MARK), "fixed"
    first = after.run_uuid
    for name in ("first", "second"):
        after.run_job(new_job(name))
    assert after.run_uuid == f"{first}_{MARK}"


@pytest.mark.parametrize(
    ("resources", "options"),
    [
        ({"gpu": 1}, " --gpus=1"),
        ({"gres": "gpu:1", "gpu": 0}, " --gres=gpu:1"),
        ({"gres": "gpu:1,lscratch:50", "gpu": 0}, " --gres=gpu:1,lscratch:50"),
        ({"gres": "gpu:a100-40:1"}, " --gres=gpu:a100-40:1"),
        ({"gres": "lscratch:50,gpu:a100-40:1", "gpu": 1}, " --gres=lscratch:50,gpu:a100-40:1"),
        ({"gres": "lscratch:50", "gpu": 1}, " --gres=lscratch:50 --gpus=1"),
        ({"gpu_model": "a100-40", "gpu": 1}, " --gpus=a100-40:1"),
        (
            {"gres": "lscratch:50G", "gpu_model": "h-1", "gpu": 1},
            " --gres=lscratch:50G --gpus=h-1:1",
        ),
        ({"gpu_model": "a100-40"}, " --gpus=a100-40:1"),
        ({}, ""),
    ],
)
def test_gpu_requests_accept_several_resources_and_hyphens(resources, options):
    job = SimpleNamespace(resources=Resources(resources))
    assert patched_module().set_gres_string(job) == options
    if "-" in options.replace("--", "") or "," in options:
        with pytest.raises(WorkflowError, match="format"):
            plugin.set_gres_string(job)
    else:
        assert plugin.set_gres_string(job) == options


@pytest.mark.parametrize("gres", ["'gpu:1'", "gpu:1; rm -r .", "gpu:1,", "gpu::1", "$(id):1"])
def test_invalid_gpu_request_is_refused(gres):
    with pytest.raises(WorkflowError, match="GRES format"):
        patched_module().set_gres_string(SimpleNamespace(resources=Resources(gres=gres)))


def test_cancelling_a_run_cancels_its_inactive_jobs(slurm):
    Recorded().cancel()
    assert "scancel" not in slurm.asked(), "fixed"
    after = patched()
    after.cancel()
    assert f"scancel --name={after.run_uuid}" in slurm.asked()
    after.run_job(new_job("queued"))
    assert after.submitted == []


def test_reason_for_a_blocked_job_is_reported_once(slurm, monkeypatch, caplog):
    slurm("squeue", in_queue("PENDING", "PartitionTimeLimit"))
    now = time.monotonic()
    after = patched()
    after.look()
    assert "does not start" not in caplog.text, "it may be over at the next look"
    for age in (21, 50):
        monkeypatch.setattr(time, "monotonic", lambda age=age: now + age)
        after.look()
    assert caplog.text.count("SLURM job 7 (detect_slice llava_0_3) does not start") == 1
    assert "(PartitionTimeLimit): it requests more time than allowed" in caplog.text


@pytest.mark.parametrize(("state", "is_kept"), [("RUNNING", True), ("COMPLETED", False)])
def test_plugin_checks_jobs_if_the_patch_fails(slurm, monkeypatch, caplog, state, is_kept):
    slurm("squeue", in_queue(state))
    monkeypatch.setattr(plugin_patches, "own_jobs", Mock(side_effect=KeyError("changed")))
    after = patched()
    assert [after.look(), after.look()] == [is_kept, is_kept]
    assert caplog.text.count("A patch of snakemake-executor-plugin-slurm fails (KeyError") == 1


def test_plugin_handles_a_refusal_if_the_patch_fails(slurm, monkeypatch):
    monkeypatch.setattr(plugin_patches, "parse_refusal", Mock(side_effect=KeyError("changed")))
    after = patched()
    after.report_job_error(SimpleNamespace(job=new_job("first")), ACCOUNT)
    assert after.events == [ACCOUNT]


def test_other_version_of_the_plugin_is_not_patched(monkeypatch, caplog):
    monkeypatch.setattr(plugin_patches, "version", lambda _: "2.9.0")
    module = SimpleNamespace(Executor=type("Patched", (Recorded,), {}))
    before = dict(vars(module.Executor))
    logger = logging.getLogger("plugin")
    apply_patches(module, has_accounting=True, mark=MARK, logger=logger)
    assert dict(vars(module.Executor)) == before
    assert "is version 2.9.0, but the patches of its faults are for 2.8.0" in caplog.text


def test_patches_support_the_pinned_version():
    lock = (ROOT / "requirements.lock").read_text().splitlines()
    assert f"snakemake-executor-plugin-slurm=={plugin_patches._TESTED}" in lock


def test_interrupted_run_waits_for_local_steps():
    # They would otherwise end in a traceback, after the run's last words.
    before = Recorded()
    before.cancel()
    assert not before.local.cancel.called, "fixed"
    after = patched()
    after.cancel()
    assert after.local.cancel.called


def test_early_failure_is_reported_with_its_cause(slurm, tmp_path):
    slurm("squeue", in_queue("FAILED", "NonZeroExitCode"))
    log = tmp_path / "7.log"
    log.write_text("OSError: [Errno 30] Read-only file system: '/home/user'\n")
    after = patched()
    assert not after.look(log, [tmp_path / "slice.log"])
    assert "SLURM's log ends with: OSError: [Errno 30] Read-only file system" in after.events[0]


def test_waiting_jobs_are_reported_periodically(slurm, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    slurm("squeue", in_queue("PENDING", "Priority"))
    after, now = patched(), time.monotonic()
    for age in range(0, 120, 10):
        monkeypatch.setattr(time, "monotonic", lambda age=age: now + age)
        after.look()
    assert caplog.text.count("Waiting jobs: 1 PENDING (Priority).") == 1
