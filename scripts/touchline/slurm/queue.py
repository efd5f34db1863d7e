"""Read SLURM's queue with `squeue`: the stage of a job and the reason why it does not start."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path

# Number, state, reason, name, comment and working folder. The folder may contain the separator.
_LAYOUT = "%i|%T|%r|%j|%k|%Z"
# Without --states=all, squeue omits ended jobs, which it knows for MinJobAge seconds.
# Without --all, squeue omits jobs in hidden partitions.
_QUEUE = ("squeue", "--me", "--all", "--noheader", "--states=all", f"--format={_LAYOUT}")

# Sites and users set these variables as default options of SLURM's commands. The first kind filters
# or reorders the answers that a run reads, or the jobs that it cancels.
_OPTIONS_OF_ANSWERS = ("SQUEUE_", "SACCT_", "SINFO_", "SCANCEL_")
_OPTIONS_OF_REQUESTS = "SBATCH_"
# These options only choose where a job runs and which account it uses.
_KEPT_OPTIONS = {
    f"{_OPTIONS_OF_REQUESTS}{name}"
    for name in ("ACCOUNT", "CLUSTERS", "CONSTRAINT", "PARTITION", "QOS", "RESERVATION", "WCKEY")
}


class Stage(Enum):
    """The stage of a job, from waiting to its end."""

    PENDING = "pending"
    RUNNING = "running"
    SUSPENDED = "suspended"
    COMPLETING = "completing"
    DONE = "done"
    DEAD = "dead"


# Source: `man squeue`, JOB STATE CODES. A job in any other state has a process.
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
# SLURM cleans up the node, which may take minutes.
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


def stage_for_state(state: str) -> Stage:
    """Return the stage of a job from SLURM's state, such as RUNNING or "CANCELLED by 1000"."""
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
    """Return the text that ends the names of all jobs that write to a folder of results.

    The text distinguishes the jobs of several runs that were started in one folder.
    """
    return sha256(os.fsencode(Path(results).resolve())).hexdigest()[:8]


@dataclass(frozen=True)
class QueuedJob:
    """A job in SLURM's queue, or a recently ended job.

    Attributes:
        number: SLURM's number of the job.
        state: SLURM's word for the state, such as PENDING.
        reason: SLURM's word for why the job waits or ended, such as Resources; "None" if it runs.
        rule: Snakemake's rule; "" if the job is not Snakemake's.
        wildcards: values of the rule's wildcards in the order of its output, as in "llava_0_3".
        folder: folder in which the run was started.
        mark: mark of the run's results (see `results_mark`); "" if the job's name has none.
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
        """Return the stage of the job."""
        return stage_for_state(self.state)

    @property
    def state_and_reason(self) -> str:
        """Return SLURM's state and reason, as in "PENDING (Priority)"."""
        return self.state if self.reason in ("", "None") else f"{self.state} ({self.reason})"

    def is_for(self, results: Path, folder: Path) -> bool:
        """Return whether the job belongs to a run with these results that was started in this
        folder.
        """
        return self.mark == results_mark(folder / results) if self.mark else self.folder == folder


def read_queue(lines: Iterable[str]) -> list[QueuedJob]:
    """Parse the lines that `squeue` prints. Skip lines that do not describe a job."""
    jobs = []
    for line in lines:
        fields = line.rstrip("\n").split("|", 5)
        if len(fields) == 6:
            number, state, reason, name, comment, folder = fields
            # The executor plugin's comment is "rule_R_wildcards_A_B" or "rule_R".
            about = re.match(r"rule_(.*?)(?:_wildcards_(.*))?$", comment)
            rule, wildcards = about.groups("") if about else ("", "")
            found = re.search(r"_([0-9a-f]{8})$", name)
            mark = found[1] if found else ""
            jobs.append(QueuedJob(number, state, reason, rule, wildcards, Path(folder), mark))
    return jobs


def without_default_options(environment: Mapping[str, str]) -> dict[str, str]:
    """Remove environment variables that change the answers or requests of SLURM's commands.

    Set SQUEUE_ALL, so that `squeue` also shows jobs in hidden partitions when the plugin calls it.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith((*_OPTIONS_OF_ANSWERS, _OPTIONS_OF_REQUESTS))
        or name in _KEPT_OPTIONS
    }
    if clusters := environment.get(f"{_OPTIONS_OF_REQUESTS}CLUSTERS"):
        # The other commands must query the clusters that `sbatch` sends jobs to.
        kept["SLURM_CLUSTERS"] = clusters
    return kept | {"SQUEUE_ALL": "1"}


def run_command(*command: str) -> str | None:
    """Run a SLURM command and return its output. Return None if it is missing, fails or hangs."""
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
    """Return the user's jobs in the queue. Return None if SLURM is missing or does not answer.

    Args:
        options: further options of `squeue`.
    """
    printed = run_command(*_QUEUE, *options)
    return None if printed is None else read_queue(printed.splitlines())


# Patterns of `squeue` reasons that need a change, with advice. Source: `man squeue`, JOB REASON
# CODES. Limits of a QOS or an association (account, user) name the limited quantity, as in
# QOSMaxWallDurationPerJobLimit.
_OBSTACLES = [
    (
        r"PartitionTimeLimit|(QOS|Assoc)\w*Wall\w*",
        "it requests more time than allowed: set a shorter runtime or another slurm_partition "
        "(sinfo -o '%P %l' shows the limits)",
    ),
    (
        r"BadConstraints|Nodes? ?(config|configuration)\w*|PartitionNodeLimit|PartitionConfig",
        "no node has the requested resources: correct gpu_model, gres, constraint, mem_mb or "
        "slurm_partition (sinfo -o '%P %G %m' shows the resources)",
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
        "the account's compute time is used up: set another slurm_account or ask the "
        "administrators",
    ),
    (
        r"(QOS|Assoc)Max(?!Jobs)\w*PerJob\w*|MaxMemPerLimit|(QOS|Assoc)Min\w+",
        "it requests more (or less) than SLURM allows for one job: change gpu, mem_mb or "
        "threads, or set another qos or slurm_partition",
    ),
    (
        r"(QOS|Assoc)(Max|Grp)\w+",
        "your limit on jobs or GPUs is reached: it starts when other jobs of yours or of your "
        "account end; you need to act only if none of them runs",
    ),
    (
        r"ReqNodeNotAvail\w*|Nodes required for job are DOWN|NodeDown|PartitionDown|"
        r"PartitionInactive|Reservation\w*",
        "nodes that it needs are down or reserved: it starts when they are back; to use other "
        "nodes set another slurm_partition; if a maintenance is planned, set a shorter runtime",
    ),
    (
        r"JobHeld(User|Admin)|job requeued in held state|launch failed requeued held",
        "it is held: `scontrol release` it, or ask the administrators",
    ),
]


def obstacle(reason: str) -> str | None:
    """Return advice for a pending job, based on the reason that `squeue` gives.

    Return None if the job just has to wait.
    """
    return next((advice for pattern, advice in _OBSTACLES if re.match(pattern, reason)), None)
