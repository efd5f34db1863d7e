"""What is changed in Snakemake's executor plugin for SLURM while a run uses it.

Written for snakemake-executor-plugin-slurm 2.8.0 and the snakemake-interface-executor-plugins that
it is built on. Its look at the jobs of a run is replaced by the one of this module, which does
without these faults. No report of them was found among the plugin's issues; each is described here
as it would be reported there, and tests/unit/runs/test_plugin_patches.py has a test for each that
fails once the plugin needs the patch no more.

1. A preempted job is waited for for ever.

    `check_active_jobs` takes PREEMPTED for a pause ("We leave it to SLURM to resume your job(s)").
    With `PreemptMode=CANCEL`, or a job that was submitted with `--no-requeue`, PREEMPTED is final:
    SLURM has ended the job and will not start it again. Only where `squeue` shows the job as
    pending after that was it put back. A job that ended so has to be submitted again.

2. A job that `sacct` calls "CANCELLED by 1000" is waited for for ever.

    `sacct` adds who cancelled a job (man sacct, JOB STATE CODES), and `query_job_status` keeps the
    whole text, which is none of the states that `check_active_jobs` counts as failed. The first
    word alone is the state.

3. A node that failed once gets no job any more.

    When `sacct` names the node of a job that ended with NODE_FAIL, it is excluded from every later
    submission of the run, though it may be back in a minute. Where only that node has what a job
    asks for, `sbatch` then refuses each: "Requested node configuration is not available". SLURM
    itself gives no job to a node that is down.

4. A job that SLURM has forgotten is waited for for ever.

    `squeue` knows a job for MinJobAge seconds after its end. If Snakemake is suspended for longer
    (Ctrl-Z, a laptop's lid, a login node without memory), jobs that ended meanwhile are missing in
    all later answers, and `check_active_jobs` takes a missing job for one that is not known yet.

5. A look that fails forgets the jobs.

    If all `--slurm-status-attempts` of a look fail (the scheduler is restarted), none of the jobs
    is yielded, so that none is looked at again: the run waits for ever. A look that knows nothing
    has to keep all jobs.

6. A scheduler that is away for a moment makes `squeue` users ask `sacct`.

    Each look runs `scontrol show config` for MinJobAge, and without an answer falls back to
    `sacct`, although `--slurm-status-command squeue` is set. On a cluster without an accounting
    database that names no job.

7. The end of a job is seen late, and so are Ctrl-C and the end of the run.

    The pause between two looks grows by 10 s whenever nothing has ended, up to 180 s, for short
    jobs as for long ones, and no job is looked at for `--slurm-init-seconds-before-status-checks`
    after the first was submitted. `RemoteExecutor.shutdown` waits for the pause to be over.

8. A request that can never be met is made for every job and each of its retries, and one that
   will be met later uses up the retries within a second.

    `run_job` reports each refusal of `sbatch` as a failed job, be it "Invalid account" or "Job
    violates accounting/QOS policy (job submit limit …)".

9. Ctrl-C leaves jobs behind.

    `RemoteExecutor.cancel` cancels the jobs that are active at that moment. None is while a look is
    under way, which takes its time where the scheduler is busy, and those that still wait for one
    of the two threads that run `sbatch` are submitted after that.

10. "sacct: invalid option -- '1'" at each start.

    Without `slurm_account`, `get_account` asks `sacct … | tail -1` for that of the last job, but
    without a shell, so that `sacct` gets the pipe as its arguments. It is not needed: SLURM itself
    takes a user's default account.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from touchline.runs.queue import QUEUE, QueuedJob, Stage, obstacle, read_queue, stage_of
from touchline.runs.refusals import Refusal, refusal_of
from touchline.runs.slurm import answer_of

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

Ask = Callable[..., str | None]


def take_care_of(plugin: Any, has_accounting: bool, ask: Ask = answer_of) -> None:
    """Replace the plugin's look at its jobs, its pauses, and what it does when `sbatch` refuses.

    Args:
        plugin: the module snakemake_executor_plugin_slurm, which is Snakemake's to import.
        has_accounting: whether `sacct` knows the cluster's jobs.
        ask: runs one of SLURM's commands.
    """
    executor = plugin.Executor
    report = executor._report_job_error_threadsafe
    run_job, cancel = executor.run_job, executor.cancel
    account_chosen = executor.get_account_arg
    watch = _Watch(has_accounting, ask)

    async def check_active_jobs(self: Any, active_jobs: Sequence[Any]) -> AsyncIterator[Any]:
        for job in watch.due():
            self._job_submission_executor.submit(self.run_job, job)
        async for kept in _look(self, active_jobs, watch):
            yield kept

    async def sleep(self: Any) -> None:
        end = time.monotonic() + self.next_seconds_between_status_checks
        while self.wait and (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.2))

    def submit(self: Any, job: Any) -> None:
        if watch.is_ending:
            self.workflow.scheduler.error_callback(job)
        else:
            # Nodes that are down get no job from SLURM; beyond that exclude the user's only.
            chosen = self.workflow.executor_settings.exclude_failed_nodes or ""
            self._failed_nodes = {node for node in map(str.strip, chosen.split(",")) if node}
            run_job(self, job)

    def report_refusal(self: Any, job_info: Any, msg: str) -> None:
        refusal = refusal_of(msg)
        if refusal and watch.put_off(job_info.job, refusal):
            text = f"SLURM takes no job now ({refusal.words}); asked again every {_AGAIN:.0f} s."
            watch.say(self.logger, refusal.words, text)
            return
        if refusal and refusal.advice:
            if watch.is_ending:
                # The other one of the two that are submitted at once, with the same reason.
                self.workflow.scheduler.error_callback(job_info.job)
                return
            watch.is_ending = True
            # Running jobs end, and none is submitted any more.
            self.workflow.scheduler.exit_gracefully()
        report(self, job_info, msg)

    def account(self: Any, job: Any) -> Iterator[str]:
        if job.resources.get("slurm_account"):
            yield from account_chosen(self, job)
        else:
            yield ""

    def cancel_all(self: Any) -> None:
        watch.is_ending = True
        cancel(self)
        ask("scancel", f"--name={self.run_uuid}")

    executor.check_active_jobs = check_active_jobs
    executor.cancel = cancel_all
    executor.sleep = sleep
    executor.run_job = submit
    executor.get_account_arg = account
    executor._report_job_error_threadsafe = report_refusal


@dataclass
class _Watch:
    """What is known of a run's jobs from one look to the next. Times are of time.monotonic()."""

    has_accounting: bool
    ask: Ask
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
        """What SLURM knows of some jobs, by number; None if it does not answer.

        Args:
            run: the name of all jobs of the run.
            clusters: that they went to; none for the one that is asked without a name.
        """
        where = [f"--clusters={','.join(sorted(clusters))}"] if clusters else []
        queue = self.ask(*QUEUE, f"--name={run}", *where)
        if queue is None:
            return None
        known = {job.number: job for job in read_queue(queue.splitlines())}
        missing = [number for number in numbers if number not in known]
        if missing and self.has_accounting:
            command = ("sacct", "-X", "--parsable2", "--noheader", "--format=JobIdRaw,State")
            accounts = self.ask(*command, f"--jobs={','.join(missing)}", *where)
            if accounts is None:
                return None
            for line in accounts.splitlines():
                number, _, state = line.partition("|")
                # Of those that go on squeue would know.
                if stage_of(state) in (Stage.DONE, Stage.DEAD):
                    known[number] = QueuedJob(number, state.partition(" ")[0])
        self.missed = {n: since for n, since in self.missed.items() if n not in known}
        return known

    def pause(self, states: Mapping[str, str]) -> float:
        """Seconds until the next look, after jobs were found in some states."""
        if states != self.seen:
            self.changed, self.seen = time.monotonic(), dict(states)
        return min(max((time.monotonic() - self.changed) / _SHARE, _SHORTEST), _LONGEST)

    def is_lost(self, number: str) -> bool:
        """Whether a job that is not known now has been so for too long."""
        return time.monotonic() - self.missed.setdefault(number, time.monotonic()) >= _GRACE

    def put_off(self, job: Any, refusal: Refusal) -> bool:
        """Note a refused job to be submitted later; False if that helps nothing."""
        times = self.refusals[job] = self.refusals.get(job, 0) + 1
        if times > _MOST_REFUSALS or not refusal.is_passing(others_queued=bool(self.seen)):
            return False
        self.waiting.append((time.monotonic() + _AGAIN, job))
        return True

    def due(self) -> list[Any]:
        """The refused jobs whose time has come."""
        now = time.monotonic()
        jobs = [job for when, job in self.waiting if when <= now]
        self.waiting = [(when, job) for when, job in self.waiting if when > now]
        return jobs

    def say(self, logger: Any, what: str, sentence: str) -> None:
        """Warn of something, once."""
        if what not in self.said:
            self.said.add(what)
            logger.warning(sentence)


async def _look(executor: Any, active_jobs: Sequence[Any], watch: _Watch) -> AsyncIterator[Any]:
    """Report the jobs that have ended; the others go on."""
    if not active_jobs:
        watch.pause({})
        executor.next_seconds_between_status_checks = _IDLE
        return
    numbers = [job.external_jobid for job in active_jobs]
    clusters = set(executor._submitted_job_clusters)
    known = await asyncio.to_thread(watch.states, executor.run_uuid, numbers, clusters)
    if known is None:
        text = "SLURM does not answer; its jobs run on, and it is asked until it does."
        watch.say(executor.logger, "away", text)
        executor.next_seconds_between_status_checks = _SHORTEST
        for job in active_jobs:
            yield job
        return
    watch.said.discard("away")
    for job in active_jobs:
        number = job.external_jobid
        queued = known.get(number)
        stage = queued.stage if queued else _stage_of_forgotten(job, watch)
        if stage is Stage.DONE:
            executor.report_job_success(job)
        elif queued and queued.state == "PREEMPTED":
            executor.logger.warning(
                f"SLURM job {number} gave way to another one (PREEMPTED) and is submitted again; "
                "it goes on where it was, and none of its attempts is used up."
            )
            executor._job_submission_executor.submit(executor.run_job, job.job)
        elif stage is Stage.DEAD:
            log = job.aux.get("slurm_logfile")
            state = queued.state if queued else "UNKNOWN"
            message = f"SLURM-job '{number}' failed, SLURM status is: '{state}'. "
            executor.report_job_error(job, msg=message, aux_logs=[str(log)] if log else [])
        else:
            if queued:
                _explain(queued, executor, watch)
            yield job
    states = {n: known[n].state if n in known else "" for n in numbers}
    executor.next_seconds_between_status_checks = watch.pause(states)


def _stage_of_forgotten(job: Any, watch: _Watch) -> Stage:
    """How far a job is that SLURM does not know, by its own log."""
    log = job.aux.get("slurm_logfile")
    try:
        text = Path(log).read_bytes()[-4000:].decode("utf-8", "replace") if log else ""
    except OSError:
        text = ""
    if _DONE in text:
        return Stage.DONE
    return Stage.DEAD if watch.is_lost(job.external_jobid) else Stage.RUNNING


def _explain(queued: QueuedJob, executor: Any, watch: _Watch) -> None:
    """Say once what keeps a job from starting, if it does so for some time."""
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
