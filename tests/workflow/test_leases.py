"""Many jobs of two Snakemakes on four fake GPUs: one job per GPU, also after kills."""

import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow

JOBS = int(os.environ.get("TOUCHLINE_LEASE_JOBS", "24"))
KILLS = max(2, JOBS // 10)

SNAKEFILE = """
rule all:
    input: ["done_%s_%d" % (config["name"], number) for number in range(config["jobs"])]
rule hold:
    output: "done_{name}_{number}"
    resources: gpu=1
    retries: 20
    shell: "{config[python]} hold.py {wildcards.number} && touch {output}"
"""

# Beside the lease a job takes a witness: another kind of lock (POSIX), of the GPU's number, which
# the kernel refuses if a second process ever holds the same GPU.
HOLD = """
import fcntl, os, random, sys, time
from pathlib import Path
from touchline.core.gpu_lease import lease_gpu
gpu = lease_gpu(Path("leases"))
assert os.environ["CUDA_VISIBLE_DEVICES"] == gpu
with open(f"witness_{gpu}", "a") as witness:
    try:
        fcntl.lockf(witness, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        open("overlaps", "a").write(f"{gpu} {sys.argv[1]}\\n")
    Path(f"holding_{os.getpid()}").write_text(gpu)
    time.sleep(random.Random(int(sys.argv[1])).uniform(0.05, 0.8))
    Path(f"holding_{os.getpid()}").unlink(missing_ok=True)
"""


@pytest.fixture
def runs(tmp_path):
    """Return two running Snakemakes in one folder, with half of the jobs each."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "hold.py").write_text(HOLD)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SNAKEMAKE", "SLURM"))}
    started = []
    for name in ("one", "two"):
        command = [sys.executable, "-m", "snakemake", "--cores", "8", "--resources", "gpu=4"]
        command += ["--nolock", "--scheduler", "greedy", "--quiet", "all"]
        command += ["--config", f"name={name}", f"jobs={JOBS // 2}", f"python={sys.executable}"]
        with (tmp_path / f"{name}.txt").open("w") as output:
            started.append(
                subprocess.Popen(
                    command,
                    cwd=tmp_path,
                    env=environment | {"CUDA_VISIBLE_DEVICES": "0,1,2,3"},
                    stdout=output,
                    stderr=output,
                )
            )
    yield started
    for run in started:
        run.kill()
        run.wait()


def test_two_jobs_never_lease_the_same_gpu(tmp_path, runs):
    source, killed = random.Random(0), 0
    deadline = time.monotonic() + 600
    pause = 0.0
    while any(run.poll() is None for run in runs):
        assert time.monotonic() < deadline, "the runs do not end"
        time.sleep(0.05)
        if killed < KILLS and time.monotonic() > pause:
            holders = sorted(tmp_path.glob("holding_*"))
            pause = time.monotonic() + source.uniform(0.05, 0.5)
            if holders:
                holder = source.choice(holders)
                killed += _kill(int(holder.name.split("_")[1]))
                holder.unlink(missing_ok=True)
    assert [run.returncode for run in runs] == [0, 0], (tmp_path / "one.txt").read_text()
    overlaps = tmp_path / "overlaps"
    left = [lock.name for lock in sorted((tmp_path / "leases").iterdir()) if not _is_free(lock)]
    held = overlaps.read_text() if overlaps.exists() else ""
    print(f"{JOBS} jobs, {killed} killed, overlaps: {held or 0}, leases left behind: {len(left)}")
    assert len(list(tmp_path.glob("done_*"))) == 2 * (JOBS // 2)
    assert killed == KILLS
    assert held == ""
    assert left == []
    assert sorted(lock.name for lock in (tmp_path / "leases").iterdir()) == [
        f"{gpu}.lock" for gpu in range(4)
    ]


def _kill(process: int) -> bool:
    """Kill a process that holds a lease with SIGKILL, as the kernel does if memory runs out."""
    try:
        words = psutil.Process(process).cmdline()
        if "hold.py" not in words:
            return False
        os.kill(process, signal.SIGKILL)
    except (psutil.Error, ProcessLookupError):
        return False
    return True


def _is_free(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
