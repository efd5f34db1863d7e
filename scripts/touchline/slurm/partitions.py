"""Check a SLURM cluster before a run submits jobs, and read its limits.

The checks refuse settings that would give wrong results or repeat work. The functions parse the
output of SLURM's commands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from touchline.core.logs import read_tail
from touchline.errors import InputError, plain
from touchline.slurm.queue import Stage, own_jobs, run_command


@dataclass(frozen=True)
class Submission:
    """The way that a run submits its jobs.

    Attributes:
        array_jobs: value of slurm-array-jobs.
        groups: group of each grouped rule, by rule.
        rules: names of all rules.
        results: the folder of results.
    """

    array_jobs: str | None
    groups: Mapping[str, str]
    rules: Collection[str]
    results: Path


def check_cluster(submission: Submission, folder: Path) -> str | None:
    """Check the cluster before the first job is submitted.

    Args:
        submission: the way that the run submits its jobs.
        folder: folder in which the run is started.

    Returns:
        A warning if jobs of an earlier run with the same results are still in the queue, else None.

    Raises:
        InputError: the run would repeat work or give wrong results.
    """
    if submission.array_jobs:
        raise InputError(
            "slurm-array-jobs is refused: each task of an array checks the first task's output, "
            "so finished slices would be deleted or repeated. Remove the option."
        )
    if submission.groups:
        raise InputError(
            f"--groups is refused ({', '.join(sorted(submission.groups))}): the slices of a group "
            "would share one GPU. Remove the option."
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
            "Jobs of an earlier run are still in the queue and do the same work. You can end them "
            f"without losing anything. Type in another terminal: scancel {' '.join(left)}"
        )
    return None


def has_accounting(configuration: str) -> bool:
    """Return whether `sacct` knows past jobs.

    Args:
        configuration: output of `scontrol show config`; "" if the command failed.
    """
    found = re.search(r"^AccountingStorageType\s*=\s*(\S+)", configuration, re.MULTILINE)
    return found is not None and found[1] not in ("(null)", "accounting_storage/none")


@cache
def limits() -> str:
    """Return the cluster's partitions and their MaxTime, one per line. The result is cached.

    The default partition has an asterisk.
    """
    return run_command("sinfo", "--all", "--noheader", "--format=%P|%l") or ""


def longest_minutes(partitions: str, partition: str | None) -> int | None:
    """Return the longest time that a job may request, in minutes.

    Args:
        partitions: the text that `limits` returns.
        partition: the job's partition, or several with commas; None for the default partition.
            SLURM chooses one of several, so the longest limit counts.

    Returns:
        The time limit, or None if there is no limit or it is not known.
    """
    names = set(partition.split(",")) if partition else set()
    longest = None
    for line in partitions.splitlines():
        name, _, limit = line.partition("|")
        if name.rstrip("*") in names if names else name.endswith("*"):
            # The format is days-hours:minutes:seconds, or a word such as "infinite".
            match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit.strip())
            if not match:
                return None
            days, hours, minutes = (int(part or 0) for part in match.groups()[:3])
            longest = max(longest or 0, (days * 24 + hours) * 60 + minutes)
    return longest


def early_failure_cause(status: str, slurm_log: str, own_logs: Iterable[str]) -> str:
    """Return SLURM's last log line about a job that failed before its own program started.

    Args:
        status: the job's state.
        slurm_log: path of SLURM's own log.
        own_logs: paths of the job's own logs.

    Returns:
        The line, or "" if the job's own logs are not empty or SLURM ended the job.
    """
    if status != "FAILED" or any(read_tail(log) for log in own_logs):
        return ""
    lines = [line.strip() for line in read_tail(slurm_log).splitlines()]
    # Lines of `srun` only say that its program failed.
    lines = [line for line in lines if line and not line.startswith(("srun:", "slurmstepd:"))]
    return plain(lines[-1]) if lines else ""


def failure_reason(status: str, log: str) -> str:
    """Return SLURM's word for how a job ended.

    SLURM reports FAILED for a job if one of its steps was killed because it ran out of memory.
    SLURM's log shows the true reason.

    Args:
        status: the job's state.
        log: text of SLURM's own log of the job.
    """
    killed = re.search(r"oom-kill event|oom_kill event|Exceeded job memory limit", log)
    return "OUT_OF_MEMORY" if status == "FAILED" and killed else status
