"""One GPU for each worker of a machine, by locks that die with their holder.

Locally, Snakemake counts GPUs but names none, so two workers would both take the
first. A worker leases one here before it touches CUDA. Inside a SLURM job the scheduler has
chosen already.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from touchline.errors import InputError

log = logging.getLogger(__name__)

_held: list[int] = []  # locks' descriptors
_POLL_SECONDS = 0.2
# Not TMPDIR, which may differ between two runs of one user; and shared by all users, since they
# share the GPUs.
LEASES = Path("/tmp/touchline-gpus")
_NVIDIA = Path("/proc/driver/nvidia/gpus")


def lease_gpu(
    folder: Path | None = None, get_ready: Callable[[str], object] | None = None
) -> str | None:
    """Hold a GPU of this machine that no other worker holds, whoever's it is.

    Sets CUDA_VISIBLE_DEVICES to it, so call this before anything touches CUDA. Waits
    while all are held. The lock is the kernel's: it ends with the process, however
    that ends, if `release_gpu` has not ended it.

    Args:
        folder: where the lock files are, on this machine; None for the usual place.
        get_ready: what to do on the GPU, with little of its memory, while another worker still
            holds it; done only where there is one GPU, so that it is certain which it will be.

    Returns:
        The GPU's index or UUID; None where there is none: then the CPU does the work.

    Raises:
        InputError: the folder of the locks cannot be used.
    """
    if "SLURM_JOB_ID" in os.environ:
        return _given_by_slurm()
    gpus = candidates()
    if not gpus:
        log.info("No GPU on this machine: running on the CPU.")
        return None
    leased = _wait_for_one(gpus, folder or LEASES, get_ready)
    os.environ["CUDA_VISIBLE_DEVICES"] = leased
    log.info("GPU %s is leased.", leased)
    return leased


def release_gpu() -> None:
    """End this process's lease: its memory on the GPU has been given back."""
    while _held:
        os.close(_held.pop())


def _given_by_slurm() -> str | None:
    """The GPU that SLURM gave this job; None if it gave none."""
    # On many clusters a job sees its own GPU only, as number 0; this is the number on the node.
    number = os.environ.get("SLURM_STEP_GPUS") or os.environ.get("SLURM_JOB_GPUS")
    gpu = number or next(iter(_visible() or []), None)
    log.info(
        "SLURM job %s on %s has %s (CUDA_VISIBLE_DEVICES=%s).",
        os.environ["SLURM_JOB_ID"],
        os.uname().nodename,
        f"GPU {gpu}" if gpu else "no GPU and runs on the CPU",
        os.environ.get("CUDA_VISIBLE_DEVICES", "not set"),
    )
    return gpu


def candidates() -> list[str]:
    """The GPUs that this process may use: CUDA_VISIBLE_DEVICES if set, else all there are."""
    visible = _visible()
    return list(map(str, range(len(list(_NVIDIA.glob("*")))))) if visible is None else visible


def _visible() -> list[str] | None:
    """What CUDA_VISIBLE_DEVICES names; None if it is not set."""
    value = os.environ.get("CUDA_VISIBLE_DEVICES")
    if value is None:
        return None
    # The last is SLURM's word for none.
    nothing = ("", "-1", "NoDevFiles")
    return [gpu for each in value.split(",") if (gpu := each.strip()) not in nothing]


def _wait_for_one(gpus: list[str], folder: Path, get_ready: Callable[[str], object] | None) -> str:
    waited = False
    while True:
        for gpu in gpus:
            descriptor = _open_lock(folder, gpu)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                _held.append(descriptor)
                return gpu
        if not waited:
            log.info("All GPUs (%s) are held by other workers: waiting.", ", ".join(gpus))
            waited = True
            if get_ready and len(gpus) == 1:
                os.environ["CUDA_VISIBLE_DEVICES"] = gpus[0]
                get_ready(gpus[0])
                continue
        time.sleep(_POLL_SECONDS)


def _open_lock(folder: Path, gpu: str) -> int:
    """The lock file of a GPU, made if it is not there, opened to read: that is enough to lock it.

    Another user's file must not be opened to write or with O_CREAT (the kernel forbids that in
    a folder that all may write to), and a link that somebody has put there must not be followed.
    """
    path = folder / f"{gpu.replace('/', '_')}.lock"
    try:
        if not folder.is_dir():
            folder.mkdir(exist_ok=True)
            folder.chmod(0o1777)
        try:
            return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW))
                path.chmod(0o644)
            return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise InputError(
            f"{path}, by which workers share this machine's GPUs, cannot be opened: "
            f"{error.strerror}; ask its owner to remove {folder}."
        ) from error
