"""SLURM's queue as `squeue` prints it: how far a job is, and what keeps it from starting."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path

# Number, state, reason, name, comment, working folder; the last may contain what divides them.
_LAYOUT = "%i|%T|%r|%j|%k|%Z"
# Without --states=all, squeue leaves out jobs that have ended; it knows them for MinJobAge seconds.
# Without --all, it leaves out jobs in hidden partitions.
_QUEUE = ("squeue", "--me", "--all", "--noheader", "--states=all", f"--format={_LAYOUT}")

# Variables that a site or a user sets as default options of SLURM's commands. Those of the first
# kind filter or reorder the answers that a run reads, or the jobs that it cancels.
_OPTIONS_OF_ANSWERS = ("SQUEUE_", "SACCT_", "SINFO_", "SCANCEL_")
_OPTIONS_OF_REQUESTS = "SBATCH_"
# They only choose where a job goes, and who pays for it.
_KEPT_OPTIONS = {
    f"{_OPTIONS_OF_REQUESTS}{name}"
    for name in ("ACCOUNT", "CLUSTERS", "CONSTRAINT", "PARTITION", "QOS", "RESERVATION", "WCKEY")
}


class Stage(Enum):
    """How far a job is."""

    PENDING = "pending"
    RUNNING = "running"
    SUSPENDED = "suspended"
    COMPLETING = "completing"
    DONE = "done"
    DEAD = "dead"


# `man squeue`, JOB STATE CODES. A job in none of these lists has a process.
_PENDING = {
    "PENDING",
    "CONFIGURING",
    "REQUEUED",
    "REQUEUE_FED",
    "REQUEUE_HOLD",
    "RESV_DEL_HOLD",
    "SPECIAL_EXIT",
}
_SUSPENDED = {"STOPPED", "SUSPENDED"}
# SLURM clears the node, which may take minutes.
_COMPLETING = {"COMPLETING", "STAGE_OUT"}
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
    kinds = {
        Stage.DEAD: _DEAD,
        Stage.PENDING: _PENDING,
        Stage.SUSPENDED: _SUSPENDED,
        Stage.COMPLETING: _COMPLETING,
    }
    return next((stage for stage, states in kinds.items() if word in states), Stage.RUNNING)


def results_mark(results: str | Path) -> str:
    """Return the end of the name of all jobs that write into a folder of results.

    Jobs of several runs may have been started in one folder.
    """
    return sha256(os.fsencode(Path(results).resolve())).hexdigest()[:8]


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
        mark: of the run's results, see `results_mark`; "" if the job's name has none.
    """

    number: str
    state: str
    reason: str = ""
    rule: str = ""
    wildcards: str = ""
    folder: Path = Path()
    mark: str = ""

    @property
    def stage(self) -> Stage:
        """How far it is."""
        return stage_of(self.state)

    @property
    def state_and_reason(self) -> str:
        """Both in SLURM's words, as in "PENDING (Priority)"."""
        return self.state if self.reason in ("", "None") else f"{self.state} ({self.reason})"

    def is_for(self, results: Path, folder: Path) -> bool:
        """Whether it belongs to a run with these results that was started in this folder."""
        return self.mark == results_mark(folder / results) if self.mark else self.folder == folder


def read_queue(lines: Iterable[str]) -> list[QueuedJob]:
    """The jobs that `_QUEUE` prints, a line each; what is no such line is left out."""
    jobs = []
    for line in lines:
        fields = line.rstrip("\n").split("|", 5)
        if len(fields) == 6:
            number, state, reason, name, comment, folder = fields
            # What the executor plugin says it is about: "rule_R_wildcards_A_B", or "rule_R".
            about = re.match(r"rule_(.*?)(?:_wildcards_(.*))?$", comment)
            rule, wildcards = about.groups("") if about else ("", "")
            found = re.search(r"_([0-9a-f]{8})$", name)
            mark = found[1] if found else ""
            jobs.append(QueuedJob(number, state, reason, rule, wildcards, Path(folder), mark))
    return jobs


def without_default_options(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out the default options of SLURM's commands that change answers or requests.

    `squeue` then also shows jobs in hidden partitions when the plugin calls it.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith((*_OPTIONS_OF_ANSWERS, _OPTIONS_OF_REQUESTS))
        or name in _KEPT_OPTIONS
    }
    if clusters := environment.get(f"{_OPTIONS_OF_REQUESTS}CLUSTERS"):
        # The other commands must look where `sbatch` sends jobs.
        kept["SLURM_CLUSTERS"] = clusters
    return kept | {"SQUEUE_ALL": "1"}


def answer_of(*command: str) -> str | None:
    """What one of SLURM's commands prints; None if it is not there or does not answer."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env=without_default_options(os.environ),
        )
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
        "no node has what it asks for: correct gpu_model, gres, constraint, mem_mb or "
        "slurm_partition (sinfo -o '%P %G %m' shows what there is)",
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
    (
        r"JobHeld(User|Admin)|job requeued in held state|launch failed requeued held",
        "it is held: `scontrol release` it, or ask the administrators",
    ),
]


def obstacle(reason: str) -> str | None:
    """What to change for a pending job, by `squeue`'s reason; None if it just waits its turn."""
    return next((advice for pattern, advice in _OBSTACLES if re.match(pattern, reason)), None)
