"""Tests of the number of threads that a process uses."""

import os
import subprocess
import sys

import pytest

from touchline.core import cpus
from touchline.core.cpus import usable_threads


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """Pretend that the machine has eight CPUs and no limits.

    Return the path of the CPU quota file.
    """
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(cpus, "_QUOTA", tmp_path / "cpu.max")
    return tmp_path / "cpu.max"


@pytest.mark.parametrize(("requested", "used"), [(4, 4), (8, 8), (16, 8), (1, 1)])
def test_threads_do_not_exceed_the_cpus_of_the_machine(requested, used):
    assert usable_threads(requested) == used


def test_threads_do_not_exceed_the_cpu_affinity(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    assert usable_threads(8) == 2


@pytest.mark.parametrize(("value", "used"), [("2", 2), ("32", 8), ("", 8), ("all", 8), ("0", 1)])
def test_threads_do_not_exceed_the_cpus_of_the_slurm_job(monkeypatch, value, used):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", value)
    assert usable_threads(8) == used


@pytest.mark.parametrize(
    ("quota", "used"),
    [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("", 8), ("1 0", 8)],
)
def test_threads_do_not_exceed_the_cpu_quota_of_the_container(machine, quota, used):
    machine.write_text(quota)
    assert usable_threads(8) == used


def test_affinity_of_a_real_process_limits_its_threads():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from touchline.core.cpus import usable_threads; print(usable_threads(8))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"
