"""How many threads a process should use."""

from __future__ import annotations

import os
from pathlib import Path

# The limit of a container on CPU time.
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_threads(asked: int) -> int:
    """Return the number of threads to use: those asked for, at most one per CPU of this process.

    SLURM, containers and `taskset` give a process fewer CPUs than the machine has. More threads
    than CPUs slow each other down.
    """
    limits = [asked, len(os.sched_getaffinity(0))]
    # Not every cluster binds processes to the CPUs of their job.
    if (of_job := os.environ.get("SLURM_CPUS_PER_TASK", "")).isdecimal():
        limits.append(int(of_job))
    try:
        quota, period = _QUOTA.read_text().split()
        limits.append(int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):
        pass  # No limit ("max"), or an unknown one.
    return max(1, min(limits))
