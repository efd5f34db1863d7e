"""Locks that give each worker on a machine its own GPU. A lock ends with its process.

Locally, Snakemake counts GPUs but does not assign a GPU to each job, so two workers would both take
the first GPU. A worker therefore leases a GPU here before it uses CUDA. Inside a SLURM job, a
worker leases one of the GPUs that SLURM gave the job.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from touchline.core.gpus import Gpu, candidates
from touchline.errors import InputError

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
# All users share the GPUs, so they share this folder. TMPDIR may differ between users and runs.
LEASES = Path("/tmp/touchline-gpus")
# A SLURM job belongs to one user, so files of other users must not block its locks.
_JOB_LEASES = Path(f"{LEASES}-{os.getuid()}")
# Prefix of the lock names of SLURM jobs.
_JOB_PREFIX = "job"


@dataclass(frozen=True)
class _Lease:
    """A GPU that this process holds.

    Attributes:
        gpu: the leased GPU.
        descriptor: file descriptor of the lock file. Closing it ends the lease.
        lock: path of the lock file.
    """

    gpu: Gpu
    descriptor: int
    lock: Path


_held: list[_Lease] = []


def lease_gpu(
    folder: Path | None = None, get_ready: Callable[[str], object] | None = None
) -> str | None:
    """Lease a GPU of this machine that no other worker holds, whoever started it.

    Waits while all GPUs are held. Sets CUDA_VISIBLE_DEVICES to the leased GPU, so call this
    function before anything uses CUDA. The kernel ends the lock when the process ends for any
    reason. `release_gpu` can end the lock earlier.

    Args:
        folder: folder of the lock files on this machine; None for the default folder.
        get_ready: function to call with the GPU's name while another worker still holds the GPU. It
            must use little GPU memory. It is called only if the machine has a single GPU and this
            GPU accepts several processes.

    Returns:
        The GPU's name in CUDA_VISIBLE_DEVICES, or None if there is no GPU. Without a GPU, the CPU
        does the work.

    Raises:
        InputError: the lock folder cannot be used, or CUDA_VISIBLE_DEVICES names no GPU.
    """
    gpus = candidates()
    if "SLURM_JOB_ID" in os.environ:
        _log_job(gpus)
    elif not gpus:
        log.info("This machine has no GPU. The work runs on the CPU.")
    if not gpus:
        return None
    folder = folder or (_JOB_LEASES if _slurm_chose_gpus() else LEASES)
    lease = _wait_for_one(gpus, folder, get_ready)
    _held.append(lease)
    os.environ["CUDA_VISIBLE_DEVICES"] = lease.gpu.name
    log.info("This process leased GPU %s.", lease.gpu.name)
    return lease.gpu.name


def release_gpu() -> None:
    """End this process's lease. Call this function once the process has freed its GPU memory.

    A GPU that takes one process at a time stays leased until this process ends, because the GPU
    accepts no other process before then.
    """
    for lease in [lease for lease in _held if not lease.gpu.is_exclusive]:
        _held.remove(lease)
        if _is_job_lock(lease.lock):
            # No other job uses this lock.
            with suppress(OSError):
                lease.lock.unlink()
        os.close(lease.descriptor)


def _log_job(gpus: Sequence[Gpu]) -> None:
    """Log the GPUs that SLURM gave this job."""
    # On many clusters a job sees only its own GPUs, counted from 0. These are the node's numbers.
    number = os.environ.get("SLURM_STEP_GPUS") or os.environ.get("SLURM_JOB_GPUS")
    names = (number or ",".join(gpu.name for gpu in gpus)) if gpus else None
    log.info(
        "SLURM job %s on %s has %s (CUDA_VISIBLE_DEVICES=%s).",
        os.environ["SLURM_JOB_ID"],
        os.uname().nodename,
        f"GPU {names}" if names else "no GPU, so the job uses the CPU",
        os.environ.get("CUDA_VISIBLE_DEVICES", "not set"),
    )


def _wait_for_one(
    gpus: Sequence[Gpu], folder: Path, get_ready: Callable[[str], object] | None
) -> _Lease:
    # The names depend on CUDA_VISIBLE_DEVICES, which is changed below.
    """Wait until one of the GPUs is free, and lease this GPU."""
    locks = {gpu: folder / _lock_name(gpu) for gpu in gpus}
    waited = False
    while True:
        for gpu, lock in locks.items():
            descriptor = _try_lock(lock)
            if descriptor is not None:
                return _Lease(gpu, descriptor, lock)
        if not waited:
            names = ", ".join(gpu.name for gpu in gpus)
            log.info("Other workers hold all GPUs (%s). This worker waits.", names)
            waited = True
            if get_ready and len(gpus) == 1 and not gpus[0].is_exclusive:
                os.environ["CUDA_VISIBLE_DEVICES"] = gpus[0].name
                get_ready(gpus[0].name)
                continue
        time.sleep(_POLL_SECONDS)


def _lock_name(gpu: Gpu) -> str:
    """Return the file name of a GPU's lock. All processes that may use the GPU get the same name.

    If SLURM chose the GPUs, only the workers of one job share a lock. In two jobs, different GPUs
    can have the same number. Two jobs can also share a GPU on purpose.
    """
    identity = gpu.uuid or gpu.name
    if _slurm_chose_gpus():
        # Each step of a job may count its GPUs from 0.
        step = "" if gpu.uuid else f"{os.environ.get('SLURM_STEP_ID', '')}-"
        identity = f"{_JOB_PREFIX}{os.environ['SLURM_JOB_ID']}-{step}{identity}"
    return f"{identity.replace('/', '_')}.lock"


def _slurm_chose_gpus() -> bool:
    """Return whether SLURM chose the GPUs that this process sees."""
    return "SLURM_JOB_ID" in os.environ and "CUDA_VISIBLE_DEVICES" in os.environ


def _is_job_lock(lock: Path) -> bool:
    """Return whether a lock belongs to a SLURM job."""
    return lock.name.startswith(_JOB_PREFIX)


def _try_lock(lock: Path) -> int | None:
    """Take a lock and return its file descriptor. Return None if another process holds the lock."""
    descriptor = _open_lock(lock)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if os.fstat(descriptor).st_nlink == 0:
        # The holder has just removed the file, so the next worker would lock another file.
        os.close(descriptor)
        return None
    return descriptor


def _open_lock(path: Path) -> int:
    """Open the lock file of a GPU for reading, and create it if it is missing.

    Reading access is enough to lock a file. The kernel forbids opening another user's file for
    writing, or with O_CREAT, in a folder that everyone may write to. Symbolic links are not
    followed, because another user could have placed one.
    """
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(exist_ok=True)
            _permit(path.parent, 0o1777)
        while True:
            with suppress(FileNotFoundError):
                return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            with suppress(FileExistsError):
                new = os.O_CREAT | os.O_EXCL | os.O_RDONLY | os.O_NOFOLLOW
                descriptor = os.open(path, new, 0o644)
                _permit(descriptor, 0o644)
                return descriptor
    except OSError as error:
        raise InputError(
            f"{path}, a lock for this machine's GPUs, cannot be opened: "
            f"{error.strerror}. Ask its owner to remove {path.parent}."
        ) from error


def _permit(file: Path | int, mode: int) -> None:
    """Set permissions that the umask would restrict, so that other users can use the locks.

    Errors are ignored, because some file systems refuse to change permissions.
    """
    with suppress(OSError):
        os.chmod(file, mode)
