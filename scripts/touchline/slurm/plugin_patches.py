"""Patches of Snakemake's executor plugin for SLURM, for faults that hang a run or lose a job.

They change how the plugin looks at its jobs, pauses, submits, reports errors and cancels. If a
patch fails, the plugin's own method does the work. Each fault has a report in docs/upstream/. A
test in tests/unit/slurm/test_plugin_patches.py fails once the plugin no longer needs the patch.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from logging import Logger
from typing import Any

from touchline.core.logs import end_of
from touchline.slurm.queue import QueuedJob, Stage, answer_of, obstacle, own_jobs, stage_of
from touchline.slurm.refusals import Refusal, refusal_of

# Seconds between two looks: at first, when nothing changes for long, and while no job is queued.
_SHORTEST, _LONGEST = 2.0, 30.0
_IDLE = 0.5
# A job is looked at for a tenth longer than it has been as it is.
_SHARE = 10
# Seconds that no command of SLURM knows a job before it is given up.
_GRACE = 60.0
# Seconds that a reason must last before it is more than a moment's.
_LASTING = 20.0
# Seconds until a refused job is submitted again, and how often it is.
_AGAIN, _MOST_REFUSALS = 60.0, 60
# What Snakemake, which runs in every SLURM job, prints last.
_DONE = "1 of 1 steps (100%) done"

_PLUGIN = "snakemake-executor-plugin-slurm"
# requirements.lock pins it.
_TESTED = "2.8.0"

Method = Callable[..., Any]


def apply_patches(plugin: Any, *, has_accounting: bool, logger: Logger) -> None:
    """Patch the plugin, if it is the version that the patches were tested with.

    Args:
        plugin: the module snakemake_executor_plugin_slurm, which is Snakemake's to import.
        has_accounting: whether `sacct` knows the cluster's jobs.
    """
    if (found := version(_PLUGIN)) != _TESTED:
        logger.warning(
            f"{_PLUGIN} is version {found}, and the patches of its faults are for {_TESTED}: it "
            "runs without them, and may wait for ever for a job that was preempted or forgotten "
            "(docs/upstream/)."
        )
        return
    executor = plugin.Executor
    watch = _Watch(has_accounting)
    executor.check_active_jobs = _patched_look(executor.check_active_jobs, watch)
    executor.sleep = _patched_sleep(executor.sleep)
    executor.run_job = _patched(executor.run_job, _hold_back, watch)
    executor.report_job_error = _patched(executor.report_job_error, _handle_refusal, watch)
    executor.cancel = _patched_cancel(executor.cancel, watch)


def _patched(original: Method, ours: Callable[..., bool], watch: _Watch) -> Method:
    """Call the original if our function returns False or raises."""

    def method(self: Any, *arguments: Any, **named: Any) -> None:
        try:
            is_done = ours(watch, self, *arguments, **named)
        except Exception as error:
            watch.tell_fault(self.logger, error)
            is_done = False
        if not is_done:
            original(self, *arguments, **named)

    return method


def _hold_back(watch: _Watch, executor: Any, job: Any) -> bool:
    """Submit nothing once the run ends (docs/upstream/cancel.md, refused-jobs.md)."""
    if watch.is_ending:
        executor.workflow.scheduler.error_callback(job)
    return watch.is_ending


def _handle_refusal(
    watch: _Watch, executor: Any, job_info: Any, msg: str | None = None, **_: Any
) -> bool:
    """Try a refused job later, or end the run (docs/upstream/refused-jobs.md)."""
    refusal = refusal_of(msg or "")
    if refusal and watch.put_off(job_info.job, refusal):
        text = f"SLURM takes no job now ({refusal.words}); asked again every {_AGAIN:.0f} s."
        watch.say(executor.logger, refusal.words, text)
        return True
    if refusal and refusal.advice:
        if watch.is_ending:
            # The plugin submits two jobs at once: the other one, refused for the same reason.
            executor.workflow.scheduler.error_callback(job_info.job)
            return True
        watch.is_ending = True
        # Running jobs end, and none is submitted any more.
        executor.workflow.scheduler.exit_gracefully()
    return False


def _patched_sleep(original: Method) -> Method:
    """End the pause when the run ends (docs/upstream/long-pauses.md)."""

    async def sleep(self: Any) -> None:
        try:
            end = time.monotonic() + self.next_seconds_between_status_checks
            while self.wait and (left := end - time.monotonic()) > 0:
                await asyncio.sleep(min(left, 0.2))
        except Exception:
            await original(self)

    return sleep


def _patched_cancel(original: Method, watch: _Watch) -> Method:
    """Cancel jobs that are not active at the moment, too (docs/upstream/cancel.md)."""

    def cancel(self: Any) -> None:
        watch.is_ending = True
        try:
            original(self)
        finally:
            answer_of("scancel", f"--name={self.run_uuid}")

    return cancel


def _patched_look(original: Method, watch: _Watch) -> Method:
    """Report the jobs that have ended and yield the others."""

    async def check_active_jobs(self: Any, active_jobs: Sequence[Any]) -> AsyncIterator[Any]:
        for job in watch.due():
            await asyncio.to_thread(self.run_job, job)
        try:
            findings = await _look(self, active_jobs, watch)
        except Exception as error:
            watch.tell_fault(self.logger, error)
            async for job in original(self, active_jobs):
                yield job
            return
        for job, stage, state in findings:
            number = job.external_jobid
            if stage is Stage.DONE:
                self.report_job_success(job)
            elif state == "PREEMPTED":
                # docs/upstream/preempted-jobs.md
                self.logger.warning(
                    f"SLURM job {number} gave way to another one (PREEMPTED) and is submitted "
                    "again; it goes on where it was, and none of its attempts is used up."
                )
                await asyncio.to_thread(self.run_job, job.job)
            elif stage is Stage.DEAD:
                log = job.aux.get("slurm_logfile")
                message = f"SLURM-job '{number}' failed, SLURM status is: '{state}'. "
                self.report_job_error(job, msg=message, aux_logs=[str(log)] if log else [])
            else:
                yield job

    return check_active_jobs


@dataclass
class _Watch:
    """The state of a run's jobs between two looks. Times are of time.monotonic()."""

    has_accounting: bool
    changed: float = field(default_factory=time.monotonic)
    seen: Mapping[str, str] = field(default_factory=dict)
    missed: dict[str, float] = field(default_factory=dict)
    hindered: dict[str, tuple[str, float]] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    waiting: list[tuple[float, Any]] = field(default_factory=list)
    refusals: dict[Any, int] = field(default_factory=dict)
    is_ending: bool = False

    def states(
        self, run: str, numbers: Sequence[str], clusters: Collection[str]
    ) -> dict[str, QueuedJob] | None:
        """Ask SLURM for jobs, by number. Return None if it does not answer.

        Args:
            run: the name of all jobs of the run.
            clusters: the clusters that the jobs went to, or none for the default one.
        """
        where = [f"--clusters={','.join(sorted(clusters))}"] if clusters else []
        queue = own_jobs(f"--name={run}", *where)
        if queue is None:
            return None
        known = {job.number: job for job in queue}
        missing = [number for number in numbers if number not in known]
        if missing and self.has_accounting:
            command = ("sacct", "-X", "--parsable2", "--noheader", "--format=JobIdRaw,State")
            accounts = answer_of(*command, f"--jobs={','.join(missing)}", *where)
            if accounts is None:
                return None
            for line in accounts.splitlines():
                number, _, state = line.partition("|")
                # squeue would know the others. sacct adds who cancelled a job to its state
                # (docs/upstream/cancelled-by.md).
                if stage_of(state) in (Stage.DONE, Stage.DEAD):
                    known[number] = QueuedJob(number, state.partition(" ")[0])
        self.missed = {n: since for n, since in self.missed.items() if n not in known}
        return known

    def pause(self, states: Mapping[str, str]) -> float:
        """Return the seconds until the next look."""
        if states != self.seen:
            self.changed, self.seen = time.monotonic(), dict(states)
        return min(max((time.monotonic() - self.changed) / _SHARE, _SHORTEST), _LONGEST)

    def put_off(self, job: Any, refusal: Refusal) -> bool:
        """Submit a refused job again later. Return False if that cannot help."""
        times = self.refusals[job] = self.refusals.get(job, 0) + 1
        if times > _MOST_REFUSALS or not refusal.is_passing(others_queued=bool(self.seen)):
            return False
        self.waiting.append((time.monotonic() + _AGAIN, job))
        return True

    def due(self) -> list[Any]:
        """Take the refused jobs that are to be submitted now."""
        now = time.monotonic()
        jobs = [job for when, job in self.waiting if when <= now]
        self.waiting = [(when, job) for when, job in self.waiting if when > now]
        return jobs

    def say(self, logger: Any, reason: str, sentence: str) -> None:
        """Warn once per reason."""
        if reason not in self.said:
            self.said.add(reason)
            logger.warning(sentence)

    def tell_fault(self, logger: Any, error: Exception) -> None:
        """Warn that a patch fails and the plugin's own method is used."""
        reason = f"{type(error).__name__}: {error}"
        self.say(logger, reason, f"A patch of {_PLUGIN} fails ({reason}); it runs without.")


async def _look(
    executor: Any, active_jobs: Sequence[Any], watch: _Watch
) -> list[tuple[Any, Stage, str]]:
    """Find the state of each job, and set the pause until the next look."""
    if not active_jobs:
        watch.pause({})
        executor.next_seconds_between_status_checks = _IDLE
        return []
    numbers = [job.external_jobid for job in active_jobs]
    clusters = {name for job in active_jobs if (name := _cluster(job.job.resources))}
    known = await asyncio.to_thread(watch.states, executor.run_uuid, numbers, clusters)
    if known is None:
        # docs/upstream/failed-query.md
        text = "SLURM does not answer; its jobs run on, and it is asked until it does."
        watch.say(executor.logger, "away", text)
        executor.next_seconds_between_status_checks = _SHORTEST
        return [(job, Stage.RUNNING, "") for job in active_jobs]
    watch.said.discard("away")
    findings = []
    for job, number in zip(active_jobs, numbers, strict=True):
        if queued := known.get(number):
            _explain(queued, executor, watch)
            findings.append((job, queued.stage, queued.state))
        else:
            findings.append((job, _stage_of_forgotten(job, watch), "UNKNOWN"))
    # docs/upstream/long-pauses.md
    states = {n: known[n].state if n in known else "" for n in numbers}
    executor.next_seconds_between_status_checks = watch.pause(states)
    return findings


def _cluster(resources: Mapping[str, Any]) -> str | None:
    """Return the cluster that a job was submitted to, as the plugin reads its resources."""
    names = ("cluster", "clusters", "slurm_cluster")
    return next((str(name) for key in names if (name := resources.get(key))), None)


def _stage_of_forgotten(job: Any, watch: _Watch) -> Stage:
    """Tell from a job's own log how far it is (docs/upstream/forgotten-jobs.md)."""
    log = job.aux.get("slurm_logfile")
    if log and _DONE in end_of(log, 4000):
        return Stage.DONE
    since = watch.missed.setdefault(job.external_jobid, time.monotonic())
    return Stage.DEAD if time.monotonic() - since >= _GRACE else Stage.RUNNING


def _explain(queued: QueuedJob, executor: Any, watch: _Watch) -> None:
    """Warn of a reason that has kept a job from starting for some time."""
    advice = obstacle(queued.reason) if queued.stage is Stage.PENDING else None
    if advice is None:
        watch.hindered.pop(queued.number, None)
        return
    reason, since = watch.hindered.setdefault(queued.number, (queued.reason, time.monotonic()))
    if reason != queued.reason:
        watch.hindered[queued.number] = queued.reason, time.monotonic()
    elif time.monotonic() - since >= _LASTING:
        what = f"{queued.rule} {queued.wildcards}".strip()
        sentence = f"SLURM job {queued.number} ({what}) does not start ({reason}): {advice}."
        watch.say(executor.logger, reason, sentence)
