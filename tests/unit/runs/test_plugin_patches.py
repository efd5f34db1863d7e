"""The executor plugin as it is, and patched. Once it needs a patch no more, a test fails.

Where the scheduler is away for a moment, it asks `sacct`, which reports nothing on a cluster
without accounting. Of a cancelled job it takes what `sacct` adds to the state for a part of it.
"""

import asyncio
import contextlib
import logging
import os
from types import SimpleNamespace

import pytest
import snakemake_executor_plugin_slurm as plugin

from touchline.runs.plugin_patches import keep_min_job_age, take_states_alone

AGE = "MinJobAge = 300 sec"


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A folder with SLURM's commands; `scontrol` there can be made to fail."""
    for name in ("scontrol", "squeue", "sacct"):
        command(tmp_path, name, f"echo '{AGE}'")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(plugin, "get_min_job_age", plugin.get_min_job_age)
    return tmp_path


def command(folder, name, line):
    (folder / name).write_text(f"#!/bin/sh\n{line}\n")
    (folder / name).chmod(0o755)


class Query(Exception):
    """What the plugin was about to run."""


def asked(monkeypatch) -> str:
    """Which of SLURM's commands the plugin asks for the states of its jobs."""

    async def query(command, logger):
        raise Query(command)

    monkeypatch.setattr(plugin, "query_job_status", query)
    # Without what only a whole run has.
    executor = object.__new__(plugin.Executor)
    executor.workflow = SimpleNamespace(
        executor_settings=SimpleNamespace(status_command="squeue", status_attempts=1)
    )
    executor.logger = logging.getLogger("plugin")
    executor.run_uuid = "run"
    executor.status_rate_limiter = contextlib.nullcontext()

    async def look():
        async for _ in executor.check_active_jobs([SimpleNamespace(external_jobid="1")]):
            pass

    with pytest.raises(Query) as query:
        asyncio.run(look())
    return str(query.value).split()[0]


def test_the_plugin_needs_the_patch(cluster, monkeypatch):
    assert asked(monkeypatch) == "squeue"
    command(cluster, "scontrol", "exit 1")
    assert asked(monkeypatch) == "sacct", "the plugin is fixed: remove keep_min_job_age"


def test_with_the_patch_it_asks_squeue_all_the_same(cluster, monkeypatch):
    keep_min_job_age(plugin)
    command(cluster, "scontrol", "exit 1")
    assert asked(monkeypatch) == "squeue"


def test_what_is_not_known_is_asked_again(cluster):
    command(cluster, "scontrol", "exit 1")
    keep_min_job_age(plugin)
    assert plugin.get_min_job_age() is None
    command(cluster, "scontrol", f"echo '{AGE}'")
    assert plugin.get_min_job_age() == 300


def state_of_a_cancelled_job(cluster) -> str:
    command(cluster, "sacct", "echo '7|CANCELLED by 1000'")
    states, _ = asyncio.run(plugin.query_job_status("sacct", logging.getLogger("plugin")))
    return states["7"]


def test_the_plugin_does_not_know_a_cancelled_job(cluster):
    assert state_of_a_cancelled_job(cluster) != "CANCELLED", "it is fixed: remove take_states_alone"


def test_with_the_patch_a_cancelled_job_is_known(cluster, monkeypatch):
    monkeypatch.setattr(plugin, "query_job_status", plugin.query_job_status)
    take_states_alone(plugin)
    assert state_of_a_cancelled_job(cluster) == "CANCELLED"
    # Where SLURM does not answer, nothing is known.
    command(cluster, "sacct", "exit 1")
    logger = logging.getLogger("plugin")
    assert asyncio.run(plugin.query_job_status("sacct", logger)) == (None, None)
