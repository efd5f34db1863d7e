"""How many threads a process uses, by what it was given."""

import os
import subprocess
import sys

import pytest

from touchline.core import cpus
from touchline.core.cpus import usable_threads


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """A machine of eight CPUs without limits."""
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(cpus, "_QUOTA", tmp_path / "cpu.max")
    return tmp_path / "cpu.max"


@pytest.mark.parametrize(("asked", "used"), [(4, 4), (8, 8), (16, 8), (1, 1)])
def test_there_is_a_cpu_for_each_thread(asked, used):
    assert usable_threads(asked) == used


def test_process_keeps_to_the_cpus_that_it_is_bound_to(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    assert usable_threads(8) == 2


@pytest.mark.parametrize(("value", "used"), [("2", 2), ("32", 8), ("", 8), ("all", 8), ("0", 1)])
def test_job_of_slurm_keeps_to_its_cpus(monkeypatch, value, used):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", value)
    assert usable_threads(8) == used


@pytest.mark.parametrize(
    ("quota", "used"),
    [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("", 8), ("1 0", 8)],
)
def test_container_keeps_to_its_cpu_time(machine, quota, used):
    machine.write_text(quota)
    assert usable_threads(8) == used


def test_binding_of_a_real_process_counts():
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
