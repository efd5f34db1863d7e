"""What is changed in Snakemake's executor plugin for SLURM while a run uses it: two things.

Each patch says which version of the plugin it is for, what is wrong there, and what would put it
right; tests/unit/runs/test_plugin_patches.py fails once the plugin needs it no more.
"""

from __future__ import annotations

from typing import Any


def keep_min_job_age(plugin: Any) -> None:
    """Ask the cluster for MinJobAge once, and not at every look at the jobs.

    snakemake-executor-plugin-slurm 2.8.0; no report of it was found among the plugin's issues. As
    it would be reported there:

        `check_active_jobs` runs `scontrol show config` at every look, to see whether MinJobAge is
        long enough for `squeue`. `get_min_job_age` returns None if the scheduler does not answer,
        which is taken for "not long enough": the look falls back to `sacct`, although
        `--slurm-status-command squeue` is set. On a cluster without an accounting database
        `sacct` names no job. A scheduler that is restarted at that moment is enough, and jobs
        that end meanwhile are never seen to end. MinJobAge does not change while the scheduler
        runs, so it can be read once, when the executor is made.

    Args:
        plugin: the module snakemake_executor_plugin_slurm, which is Snakemake's to import.
    """
    age = plugin.get_min_job_age()
    if age is not None:
        plugin.get_min_job_age = lambda: age


def take_states_alone(plugin: Any) -> None:
    """Read the state of a job that was cancelled from `sacct`, which adds who did it.

    snakemake-executor-plugin-slurm 2.8.0; no report of it was found among the plugin's issues. As
    it would be reported there:

        With `--slurm-status-command sacct`, a job that ends by `scancel` hangs the run. `sacct`
        writes its state as "CANCELLED by 1000" (man sacct, JOB STATE CODES), and
        `query_job_status` keeps the whole text, which is none of the states that
        `check_active_jobs` counts as failed. The job is taken for alive at every look. The first
        word alone is the state.

    Args:
        plugin: the module snakemake_executor_plugin_slurm, which is Snakemake's to import.
    """
    query = plugin.query_job_status

    async def query_job_status(command: str, logger: Any) -> tuple[dict[str, str] | None, Any]:
        states, duration = await query(command, logger)
        if states is not None:
            states = {job: state.partition(" ")[0] for job, state in states.items()}
        return states, duration

    plugin.query_job_status = query_job_status
