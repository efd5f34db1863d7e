"""SLURM's queue as `squeue` prints it: how far a job is, and what keeps it from starting."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

# Number, state, reason, comment, working folder; the last may contain what divides them.
_LAYOUT = "%i|%T|%r|%k|%Z"
# Without --states=all, squeue leaves out jobs that have ended; it knows them for MinJobAge seconds.
_QUEUE = ("squeue", "--me", "--noheader", "--states=all", f"--format={_LAYOUT}")


class Stage(Enum):
    """How far a job is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


# `man squeue`, JOB STATE CODES. What is in neither list has a process, or had one just now.
_PENDING = {
    "PENDING",
    "CONFIGURING",
    "REQUEUED",
    "REQUEUE_FED",
    "REQUEUE_HOLD",
    "RESV_DEL_HOLD",
    "SPECIAL_EXIT",
}
_DEAD = {
    "BOOT_FAIL",
    "CANCELLED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
}


def stage_of(state: str) -> Stage:
    """How far a job is in a state of SLURM, such as RUNNING or "CANCELLED by 1000"."""
    word = state.partition(" ")[0]
    if word == "COMPLETED":
        return Stage.DONE
    if word in _DEAD:
        return Stage.DEAD
    return Stage.PENDING if word in _PENDING else Stage.RUNNING


@dataclass(frozen=True)
class QueuedJob:
    """A job in the queue, or one that has ended and is not yet forgotten.

    Attributes:
        number: SLURM's.
        state: in SLURM's word, such as PENDING.
        reason: in SLURM's word why it waits or ended, such as Resources; "None" if it runs.
        rule: of Snakemake; "" for a job that is none of Snakemake's.
        wildcards: the values of the rule's wildcards in the order of its output, as "llava_0_3".
        folder: that the run was started in.
    """

    number: str
    state: str
    reason: str = ""
    rule: str = ""
    wildcards: str = ""
    folder: Path = Path()

    @property
    def stage(self) -> Stage:
        """How far it is."""
        return stage_of(self.state)


def read_queue(lines: Iterable[str]) -> list[QueuedJob]:
    """The jobs that `_QUEUE` prints, a line each; what is no such line is left out."""
    jobs = []
    for line in lines:
        fields = line.rstrip("\n").split("|", 4)
        if len(fields) == 5:
            number, state, reason, comment, folder = fields
            # What the executor plugin says it is about: "rule_R_wildcards_A_B", or "rule_R".
            about = re.match(r"rule_(.*?)(?:_wildcards_(.*))?$", comment)
            rule, wildcards = about.groups("") if about else ("", "")
            jobs.append(QueuedJob(number, state, reason, rule, wildcards, Path(folder)))
    return jobs


def answer_of(*command: str) -> str | None:
    """What one of SLURM's commands prints; None if it is not there or does not answer."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def own_jobs(*options: str) -> list[QueuedJob] | None:
    """One's own jobs in the queue; None where there is no SLURM or it does not answer.

    Args:
        options: further ones of `squeue`.
    """
    printed = answer_of(*_QUEUE, *options)
    return None if printed is None else read_queue(printed.splitlines())


# What `squeue` gives as the reason of a job that time alone does not start, by the kind of change
# that it needs. `man squeue`, JOB REASON CODES; limits of a QOS or an association (account, user)
# name what they limit: QOSMaxWallDurationPerJobLimit.
_OBSTACLES = [
    (
        r"PartitionTimeLimit|(QOS|Assoc)\w*Wall\w*",
        "it asks for more minutes than it may: set a shorter runtime, or another slurm_partition "
        "(sinfo -o '%P %l' shows their limits)",
    ),
    (
        r"BadConstraints|Nodes? ?(config|configuration)\w*|PartitionNodeLimit|PartitionConfig",
        "no node has what it asks for: correct gpu_model, constraint, mem_mb or slurm_partition "
        "(sinfo -o '%P %G %m' shows what there is)",
    ),
    (
        r"InvalidAccount|AccountNotAllowed",
        "its account may not run it: correct slurm_account "
        "(sacctmgr show user $USER withassoc format=account,partition,qos)",
    ),
    (
        r"InvalidQOS|QOSNotAllowed|QOSUsageThreshold",
        "its QOS may not run it: correct qos "
        "(sacctmgr show user $USER withassoc format=account,partition,qos)",
    ),
    (
        r"(QOS|Assoc)\w*Minutes\w*",
        "the account's compute time is used up: name another slurm_account, or ask the "
        "administrators",
    ),
    (
        r"(QOS|Assoc)Max(?!Jobs)\w*PerJob\w*|MaxMemPerLimit|(QOS|Assoc)Min\w+",
        "one job may not ask for so much, or for so little: change gpu, mem_mb or threads, or name "
        "another qos or slurm_partition",
    ),
    (
        r"(QOS|Assoc)(Max|Grp)\w+",
        "so many jobs or GPUs at once are not allowed you: it starts when others of yours or of "
        "your account have ended; nothing is to be done unless none of them runs",
    ),
    (
        r"ReqNodeNotAvail\w*|Nodes required for job are DOWN|NodeDown|PartitionDown|"
        r"PartitionInactive|Reservation\w*",
        "nodes that it needs are down or reserved: it starts when they are back; to go elsewhere "
        "name another slurm_partition, and before a maintenance set a shorter runtime",
    ),
    (r"JobHeld(User|Admin)", "it is held: `scontrol release` it, or ask the administrators"),
]


def obstacle(reason: str) -> str | None:
    """What to change for a pending job, by `squeue`'s reason; None if it just waits its turn."""
    return next((advice for pattern, advice in _OBSTACLES if re.match(pattern, reason)), None)
