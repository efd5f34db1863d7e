"""Tests of GPU leases: two workers never hold the same GPU, and a dead worker holds none."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import fakenvml
from touchline.core import gpu_lease, gpus
from touchline.core.gpu_lease import lease_gpu, release_gpu

HOLD = """
import sys, time
from pathlib import Path
from touchline.core.gpu_lease import lease_gpu, release_gpu
ready = lambda gpu: print("ready on", gpu, flush=True)
print(lease_gpu(Path(sys.argv[1]), ready), flush=True)
for line in sys.stdin:
    release_gpu()
    print("released", flush=True)
"""
CARDS = [{"uuid": f"GPU-{number}"} for number in range(6)]
SLURM = ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_STEP_GPUS", "SLURM_JOB_GPUS")


@pytest.fixture(autouse=True)
def restored_visible_gpus():
    """Restore CUDA_VISIBLE_DEVICES after each test, because a lease sets it."""
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    yield
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    if before is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = before


@pytest.fixture
def hold(tmp_path):
    """Return a function that starts a worker process, which leases a GPU."""
    workers = []
    (tmp_path / "driver").mkdir()

    def start(visible, cards=CARDS, **more):
        environment = {k: v for k, v in os.environ.items() if k not in SLURM}
        driver = fakenvml.fake_gpus(tmp_path / "driver", *cards)
        worker = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / "leases")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment | driver | {"CUDA_VISIBLE_DEVICES": visible} | more,
        )
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.kill()
        worker.wait()


def next_line(worker):
    """Return the next line that a worker prints."""
    return worker.stdout.readline().strip()


def release(worker):
    """Make a worker end its lease."""
    worker.stdin.write("\n")
    worker.stdin.flush()
    assert next_line(worker) == "released"


def assert_waits(worker):
    time.sleep(1.5)
    assert worker.poll() is None


def test_workers_lease_distinct_gpus_and_wait_for_a_free_gpu(hold):
    first, second = hold("2,5"), hold("2,5")
    assert {next_line(first), next_line(second)} == {"2", "5"}
    third = hold("2,5")
    assert_waits(third)
    first.send_signal(signal.SIGKILL)
    assert next_line(third) in {"2", "5"}


def test_waiting_worker_knows_its_gpu_if_there_is_only_one(hold):
    first, second = hold("2"), hold("2")
    lines = {first: first.stdout.readline(), second: second.stdout.readline()}
    holder, waiting = sorted(lines, key=lines.get)
    assert (lines[holder], lines[waiting]) == ("2\n", "ready on 2\n")
    holder.kill()
    assert waiting.stdout.readline() == "2\n"


def test_gpu_named_by_number_and_by_uuid_is_leased_once(hold):
    first = hold("2")
    assert next_line(first) == "2"
    second = hold("GPU-2")
    assert next_line(second) == "ready on GPU-2"
    first.kill()
    assert next_line(second) == "GPU-2"


def test_exclusive_gpu_is_held_until_its_process_ends(hold):
    """An exclusive GPU accepts no second process, not even one that prepares its work."""
    cards = [{"uuid": "GPU-0", "mode": 3}]
    first = hold("0", cards)
    assert next_line(first) == "0"
    second = hold("0", cards)
    release(first)
    assert_waits(second)
    first.kill()
    assert next_line(second) == "0"


def test_lease_sets_cuda_visible_devices(tmp_path, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", fakenvml)
    monkeypatch.setenv("FAKE_GPUS", json.dumps([{"uuid": "GPU-abcdef"}]))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-abc, 3")
    assert lease_gpu(tmp_path) == os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-abc"
    release_gpu()


def test_workers_of_a_slurm_job_share_the_gpus_of_the_job(hold):
    job = {"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "2,3"}
    first, second = hold("0,1", **job), hold("0,1", **job)
    assert {next_line(first), next_line(second)} == {"0", "1"}
    third = hold("0,1", **job)
    assert_waits(third)
    release(first)
    assert next_line(third) in {"0", "1"}


def test_slurm_jobs_do_not_wait_for_each_other(hold):
    """GPU 0 of two jobs may be two GPUs, and two jobs may share a GPU on purpose."""
    for number in "89":
        assert next_line(hold("0", SLURM_JOB_ID=number)) == "0"


def test_lock_of_a_slurm_job_is_removed_at_release(tmp_path, hold):
    worker = hold("0,1", SLURM_JOB_ID="7")
    next_line(worker)
    assert [lock.name for lock in (tmp_path / "leases").iterdir()] == ["job7-GPU-0.lock"]
    release(worker)
    assert list((tmp_path / "leases").iterdir()) == []


def test_steps_of_a_slurm_job_do_not_wait_if_gpu_uuids_are_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus, "_found", lambda entries: [gpus.Gpu(each) for each in entries])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    for step in "12":
        monkeypatch.setenv("SLURM_STEP_ID", step)
        assert lease_gpu(tmp_path) == "0"
    assert len(list(tmp_path.iterdir())) == 2
    release_gpu()


def test_slurm_job_without_chosen_gpus_uses_the_locks_of_the_machine(tmp_path, monkeypatch):
    """SLURM has chosen no GPU if CUDA_VISIBLE_DEVICES is not set."""
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpus, "_found", lambda entries: [gpus.Gpu("0", "GPU-a")])
    assert lease_gpu(tmp_path) == "0"
    assert [lock.name for lock in tmp_path.iterdir()] == ["GPU-a.lock"]
    release_gpu()


@pytest.mark.parametrize(
    ("visible", "slurm"),
    [("", {}), ("", {"SLURM_JOB_ID": "7"}), ("NoDevFiles", {"SLURM_JOB_ID": "7"})],
)
def test_process_without_gpu_leases_nothing(tmp_path, monkeypatch, visible, slurm):
    for name in SLURM:
        monkeypatch.delenv(name, raising=False)
    for name, value in slurm.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert lease_gpu(tmp_path) is None
    assert os.environ["CUDA_VISIBLE_DEVICES"] == visible
    assert not list(tmp_path.iterdir())


def test_lock_is_created_when_permissions_cannot_be_set(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(gpus, "_found", lambda entries: [gpus.Gpu("0")])
    assert lease_gpu(tmp_path / "leases") == "0"
    release_gpu()


def test_removed_lock_file_is_not_taken(tmp_path, monkeypatch):
    """Otherwise, a third worker could lock a new file with the name of the removed one."""
    lock = tmp_path / "job7-0.lock"
    opened = gpu_lease._open_lock(lock)
    lock.unlink()
    monkeypatch.setattr(gpu_lease, "_open_lock", lambda path: opened)
    assert gpu_lease._try_lock(lock) is None
