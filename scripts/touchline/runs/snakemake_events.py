"""Collect the events that Snakemake logs during a run: jobs that start, end or fail."""

from __future__ import annotations

import logging
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from touchline.core.logs import read_tail
from touchline.slurm.partitions import early_failure_cause, failure_reason
from touchline.slurm.refusals import Refusal, parse_refusal

# One or two lines on a screen. Snakemake names every file that makes it repeat a job.
_MOST_OF_REASON = 300

# A signal reaches Snakemake and its jobs on this machine together. A job may end, and be reported
# as failed, before Snakemake's main thread handles the signal. That job was interrupted, too.
_SIGNAL_DELAY = 5.0  # seconds


@dataclass(frozen=True)
class Failure:
    """A failed attempt of a job.

    Attributes:
        job: Snakemake's number of the job, which is the same for every attempt.
        rule: name of the job's rule.
        wildcards: wildcards of the job, by name.
        cluster_job: SLURM's number of the attempt; None if it did not run on SLURM.
        reason: SLURM's word for the failure, such as TIMEOUT; "" if there is none.
        refusal: SLURM's refusal of the submission; None if SLURM accepted it.
        logs: log files of the attempt, beginning with the job's own logs.
        cause: last line of SLURM's log, if the attempt ended before the job's own program started.
        reported: time of Snakemake's report, in seconds of the monotonic clock.
    """

    job: int
    rule: str
    wildcards: Mapping[str, str] = field(default_factory=dict)
    cluster_job: str | None = None
    reason: str = ""
    refusal: Refusal | None = None
    logs: Sequence[str] = ()
    cause: str = ""
    reported: float = field(default_factory=time.monotonic, compare=False)

    def __str__(self) -> str:
        """Describe the attempt, as in "detect_slice of llava, video 0, slice 3 (SLURM job 17:
        TIMEOUT)".
        """
        parts = [
            value if key == "model" else f"{key} {value}"
            for key in ("model", "video", "slice")
            if (value := self.wildcards.get(key)) is not None
        ]
        of = f" of {', '.join(parts)}" if parts else ""
        ended = ": ".join(
            part for part in (f"SLURM job {self.cluster_job or '?'}", self.reason) if part
        )
        return f"{self.rule}{of}" + (f" ({ended})" if self.cluster_job else "")


def shorten_reason(record: logging.LogRecord) -> bool:
    """Shorten a reason that names many files. This function is a filter of Snakemake's logger."""
    reason = vars(record).get("reason")
    if isinstance(reason, str) and len(reason) > _MOST_OF_REASON:
        kept = reason[:_MOST_OF_REASON].rpartition(", ")[0] or reason[:_MOST_OF_REASON]
        vars(record)["reason"] = f"{kept} and {reason[len(kept) :].count(', ')} more"
    return True


class RunEvents(logging.Handler):
    """A log handler that collects Snakemake's events of a run.

    It uses only the fields that Snakemake passes to logger plugins.

    Attributes:
        to_do: number of jobs at the start of the run, by rule.
        is_interrupted: whether a signal ended the run.
    """

    def __init__(self) -> None:
        super().__init__()
        self.to_do: dict[str, int] = {}
        self.is_interrupted = False
        self._wildcards: dict[int, dict[str, str]] = {}
        self._failures: list[Failure] = []
        self._finished: set[int] = set()

    def listen_for(self, *signals: signal.Signals) -> None:
        """Note signals that end the run, and then call their previous handlers."""
        for each in signals:
            if callable(before := signal.getsignal(each)):
                signal.signal(each, partial(self._interrupt, before))

    def _interrupt(self, before: Callable[[int, Any], Any], number: int, frame: Any) -> None:
        """Note the interruption, discard failures that the signal caused, and call the previous
        handler.
        """
        self.is_interrupted = True
        earliest = time.monotonic() - _SIGNAL_DELAY
        self._failures = [f for f in self._failures if f.cluster_job or f.reported < earliest]
        before(number, frame)

    def emit(self, record: logging.LogRecord) -> None:
        """Note a job that starts, ends or fails."""
        fields: dict[str, Any] = vars(record)
        match str(fields.get("event")):
            case "run_info":
                counts = {str(k): int(v) for k, v in dict(fields["stats"]).items() if k != "total"}
                self.to_do = self.to_do or counts
            case "job_info":
                wildcards = {str(k): str(v) for k, v in dict(fields.get("wildcards") or {}).items()}
                self._wildcards[fields["jobid"]] = wildcards
            case "job_finished":
                self._finished.add(fields["job_id"])
            case "job_error" if self.is_interrupted:
                pass  # Ctrl-C reaches the jobs as well.
            case "job_error":
                message = fields.get("rule_msg") or ""
                status = re.search(r"status is: '(\w+)'", message)
                # Snakemake adds notes in brackets to a path.
                logs = [str(path).split(" (")[0] for path in fields.get("log") or []]
                log = read_tail(logs[-1]) if logs else ""
                reason = failure_reason(status[1], log) if status else ""
                failure = Failure(
                    job=fields["jobid"],
                    rule=fields["rule_name"],
                    wildcards=self._wildcards.get(fields["jobid"], {}),
                    cluster_job=(fields.get("aux") or {}).get("external_jobid"),
                    reason=reason,
                    refusal=parse_refusal(message),
                    logs=logs,
                    cause=early_failure_cause(reason, logs[-1], logs[:-1]) if logs else "",
                )
                self._failures.append(failure)

    def ended_by(self, reason: str, rule: str, wildcards: Mapping[str, str]) -> int:
        """Count the attempts of a job that ended for a reason such as TIMEOUT."""
        values = {key: str(value) for key, value in wildcards.items()}
        return sum(
            f.rule == rule and f.wildcards == values and f.reason == reason for f in self._failures
        )

    def final(self) -> list[Failure]:
        """Return the last failed attempt of each job that never finished."""
        last = {f.job: f for f in self._failures if f.job not in self._finished}
        return list(last.values())

    def repeated(self) -> list[Failure]:
        """Return the failed attempts of jobs that finished later."""
        return [f for f in self._failures if f.job in self._finished]
