"""What a run on a SLURM cluster has to know of it before it submits a job.

What is refused would otherwise end in wrong results or in work done twice. The texts are those
that SLURM's commands print.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from touchline.errors import InputError
from touchline.slurm.queue import QUEUE, QueuedJob, Stage, read_queue


@dataclass(frozen=True)
class Submission:
    """How a run submits its jobs.

    Attributes:
        array_jobs: the value of slurm-array-jobs.
        groups: by rule, the group it was put into.
        rules: the names of all rules.
    """

    array_jobs: str | None
    groups: Mapping[str, str]
    rules: Collection[str]


def check_cluster(submission: Submission, folder: Path) -> str | None:
    """Look at the cluster before the first job is submitted.

    Args:
        folder: that the run is started in.

    Returns:
        a warning where jobs of an earlier run are still in the queue.

    Raises:
        InputError: the run would do work twice, or give wrong results.
    """
    check_refused(submission.array_jobs, submission.groups)
    queue = read_queue(output_of(*QUEUE).splitlines())
    if left := earlier_jobs(queue, folder, submission.rules):
        return (
            "Jobs of an earlier run are still in the queue and do the same work; nothing is "
            f"lost if you end them, in another terminal: scancel {' '.join(left)}"
        )
    return None


def output_of(*command: str) -> str:
    """What one of SLURM's commands prints; "" if it is not there or does not answer."""
    return answer_of(*command) or ""


def answer_of(*command: str) -> str | None:
    """What one of SLURM's commands prints; None if it is not there or does not answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


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
    return output_of("sinfo", "--noheader", "--format=%P|%l")


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
    found = []
    for line in partitions.splitlines():
        name, _, limit = line.partition("|")
        chosen = name.rstrip("*") in names if names else name.endswith("*")
        if chosen:
            found.append(_minutes(limit))
    if not found or None in found:
        return None
    return max(minutes for minutes in found if minutes is not None)


def _minutes(limit: str) -> int | None:
    """Whole minutes of days-hours:minutes:seconds; None for "infinite" and the like."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit.strip())
    if not match:
        return None
    days, hours, minutes = (int(part or 0) for part in match.groups()[:3])
    return (days * 24 + hours) * 60 + minutes


def check_refused(array_jobs: str | None, groups: Mapping[str, str]) -> None:
    """Refuse what gives wrong results.

    Args:
        array_jobs: the value of slurm-array-jobs.
        groups: by rule, the group it was put into.

    Raises:
        InputError: with the reason.
    """
    if array_jobs:
        raise InputError(
            "slurm-array-jobs is refused: each task of an array checks the first task's output, "
            "so finished slices are deleted or done again; remove it."
        )
    if groups:
        raise InputError(
            f"--groups is refused ({', '.join(sorted(groups))}): the slices of a group would share "
            "one GPU; remove it."
        )


def reason_of(status: str, log: str) -> str:
    """How a job ended, in SLURM's word.

    A job whose step was killed for memory counts as FAILED; only its log shows why.

    Args:
        status: the job's state.
        log: what SLURM's own log of the job says.
    """
    killed = re.search(r"oom-kill event|oom_kill event|Exceeded job memory limit", log)
    return "OUT_OF_MEMORY" if status == "FAILED" and killed else status


def earlier_jobs(queue: Iterable[QueuedJob], folder: Path, names: Collection[str]) -> list[str]:
    """The numbers of jobs that a run in a folder has left behind in the queue.

    Args:
        names: of the rules.
    """
    stages = (Stage.PENDING, Stage.RUNNING)
    return [
        job.number
        for job in queue
        if job.stage in stages and job.rule in names and job.folder == folder
    ]
