"""Patch faults of Snakemake's SLURM plugin that stall a run or lose a job.

The patches change how the plugin checks, submits, names and cancels jobs. They also change how it
pauses, reads GPU requests and reports errors. If a patch fails, the plugin's own method is used.
docs/upstream/ has a report on each fault. A test in tests/unit/slurm/test_plugin_patches.py fails
as soon as the plugin no longer needs a patch.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from logging import Logger
from types import SimpleNamespace
from typing import Any

from touchline.core.logs import read_tail
from touchline.slurm.partitions import early_failure_cause
from touchline.slurm.queue import QueuedJob, Stage, obstacle, own_jobs, run_command, stage_for_state
from touchline.slurm.refusals import Refusal, parse_refusal
from touchline.slurm.waiting import WaitingReport

# Seconds between two checks: at first, without changes for long, and while no job is queued.
_SHORTEST, _LONGEST = 2.0, 30.0
_IDLE = 0.5
# The pause is a tenth of the time since the last change.
_SHARE = 10
# Seconds until a job is given up that no SLURM command knows.
_GRACE = 60.0
# Seconds that a reason must last before it is reported.
_REPORTED_AFTER = 20.0
# Seconds until a refused job is submitted again, and until a run without queued jobs gives up.
_RETRY_AFTER, _GIVE_UP = 60.0, 3600.0
# The plugin accepts one kind of resource without a hyphen. SLURM accepts several with any name.
_GRES = re.compile(r"[\w.-]+(:[\w.-]+)?(:\d+[KMGTP]?)?", re.ASCII)
_GPU_MODEL = re.compile(r"[\w.-]+", re.ASCII)
# The last line that the Snakemake process in a SLURM job prints.
_DONE = "1 of 1 steps (100%) done"

_PLUGIN = "snakemake-executor-plugin-slurm"
# requirements.lock pins it.
_TESTED = "2.8.0"

Method = Callable[..., Any]


def apply_patches(plugin: Any, *, has_accounting: bool, mark: str, logger: Logger) -> None:
    """Patch the plugin, if it is the version that the patches were tested with.

    Args:
        plugin: the module snakemake_executor_plugin_slurm, which Snakemake imports.
        has_accounting: whether `sacct` knows the cluster's jobs.
        mark: text that ends the names of all jobs of the run.
        logger: the logger for warnings.
    """
    if (found := version(_PLUGIN)) != _TESTED:
        logger.warning(
            f"{_PLUGIN} is version {found}, but the patches of its faults are for {_TESTED}. It "
            "runs without patches and may wait forever for a job that was preempted or forgotten "
            "(docs/upstream/)."
        )
        return
    executor = plugin.Executor
    watch = _JobWatch(has_accounting, mark)
    executor.check_active_jobs = _patched_check(executor.check_active_jobs, watch)
    executor.sleep = _patched_sleep(executor.sleep)
    executor.run_job = _patched(executor.run_job, _hold_back, watch)
    executor.report_job_error = _patched(executor.report_job_error, _handle_refusal, watch)
    executor.cancel = _patched_cancel(executor.cancel, watch)
    plugin.set_gres_string = _patched_gres(plugin.set_gres_string)


def _patched(original: Method, ours: Callable[..., bool], watch: _JobWatch) -> Method:
    """Wrap a method: call `ours` first, and the original if `ours` returns False or raises."""

    def method(self: Any, *arguments: Any, **named: Any) -> None:
        """Call our function, and the original if ours did not handle the call."""
        try:
            is_done = ours(watch, self, *arguments, **named)
        except Exception as error:
            watch.warn_of_fault(self.logger, error)
            is_done = False
        if not is_done:
            original(self, *arguments, **named)

    return method


def _hold_back(watch: _JobWatch, executor: Any, job: Any) -> bool:
    """Keep a job from being submitted if the run is ending or SLURM refuses jobs at the moment.

    See docs/upstream/cancel.md and refused-jobs.md. Return whether the job was held back.
    """
    # All jobs of the run get this name. Two threads call this function in any order.
    executor.run_uuid = f"{executor.run_uuid.removesuffix(f'_{watch.mark}')}_{watch.mark}"
    if watch.is_ending:
        _give_up(executor, job)
        return True
    if watch.is_refused:
        watch.refused.append(job)
        return True
    return False


def _give_up(executor: Any, job: Any) -> None:
    """Report a job as failed without submitting it."""
    _use_up_attempts(job)
    executor.workflow.scheduler.error_callback(job)


def _use_up_attempts(job: Any) -> None:
    """Set the job's attempt to the last one, so that Snakemake does not announce a restart."""
    job.attempt = job.restart_times + 1


def _handle_refusal(
    watch: _JobWatch, executor: Any, job_info: Any, msg: str | None = None, **_: Any
) -> bool:
    """Retry a refused job later, or end the run (docs/upstream/refused-jobs.md).

    Return whether the refusal was handled.
    """
    refusal = parse_refusal(msg or "")
    if refusal and watch.put_off(job_info.job, refusal):
        text = f"SLURM refuses jobs now ({refusal.words}). Touchline retries every minute"
        if refusal.is_for_too_many_jobs:
            text += (
                " and when a job of this run ends. To keep fewer jobs in the queue, start the run "
                "with --jobs N"
            )
        watch.say(executor.logger, refusal.words, f"{text}.")
        return True
    if refusal and refusal.advice:
        if watch.is_ending:
            # The plugin submits two jobs at once. This is the second job with the same refusal.
            _give_up(executor, job_info.job)
            return True
        watch.is_ending = True
        _use_up_attempts(job_info.job)
        # Running jobs may end, but no job is submitted any more.
        executor.workflow.scheduler.exit_gracefully()
    return False


def _patched_gres(original: Method) -> Method:
    """Accept all names and lists of resources that SLURM accepts (docs/upstream/gres.md)."""

    def set_gres_string(job: Any) -> str:
        """Return the options of `sbatch` for a job's GPUs and other resources."""
        resources = job.resources
        gres, model = resources.get("gres") or "", resources.get("gpu_model") or ""
        gpus = resources.get("gpu", 1 if model else 0)
        try:
            is_known = all(_GRES.fullmatch(part) for part in gres.split(",") if gres)
            is_known = is_known and (not model or _GPU_MODEL.fullmatch(model) is not None)
        except (AttributeError, TypeError):
            is_known = False
        if not is_known:
            return str(original(job))
        options = f" --gres={gres}" if gres else ""
        if model:
            return f"{options} --gpus={model}:{gpus}"
        # SLURM refuses `--gres=gpu:a100:1 --gpus=1`, so leave out --gpus if gres names the GPU.
        names_gpus = any(part.partition(":")[0] == "gpu" for part in gres.split(","))
        return f"{options} --gpus={gpus}" if gpus and not names_gpus else options

    return set_gres_string


def _patched_sleep(original: Method) -> Method:
    """End the pause early when the run ends (docs/upstream/long-pauses.md)."""

    async def sleep(self: Any) -> None:
        """Pause until the next check, or until the run ends."""
        try:
            end = time.monotonic() + self.next_seconds_between_status_checks
            while self.wait and (left := end - time.monotonic()) > 0:
                await asyncio.sleep(min(left, 0.2))
        except Exception:
            await original(self)

    return sleep


def _patched_cancel(original: Method, watch: _JobWatch) -> Method:
    """Cancel inactive jobs as well, and wait for steps on this machine
    (docs/upstream/cancel.md).
    """

    def cancel(self: Any) -> None:
        """Cancel all jobs of the run."""
        watch.is_ending = True
        try:
            original(self)
        finally:
            run_command("scancel", f"--name={self.run_uuid}")
        try:
            local = self.workflow.scheduler.get_executor(SimpleNamespace(is_local=True))
            if local is not self:
                local.cancel()
        except Exception as error:
            watch.warn_of_fault(self.logger, error)

    return cancel


def _patched_check(original: Method, watch: _JobWatch) -> Method:
    """Report jobs that have ended, and yield the other jobs."""

    async def check_active_jobs(self: Any, active_jobs: Sequence[Any]) -> AsyncIterator[Any]:
        """Check the active jobs, and yield the jobs that are still active."""
        while (refused := watch.next_refused()) is not None:
            await asyncio.to_thread(self.run_job, refused)
        try:
            findings = await _check_jobs(self, active_jobs, watch)
        except Exception as error:
            watch.warn_of_fault(self.logger, error)
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
                    f"SLURM preempted job {number} for another job. Touchline submits the job "
                    "again. It resumes where it stopped, and no attempt is used up."
                )
                await asyncio.to_thread(self.run_job, job.job)
            elif stage is Stage.DEAD:
                log = job.aux.get("slurm_logfile")
                message = f"SLURM-job '{number}' failed, SLURM status is: '{state}'. "
                if cause := early_failure_cause(state, str(log), map(str, job.job.log)):
                    message += f"SLURM's log ends with: {cause} "
                self.report_job_error(job, msg=message, aux_logs=[str(log)] if log else [])
            else:
                yield job

    return check_active_jobs


@dataclass
class _JobWatch:
    """The state of a run's jobs between two checks. Times are from time.monotonic()."""

    has_accounting: bool
    mark: str
    changed: float = field(default_factory=time.monotonic)
    seen: Mapping[str, str] = field(default_factory=dict)
    missed: dict[str, float] = field(default_factory=dict)
    hindered: dict[str, tuple[str, float]] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    report: WaitingReport = field(default_factory=WaitingReport)
    refused: list[Any] = field(default_factory=list)
    refused_since: float | None = None
    ask_again: float = 0.0
    is_ending: bool = False

    def states(
        self, run: str, numbers: Sequence[str], clusters: Collection[str]
    ) -> dict[str, QueuedJob] | None:
        """Query SLURM for jobs, by number. Return None if SLURM does not answer.

        Args:
            run: the common name of all jobs of the run.
            numbers: numbers of the jobs.
            clusters: clusters that the jobs were sent to; empty for the default cluster.
        """
        where = [f"--clusters={','.join(sorted(clusters))}"] if clusters else []
        queue = own_jobs(f"--name={run}", *where)
        if queue is None:
            return None
        known = {job.number: job for job in queue}
        missing = [number for number in numbers if number not in known]
        if missing and self.has_accounting:
            command = ("sacct", "-X", "--parsable2", "--noheader", "--format=JobIdRaw,State")
            accounts = run_command(*command, f"--jobs={','.join(missing)}", *where)
            if accounts is None:
                return None
            for line in accounts.splitlines():
                number, _, state = line.partition("|")
                # squeue knows jobs in other stages. sacct appends the user who cancelled a job to
                # its state (docs/upstream/cancelled-by.md).
                if stage_for_state(state) in (Stage.DONE, Stage.DEAD):
                    known[number] = QueuedJob(number, state.partition(" ")[0])
        self.missed = {n: since for n, since in self.missed.items() if n not in known}
        return known

    def pause(self, states: Mapping[str, str]) -> float:
        """Return the seconds until the next check."""
        if states != self.seen:
            self.changed, self.seen = time.monotonic(), dict(states)
        return min(max((time.monotonic() - self.changed) / _SHARE, _SHORTEST), _LONGEST)

    @property
    def is_refused(self) -> bool:
        """Return whether SLURM has recently refused a job for a temporary reason."""
        return time.monotonic() < self.ask_again

    def put_off(self, job: Any, refusal: Refusal) -> bool:
        """Schedule a refused job for a later attempt. Return False if waiting cannot help."""
        now = time.monotonic()
        if self.refused_since is None:
            self.refused_since = now
        if not refusal.is_temporary or now - self.refused_since > _GIVE_UP:
            return False
        self.refused.append(job)
        self.ask_again = now + _RETRY_AFTER
        return True

    def next_refused(self) -> Any | None:
        """Remove and return a refused job to submit now, or None.

        When the run ends, each call returns one refused job, until none is left.
        """
        if not self.refused or (self.is_refused and not self.is_ending):
            return None
        return self.refused.pop(0)

    def note_queued(self, findings: Sequence[tuple[Any, Stage, str]]) -> None:
        """Note that jobs of the run are in the queue, so that refused jobs are retried without a
        time limit.
        """
        self.refused_since = None
        if any(stage in (Stage.DONE, Stage.DEAD) for _, stage, _ in findings):
            # An ended job makes room for another job.
            self.ask_again = 0.0

    def say(self, logger: Any, reason: str, sentence: str) -> None:
        """Log a warning once per reason."""
        if reason not in self.said:
            self.said.add(reason)
            logger.warning(sentence)

    def warn_of_fault(self, logger: Any, error: Exception) -> None:
        """Warn that a patch failed and that the plugin's own method is used."""
        reason = f"{type(error).__name__}: {error}"
        self.say(
            logger,
            reason,
            f"A patch of {_PLUGIN} fails ({reason}). The plugin runs without the patch.",
        )


async def _check_jobs(
    executor: Any, active_jobs: Sequence[Any], watch: _JobWatch
) -> list[tuple[Any, Stage, str]]:
    """Find the state of each job, and set the pause until the next check."""
    if not active_jobs:
        watch.pause({})
        _report_waiting(executor, watch, [])
        executor.next_seconds_between_status_checks = _IDLE
        return []
    numbers = [job.external_jobid for job in active_jobs]
    clusters = {name for job in active_jobs if (name := _cluster(job.job.resources))}
    known = await asyncio.to_thread(watch.states, executor.run_uuid, numbers, clusters)
    if known is None:
        # docs/upstream/failed-query.md
        text = "SLURM does not answer. Its jobs continue, and Touchline keeps asking."
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
            findings.append((job, _forgotten_job_stage(job, watch), "UNKNOWN"))
    watch.note_queued(findings)
    _report_waiting(executor, watch, [known[n] for n in numbers if n in known])
    # docs/upstream/long-pauses.md
    states = {n: known[n].state if n in known else "" for n in numbers}
    executor.next_seconds_between_status_checks = watch.pause(states)
    return findings


def _report_waiting(executor: Any, watch: _JobWatch, queued: Sequence[QueuedJob]) -> None:
    """Log a line about waiting jobs, if one is due."""
    if line := watch.report.line(queued, len(watch.refused)):
        executor.logger.info(line)


def _cluster(resources: Mapping[str, Any]) -> str | None:
    """Return the cluster in a job's resources, as the plugin reads it."""
    names = ("cluster", "clusters", "slurm_cluster")
    return next((str(name) for key in names if (name := resources.get(key))), None)


def _forgotten_job_stage(job: Any, watch: _JobWatch) -> Stage:
    """Infer the stage of a forgotten job from its log (docs/upstream/forgotten-jobs.md)."""
    log = job.aux.get("slurm_logfile")
    if log and _DONE in read_tail(log, 4000):
        return Stage.DONE
    since = watch.missed.setdefault(job.external_jobid, time.monotonic())
    return Stage.DEAD if time.monotonic() - since >= _GRACE else Stage.RUNNING


def _explain(queued: QueuedJob, executor: Any, watch: _JobWatch) -> None:
    """Warn if the same reason has kept a job from starting for some time."""
    advice = obstacle(queued.reason) if queued.stage is Stage.PENDING else None
    if advice is None:
        watch.hindered.pop(queued.number, None)
        return
    reason, since = watch.hindered.setdefault(queued.number, (queued.reason, time.monotonic()))
    if reason != queued.reason:
        watch.hindered[queued.number] = queued.reason, time.monotonic()
    elif time.monotonic() - since >= _REPORTED_AFTER:
        what = f"{queued.rule} {queued.wildcards}".strip()
        sentence = f"SLURM job {queued.number} ({what}) does not start ({reason}): {advice}."
        watch.say(executor.logger, reason, sentence)
