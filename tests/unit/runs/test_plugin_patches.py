"""The executor plugin as it is, and patched, where the scheduler is away for a moment.

Without the patch it asks `sacct`, which reports nothing on a cluster without accounting. Once it
does not, the first test fails: remove the patch then.
"""

import asyncio
import contextlib
import logging
import os
from types import SimpleNamespace

import pytest
import snakemake_executor_plugin_slurm as plugin

from touchline.runs.plugin_patches import keep_min_job_age

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
