"""Two workers never hold one GPU, and a dead one holds none."""

import os
import signal
import subprocess
import sys
import time

import pytest

from touchline.core.gpu_lease import lease_gpu

HOLD = """
import sys, time
from pathlib import Path
from touchline.core.gpu_lease import lease_gpu
ready = lambda gpu: print("ready on", gpu, flush=True)
print(lease_gpu(Path(sys.argv[1]), ready), flush=True)
time.sleep(60)
"""


@pytest.fixture
def hold(tmp_path):
    workers = []

    def start(visible):
        environment = {k: v for k, v in os.environ.items() if k != "SLURM_JOB_ID"}
        worker = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path)],
            stdout=subprocess.PIPE, text=True, env=environment | {"CUDA_VISIBLE_DEVICES": visible},
        )  # fmt: skip
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.kill()
        worker.wait()


def test_workers_get_distinct_gpus_and_wait_for_a_free_one(hold):
    first, second = hold("2,5"), hold("2,5")
    assert {first.stdout.readline().strip(), second.stdout.readline().strip()} == {"2", "5"}
    third = hold("2,5")
    time.sleep(1.5)
    assert third.poll() is None
    first.send_signal(signal.SIGKILL)
    assert third.stdout.readline().strip() in {"2", "5"}


def test_a_worker_gets_ready_on_the_only_gpu_while_it_waits(hold):
    first, second = hold("2"), hold("2")
    lines = {first: first.stdout.readline(), second: second.stdout.readline()}
    holder, waiting = sorted(lines, key=lines.get)
    assert (lines[holder], lines[waiting]) == ("2\n", "ready on 2\n")
    holder.kill()
    assert waiting.stdout.readline() == "2\n"


def test_the_lease_is_what_cuda_will_see(tmp_path, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-abc, 3")
    assert lease_gpu(tmp_path) == os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-abc"


@pytest.mark.parametrize(
    ("visible", "slurm", "gpu"),
    [
        ("", {}, None),
        ("1", {"SLURM_JOB_ID": "7"}, "1"),
        ("0", {"SLURM_JOB_ID": "7", "SLURM_STEP_GPUS": "3"}, "3"),
        ("", {"SLURM_JOB_ID": "7"}, None),
        ("NoDevFiles", {"SLURM_JOB_ID": "7"}, None),
    ],
)
def test_no_gpu_or_slurm_s_choice_is_left_alone(tmp_path, monkeypatch, visible, slurm, gpu):
    for name in ("SLURM_JOB_ID", "SLURM_STEP_GPUS", "SLURM_JOB_GPUS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in slurm.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert lease_gpu(tmp_path) == gpu
    assert os.environ["CUDA_VISIBLE_DEVICES"] == visible
    assert not list(tmp_path.iterdir())
