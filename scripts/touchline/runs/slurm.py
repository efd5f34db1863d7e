"""What a run on a SLURM cluster has to know of it before it submits a job.

Each check is of something that would otherwise end in a wait without a word, or in work
done twice. The texts are those that SLURM's commands print.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from touchline.errors import InputError

# The executor plugin looks at its jobs every 180 s at most (2.8.0); one look may be late.
LONGEST_PAUSE = 180
_LEAST_MEMORY = LONGEST_PAUSE + 30

_PROFILE = "profiles/slurm/config.yaml"


@dataclass(frozen=True)
class Submission:
    """How a run submits its jobs.

    Attributes:
        status_command: the profile's slurm-status-command, squeue or sacct.
        array_jobs: the value of slurm-array-jobs.
        groups: by rule, the group it was put into.
        rules: the names of all rules.
    """

    status_command: str
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
        InputError: the run would wait for ever or do work twice.
    """
    check_refused(submission.array_jobs, submission.groups)
    check_polling(output_of("scontrol", "show", "config"), submission.status_command)
    queue = output_of("squeue", "--me", "-h", "-o", "%i|%k|%Z").splitlines()
    if left := earlier_jobs(queue, folder, submission.rules):
        return (
            "Jobs of an earlier run are still in the queue and do the same work; nothing is "
            f"lost if you end them, in another terminal: scancel {' '.join(left)}"
        )
    return None


def output_of(*command: str) -> str:
    """What one of SLURM's commands prints; "" if it is not there or does not answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def check_polling(configuration: str, status_command: str) -> None:
    """Make sure that Snakemake learns when its jobs end.

    Args:
        configuration: what `scontrol show config` prints; "" if it does not answer.
        status_command: the profile's slurm-status-command, squeue or sacct.

    Raises:
        InputError: it would wait for ever.
    """
    accounting = _value(configuration, "AccountingStorageType")
    remembered = re.match(r"\d+", _value(configuration, "MinJobAge"))
    accounts = accounting not in ("", "(null)", "accounting_storage/none")
    if not configuration:
        return
    if status_command == "sacct" and not accounts:
        raise InputError(
            "This cluster has no accounting database (scontrol show config: AccountingStorageType "
            f"= {accounting or '(null)'}), so sacct reports nothing and the run would wait for "
            f"ever; set slurm-status-command: squeue in {_PROFILE}."
        )
    if status_command == "squeue" and remembered and int(remembered[0]) < _LEAST_MEMORY:
        why = (
            f"This cluster forgets a job {remembered[0]} s after its end (MinJobAge), and up to "
            f"{LONGEST_PAUSE} s pass between two looks, so its end can be missed and the run would "
            "wait for ever; "
        )
        if accounts:
            raise InputError(f"{why}set slurm-status-command: sacct in {_PROFILE}.")
        raise InputError(
            f"{why}ask the administrators for 300 s, which is SLURM's default, or take a node "
            "interactively and run `snakemake --cores all --resources gpu=4` there."
        )


def _value(configuration: str, key: str) -> str:
    found = re.search(rf"^{key}\s*=\s*(\S+)", configuration, re.MULTILINE)
    return found[1] if found else ""


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


def earlier_jobs(queue: Iterable[str], folder: Path, names: Collection[str]) -> list[str]:
    """Jobs that a run in a folder has left behind in the queue.

    Args:
        queue: lines of `squeue --me -h -o '%i|%k|%Z'`: number, comment, working folder.
        names: of the rules.

    Returns:
        the jobs' numbers.
    """
    numbers = []
    for line in queue:
        number, comment, place = [*line.split("|", 2), "", ""][:3]
        rule = comment.removeprefix("rule_").partition("_wildcards_")[0]
        if comment.startswith("rule_") and rule in names and Path(place) == folder:
            numbers.append(number)
    return numbers
