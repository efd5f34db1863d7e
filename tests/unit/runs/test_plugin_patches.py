"""The executor plugin as it is, and patched. Once it needs a patch no more, a test fails.

Numbers in names are those of the faults in touchline/runs/plugin_patches.py.
"""

import asyncio
import logging
import os
import threading
import time
from types import SimpleNamespace

import pytest
import snakemake_executor_plugin_slurm as plugin

from touchline.runs import plugin_patches
from touchline.runs.plugin_patches import take_care_of

REFUSED = "SLURM sbatch failed. The error message was 'sbatch: error: {}'.\n    sbatch call:\n …"
ACCOUNT = REFUSED.format("Batch job submission failed: Invalid account")
TOO_MANY = REFUSED.format(
    "Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's …)"
)


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """SLURM's commands, each of which prints what a test says; squeue and sacct know no job."""

    def command(name, text, status=0):
        (tmp_path / f"{name}.txt").write_text(text)
        lines = ["#!/bin/sh", f"echo {name} $* >> {tmp_path}/asked"]
        lines += [f"cat {tmp_path}/{name}.txt", f"exit {status}"]
        (tmp_path / name).write_text("\n".join(lines))
        (tmp_path / name).chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    command("scontrol", "MinJobAge = 300 sec\n")
    command("squeue", "")
    command("sacct", "")
    command("scancel", "")
    (tmp_path / "asked").touch()
    command.asked = (tmp_path / "asked").read_text
    return command


class AsItIs(plugin.Executor):
    """The plugin's executor without a workflow; what it reports is kept."""

    def __init__(self, command="squeue"):
        self.events, self.submitted = [], []
        self.wait = True
        self.active_jobs, self.lock = [], threading.Lock()
        self._submitted_job_clusters = set()
        settings = SimpleNamespace(
            status_command=command,
            status_attempts=1,
            init_seconds_before_status_checks=1,
            keep_successful_logs=True,
            exclude_failed_nodes=None,
            requeue=False,
        )
        scheduler = SimpleNamespace(
            exit_gracefully=lambda: self.events.append("the run ends"),
            error_callback=lambda job: self.events.append(("not tried", job)),
        )
        self.workflow = SimpleNamespace(
            executor_settings=settings,
            scheduler=scheduler,
            remote_execution_settings=SimpleNamespace(seconds_between_status_checks=1),
        )
        self.logger = logging.getLogger("plugin")
        self.run_uuid = "run"
        self.status_rate_limiter = Unlimited()
        self._next_seconds_between_status_checks = None
        self._preemption_warning = False
        self._failed_nodes = set()
        self._fallback_account_arg = None
        self._main_event_loop = None
        self._status_query_calls = self._status_query_failures = 0
        self._status_query_total_seconds = self._status_query_max_seconds = 0.0
        self._status_query_min_seconds = None
        self._status_query_cycle_rows = []
        self._job_submission_executor = SimpleNamespace(submit=lambda run, job: run(job))

    def report_job_success(self, job_info):
        self.events.append("done")

    def report_job_error(self, job_info, msg=None, **kwargs):
        self.events.append(msg)

    def run_job(self, job):
        self.submitted.append((job, set(self._failed_nodes)))

    def shutdown(self):
        pass

    def look(self, log=None):
        """Look at job 7 once; whether it is kept for the next look."""
        job = SimpleNamespace(external_jobid="7", aux={"slurm_logfile": log}, job="job")

        async def kept():
            return [each async for each in self.check_active_jobs([job])]

        return asyncio.run(kept()) == [job]


class Unlimited:
    async def __aenter__(self):
        pass

    async def __aexit__(self, *_):
        pass


def patched(has_accounting=True, command="squeue"):
    """An executor whose class is patched, and no other."""
    module = SimpleNamespace(Executor=type("Patched", (AsItIs,), {}))
    take_care_of(module, has_accounting)
    return module.Executor(command)


def in_queue(state, reason="None"):
    """Lines for both: the plugin reads the first two fields."""
    return f"7|{state}|{reason}|rule_detect_slice_wildcards_llava_0_3|/here\n"


def test_1_a_preempted_job_is_submitted_again(slurm, caplog):
    slurm("squeue", in_queue("PREEMPTED"))
    before = AsItIs()
    assert before.look(), "fixed"
    assert before.submitted == []
    after = patched()
    assert not after.look()
    assert [job for job, _ in after.submitted] == ["job"]
    assert after.events == [], "no attempt failed"
    assert "SLURM job 7 gave way to another one" in caplog.text


def test_1_what_slurm_has_put_back_is_left_to_it(slurm):
    # The database still has the end that the job came to before.
    slurm("squeue", in_queue("PENDING", "BeginTime"))
    slurm("sacct", "7|PREEMPTED\n")
    after = patched()
    assert after.look()
    assert after.submitted == []


def test_2_the_first_word_is_the_state(slurm):
    slurm("sacct", "7|CANCELLED by 1000\n")
    assert AsItIs("sacct").look(), "fixed"
    after = patched()
    assert not after.look()
    assert "SLURM status is: 'CANCELLED'" in after.events[0]


def test_3_a_node_that_failed_is_not_excluded(slurm):
    slurm("squeue", in_queue("NODE_FAIL"))
    slurm("sacct", "n1\n")
    before = AsItIs()
    before.look()
    assert before._failed_nodes, "fixed"
    after = patched()
    assert not after.look()
    assert "SLURM status is: 'NODE_FAIL'" in after.events[0]
    after.run_job("again")
    after.workflow.executor_settings.exclude_failed_nodes = "n2, n3"
    after.run_job("as the user says")
    assert after.submitted == [("again", set()), ("as the user says", {"n2", "n3"})]


def test_4_a_forgotten_job_is_settled(slurm, tmp_path, monkeypatch):
    assert AsItIs().look(), "fixed"
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
def test_4_the_database_remembers_longer(slurm, state, event):
    slurm("sacct", f"7|{state}\n")
    after = patched()
    assert not after.look()
    assert event in after.events[0]


def test_4_jobs_of_another_cluster_are_asked_for_there(slurm):
    after = patched()
    after._submitted_job_clusters = {"second"}
    after.look()
    asked = slurm.asked().splitlines()
    assert [line.split()[0] for line in asked if "--clusters=second" in line] == ["squeue", "sacct"]


@pytest.mark.parametrize("away", ["squeue", "sacct"])
def test_5_who_does_not_answer_forgets_nothing(slurm, away):
    slurm("squeue", "", 1)
    assert not AsItIs().look(), "fixed"
    slurm("squeue", "", int(away == "squeue"))
    slurm("sacct", "", int(away == "sacct"))
    after = patched()
    assert after.look()
    assert after.events == []


def test_6_squeue_is_asked_whatever_scontrol_says(slurm):
    slurm("scontrol", "", 1)
    slurm("squeue", in_queue("RUNNING"))
    AsItIs().look()
    assert "sacct" in slurm.asked(), "fixed"
    after = patched(has_accounting=False)
    assert after.look()


def test_7_short_jobs_are_looked_at_often_and_long_ones_seldom(slurm, monkeypatch):
    slurm("squeue", in_queue("RUNNING"))
    before = AsItIs()
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


def test_7_the_end_of_a_run_does_not_wait_for_the_next_look():
    async def seconds(executor):
        executor.next_seconds_between_status_checks = 5
        begun = time.monotonic()
        sleeping = asyncio.create_task(executor.sleep())
        await asyncio.sleep(0.1)
        executor.wait = False
        await asyncio.wait([sleeping], timeout=2)
        sleeping.cancel()
        return time.monotonic() - begun

    assert asyncio.run(seconds(AsItIs())) > 2, "fixed"
    assert asyncio.run(seconds(patched())) < 1


def test_8_what_can_never_be_met_is_tried_once():
    job = SimpleNamespace(job="first")
    before = AsItIs()
    before._report_job_error_threadsafe(job, ACCOUNT)
    assert "the run ends" not in before.events, "fixed"
    after = patched()
    after._report_job_error_threadsafe(job, ACCOUNT)
    assert after.events == ["the run ends", ACCOUNT]
    # One that was submitted at the same time, and one that was to follow.
    after._report_job_error_threadsafe(SimpleNamespace(job="second"), ACCOUNT)
    after.run_job("third")
    assert after.submitted == []
    assert after.events[2:] == [("not tried", "second"), ("not tried", "third")]


def test_8_what_is_met_later_is_tried_later(slurm, monkeypatch, caplog):
    slurm("squeue", in_queue("RUNNING"))
    after = patched()
    after.look()
    for job in ("first", "second"):
        after._report_job_error_threadsafe(SimpleNamespace(job=job), TOO_MANY)
    assert after.events == []
    assert caplog.text.count("SLURM takes no job now (Job violates accounting/QOS policy") == 1
    after.look()
    assert after.submitted == []
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    after.look()
    assert [job for job, _ in after.submitted] == ["first", "second"]


def test_8_a_limit_that_none_of_the_runs_jobs_meets_is_final(slurm):
    after = patched()
    after._report_job_error_threadsafe(SimpleNamespace(job="only"), TOO_MANY)
    assert after.events == ["the run ends", TOO_MANY]


def test_9_an_interruption_ends_what_is_not_active_at_the_moment(slurm):
    AsItIs().cancel()
    assert "scancel" not in slurm.asked(), "fixed"
    after = patched()
    after.cancel()
    assert "scancel --name=run" in slurm.asked()
    after.run_job("queued")
    assert after.submitted == []


def test_10_no_account_is_guessed(slurm):
    job = SimpleNamespace(resources={})
    before = AsItIs()
    assert list(before.get_account_arg(job)) == [""]
    assert "| tail -1" in slurm.asked(), "fixed"
    asked = slurm.asked()
    assert list(patched().get_account_arg(job)) == [""]
    assert slurm.asked() == asked


def test_what_keeps_a_job_from_starting_is_said_once(slurm, monkeypatch, caplog):
    slurm("squeue", in_queue("PENDING", "PartitionTimeLimit"))
    now = time.monotonic()
    after = patched()
    after.look()
    assert caplog.text == "", "it may be over at the next look"
    for age in (21, 50):
        monkeypatch.setattr(time, "monotonic", lambda age=age: now + age)
        after.look()
    assert caplog.text.count("SLURM job 7 (detect_slice llava_0_3) does not start") == 1
    assert "(PartitionTimeLimit): it asks for more minutes than it may" in caplog.text
