"""Why `sbatch` takes no job: what can never be met, and what is only a matter of time."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PROFILE = "profiles/slurm/config.yaml"

# By what SLURM says (slurm/src/common/slurm_errno.c, and the executor plugin of an account), the
# entries of the profile to look at.
_NEVER = [
    (r"time limit", "runtime, slurm_partition"),
    (r"account", "slurm_account"),
    (r"partition|reservation", "slurm_partition"),
    (r"qos", "qos"),
    (r"memory", "mem_mb"),
    (r"gres|tres|gpu", "gpu, gpu_model, gres"),
    (
        r"node configuration|feature|processors|node count",
        "gpu, gpu_model, gres, mem_mb, set-threads",
    ),
    (r"permission|permitted", "slurm_account, slurm_partition, qos"),
    (r"unrecognized option|invalid", "set-resources"),
]
# The names of limits that count jobs in the queue: the next one may be submitted when one ends.
_TOO_MANY = r"(QOS|Assoc)\w*SubmitJob\w*|MaxJobCount|job queue full"
# SLURM's words for every limit of a QOS or an association (account, user). It may name the limit.
_POLICY = r"accounting/QOS policy"
_NAMED_LIMIT = r"\b(QOS|Assoc)[A-Z]\w+"
_AWAY = (
    r"Unable to contact|timed out|temporarily|standby mode|Connection refused|Zero Bytes|"
    r"Unable to communicate|Transport endpoint"
)


# The executor plugin's words around those of sbatch.
_SAID = (
    r"sbatch failed\. The error message was '(.*?)'\.$|"
    r"submission failed with exception: (.*)\Z|"
    r"submission failed\. The error message was (.*)\Z"
)
# What Snakemake adds to every message about a job on a cluster.
_ADDED = "For further error details"


@dataclass(frozen=True)
class Refusal:
    """What `sbatch` said instead of a job's number.

    Attributes:
        words: the reason, in a line.
    """

    words: str

    @property
    def is_for_too_many_jobs(self) -> bool:
        """Whether a limit of the jobs in the queue is reached, even by jobs of others."""
        if re.search(_TOO_MANY, self.words):
            return True
        named = re.search(_NAMED_LIMIT, self.words)
        return named is None and re.search(_POLICY, self.words) is not None

    @property
    def is_passing(self) -> bool:
        """Whether the same request may be taken later."""
        return self.is_for_too_many_jobs or re.search(_AWAY, self.words) is not None

    @property
    def advice(self) -> str | None:
        """What to change, for a refusal that does not pass by itself; None if it is not known."""
        if self.is_for_too_many_jobs:
            return (
                "--jobs N, with N no more than SLURM takes of you at once; or runtime, gpu, mem_mb "
                f"or qos in {_PROFILE}; or ask for a higher limit"
            )
        if self.is_passing:
            return None
        if re.search(_POLICY, self.words):
            return f"runtime, gpu, mem_mb, set-threads or qos in {_PROFILE}"
        for pattern, keys in _NEVER:
            if re.search(pattern, self.words, re.IGNORECASE):
                return f"{keys} in {_PROFILE}"
        return None


def refusal_of(message: str) -> Refusal | None:
    """Read what the executor plugin says of a job that it could not submit.

    Returns:
        None if it is about something else.
    """
    found = re.search(_SAID, message, re.DOTALL | re.MULTILINE)
    if not found:
        return None
    said = next(filter(None, found.groups()), "").partition(_ADDED)[0].replace(":\n", ": ")
    before = r"^sbatch: (error: )?(Batch job submission failed: )?"
    texts = [re.sub(before, "", line).strip() for line in said.splitlines()]
    return Refusal("; ".join(dict.fromkeys(filter(None, texts))))
