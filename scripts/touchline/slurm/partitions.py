"""What a run on a SLURM cluster has to know of it before it submits a job.

What is refused would otherwise end in wrong results or in work done twice. The texts are those
that SLURM's commands print.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from touchline.core.logs import read_tail
from touchline.errors import InputError, plain
from touchline.slurm.queue import Stage, answer_of, own_jobs


@dataclass(frozen=True)
class Submission:
    """How a run submits its jobs.

    Attributes:
        array_jobs: the value of slurm-array-jobs.
        groups: by rule, the group it was put into.
        rules: the names of all rules.
        results: the folder of results.
    """

    array_jobs: str | None
    groups: Mapping[str, str]
    rules: Collection[str]
    results: Path


def check_cluster(submission: Submission, folder: Path) -> str | None:
    """Look at the cluster before the first job is submitted.

    Args:
        folder: that the run is started in.

    Returns:
        a warning where jobs of an earlier run with the same results are still in the queue.

    Raises:
        InputError: the run would do work twice, or give wrong results.
    """
    if submission.array_jobs:
        raise InputError(
            "slurm-array-jobs is refused: each task of an array checks the first task's output, "
            "so finished slices are deleted or done again; remove it."
        )
    if submission.groups:
        raise InputError(
            f"--groups is refused ({', '.join(sorted(submission.groups))}): the slices of a group "
            "would share one GPU; remove it."
        )
    left = [
        job.number
        for job in own_jobs() or []
        if job.stage in (Stage.PENDING, Stage.RUNNING, Stage.SUSPENDED)
        and job.rule in submission.rules
        and job.is_for(submission.results, folder)
    ]
    if left:
        return (
            "Jobs of an earlier run are still in the queue and do the same work; nothing is "
            f"lost if you end them, in another terminal: scancel {' '.join(left)}"
        )
    return None


def has_accounting(configuration: str) -> bool:
    """Whether `sacct` knows jobs of the past.

    Args:
        configuration: what `scontrol show config` prints; "" if it does not answer.
    """
    found = re.search(r"^AccountingStorageType\s*=\s*(\S+)", configuration, re.MULTILINE)
    return found is not None and found[1] not in ("(null)", "accounting_storage/none")


@cache
def limits() -> str:
    """The cluster's partitions, the default one with an asterisk, and their MaxTime; asked once."""
    return answer_of("sinfo", "--all", "--noheader", "--format=%P|%l") or ""


def longest_minutes(partitions: str, partition: str | None) -> int | None:
    """The longest time that a job may ask for.

    Args:
        partitions: what `limits` returns.
        partition: that it goes to, or several with commas between them, of which SLURM takes one;
            None for the default one.

    Returns:
        None if there is no limit or it is not known.
    """
    names = set(partition.split(",")) if partition else set()
    longest = None
    for line in partitions.splitlines():
        name, _, limit = line.partition("|")
        if name.rstrip("*") in names if names else name.endswith("*"):
            # days-hours:minutes:seconds; or "infinite" and the like.
            match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit.strip())
            if not match:
                return None
            days, hours, minutes = (int(part or 0) for part in match.groups()[:3])
            longest = max(longest or 0, (days * 24 + hours) * 60 + minutes)
    return longest


def cause_of(status: str, slurm_log: str, own_logs: Iterable[str]) -> str:
    """Return the last line that SLURM logged of a job which failed before its own program began.

    Args:
        status: the job's state.
        slurm_log: the path of SLURM's own log.
        own_logs: the paths of the job's own logs.

    Returns:
        "" if the job's own logs have something to say, or SLURM ended the job.
    """
    if status != "FAILED" or any(read_tail(log) for log in own_logs):
        return ""
    lines = [line.strip() for line in read_tail(slurm_log).splitlines()]
    # `srun` only adds that its program failed.
    lines = [line for line in lines if line and not line.startswith(("srun:", "slurmstepd:"))]
    return plain(lines[-1]) if lines else ""


def reason_of(status: str, log: str) -> str:
    """How a job ended, in SLURM's word.

    A job whose step was killed for memory counts as FAILED; only its log shows why.

    Args:
        status: the job's state.
        log: what SLURM's own log of the job says.
    """
    killed = re.search(r"oom-kill event|oom_kill event|Exceeded job memory limit", log)
    return "OUT_OF_MEMORY" if status == "FAILED" and killed else status
