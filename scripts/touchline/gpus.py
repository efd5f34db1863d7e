"""One GPU for each worker of a machine, by locks that die with their holder.

Locally, Snakemake counts GPUs but names none, so two workers would both take the
first. A worker leases one here before torch is imported. Inside a SLURM job the
scheduler has chosen already.
"""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

_POLL_SECONDS = 1.0
_NVIDIA = Path("/proc/driver/nvidia/gpus")


@contextmanager
def leased_gpu(folder: Path | None = None) -> Iterator[str | None]:
    """Hold a GPU of this machine that no other worker of this user holds.

    Sets CUDA_VISIBLE_DEVICES to it, so call this before anything touches CUDA. Waits
    while all are held. The lock is the kernel's: it ends with the process, however
    that ends.

    Args:
        folder: where the lock files are, on this machine; None for the usual place.

    Yields:
        The GPU's index or UUID; None where there is none to lease (no GPU, or SLURM's).
    """
    if "SLURM_JOB_ID" in os.environ:
        yield None
        return
    gpus = candidates()
    if not gpus:
        log.info("No GPU on this machine: running on the CPU.")
        yield None
        return
    folder = folder or Path(tempfile.gettempdir()) / f"touchline-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    gpu, descriptor = _wait_for_one(gpus, folder)
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    log.info("GPU %s is leased.", gpu)
    try:
        yield gpu
    finally:
        os.close(descriptor)


def candidates() -> list[str]:
    """The GPUs that this process may use: CUDA_VISIBLE_DEVICES if set, else all there are."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [gpu.strip() for gpu in visible.split(",") if gpu.strip() not in ("", "-1")]
    return [str(index) for index in range(len(list(_NVIDIA.glob("*"))))]


def _wait_for_one(gpus: list[str], folder: Path) -> tuple[str, int]:
    waited = False
    while True:
        for gpu in gpus:
            descriptor = os.open(folder / f"{gpu.replace('/', '_')}.lock", os.O_CREAT | os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return gpu, descriptor
        if not waited:
            log.info("All GPUs (%s) are held by other workers: waiting.", ", ".join(gpus))
            waited = True
        time.sleep(_POLL_SECONDS)
