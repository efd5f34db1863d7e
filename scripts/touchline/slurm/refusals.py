"""Explain why `sbatch` refuses a job, and decide whether a later attempt can succeed."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PROFILE = "profiles/slurm/config.yaml"

# Patterns of SLURM's messages, with the profile entries to change. Sources:
# slurm/src/common/slurm_errno.c, and the executor plugin for accounts.
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
# Names of limits on queued jobs. The next job can be submitted when another job ends.
_TOO_MANY = r"(QOS|Assoc)\w*SubmitJob\w*|MaxJobCount|job queue full"
# SLURM's words for any limit of a QOS or an association (account, user). They may name the limit.
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
# Snakemake adds these words to every message about a job on a cluster.
_ADDED = "For further error details"


@dataclass(frozen=True)
class Refusal:
    """A refusal of a job by `sbatch`.

    Attributes:
        words: SLURM's reason, in one line.
    """

    words: str

    @property
    def is_for_too_many_jobs(self) -> bool:
        """Return whether a limit on queued jobs was reached, possibly by other users' jobs."""
        if re.search(_TOO_MANY, self.words):
            return True
        named = re.search(_NAMED_LIMIT, self.words)
        return named is None and re.search(_POLICY, self.words) is not None

    @property
    def is_temporary(self) -> bool:
        """Return whether SLURM may accept the same request later."""
        return self.is_for_too_many_jobs or re.search(_AWAY, self.words) is not None

    @property
    def advice(self) -> str | None:
        """Return the settings to change.

        Return None if the refusal is temporary or the cause is unknown.
        """
        if self.is_for_too_many_jobs:
            return (
                "--jobs N (at most your limit on jobs in the queue), or runtime, gpu, mem_mb or "
                f"qos in {_PROFILE}, or ask for a higher limit"
            )
        if self.is_temporary:
            return None
        if re.search(_POLICY, self.words):
            return f"runtime, gpu, mem_mb, set-threads or qos in {_PROFILE}"
        for pattern, keys in _NEVER:
            if re.search(pattern, self.words, re.IGNORECASE):
                return f"{keys} in {_PROFILE}"
        return None


def parse_refusal(message: str) -> Refusal | None:
    """Parse the executor plugin's message about a job that it could not submit.

    Returns:
        The refusal, or None if the message is about something else.
    """
    found = re.search(_SAID, message, re.DOTALL | re.MULTILINE)
    if not found:
        return None
    said = next(filter(None, found.groups()), "").partition(_ADDED)[0].replace(":\n", ": ")
    before = r"^sbatch: (error: )?(Batch job submission failed: )?"
    texts = [re.sub(before, "", line).strip() for line in said.splitlines()]
    return Refusal("; ".join(dict.fromkeys(filter(None, texts))))
