"""Number of threads that a process should use."""

from __future__ import annotations

import os
from pathlib import Path

# A container's limit on CPU time.
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_threads(requested: int) -> int:
    """Return the number of threads to use: at most `requested`, and at most one per usable CPU.

    SLURM, containers and `taskset` can give a process fewer CPUs than the machine has. More threads
    than CPUs slow each other down.
    """
    limits = [requested, len(os.sched_getaffinity(0))]
    # Not every cluster binds processes to the CPUs of their job.
    if (job_cpus := os.environ.get("SLURM_CPUS_PER_TASK", "")).isdecimal():
        limits.append(int(job_cpus))
    try:
        quota, period = _QUOTA.read_text().split()
        limits.append(int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):
        pass  # No limit ("max"), or an unknown one.
    return max(1, min(limits))
