"""One GPU for each worker of a machine, by locks that die with their holder.

Locally, Snakemake counts GPUs but names none, so two workers would both take the
first. A worker leases one here before it touches CUDA. Inside a SLURM job it leases one of those
that SLURM gave the job.
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
# Not TMPDIR, which may differ between two runs of one user; and shared by all users, since they
# share the GPUs.
LEASES = Path("/tmp/touchline-gpus")
# A SLURM job is one user's, so no file of another user must be in its way.
_LEASES_OF_JOBS = Path(f"{LEASES}-{os.getuid()}")
# The names of its locks begin so.
_OF_JOB = "job"


@dataclass(frozen=True)
class _Lease:
    """A GPU that this process holds.

    Attributes:
        descriptor: of the lock's file, which is closed to end the lease.
        lock: that file.
    """

    gpu: Gpu
    descriptor: int
    lock: Path


_held: list[_Lease] = []


def lease_gpu(
    folder: Path | None = None, get_ready: Callable[[str], object] | None = None
) -> str | None:
    """Hold a GPU of this machine that no other worker of any user holds.

    Sets CUDA_VISIBLE_DEVICES to it, so call this before anything touches CUDA. Waits
    while all are held. The lock is the kernel's: it ends with the process, however
    that ends, if `release_gpu` has not ended it.

    Args:
        folder: where the lock files are, on this machine; None for the usual place.
        get_ready: what to do on the GPU, with little of its memory, while another worker still
            holds it; done only where there is one GPU, so that it is certain which it will be,
            and the GPU takes several processes.

    Returns:
        The GPU's name in CUDA_VISIBLE_DEVICES; None where there is none: then the CPU does the
        work.

    Raises:
        InputError: the folder of the locks cannot be used, or CUDA_VISIBLE_DEVICES names no GPU.
    """
    gpus = candidates()
    if "SLURM_JOB_ID" in os.environ:
        _log_job(gpus)
    elif not gpus:
        log.info("No GPU on this machine: running on the CPU.")
    if not gpus:
        return None
    folder = folder or (_LEASES_OF_JOBS if _has_choice_of_slurm() else LEASES)
    lease = _wait_for_one(gpus, folder, get_ready)
    _held.append(lease)
    os.environ["CUDA_VISIBLE_DEVICES"] = lease.gpu.name
    log.info("GPU %s is leased.", lease.gpu.name)
    return lease.gpu.name


def release_gpu() -> None:
    """End this process's lease: its memory on the GPU has been given back.

    A GPU that takes one process at a time stays leased until this process ends, as it takes no
    other before.
    """
    for lease in [lease for lease in _held if not lease.gpu.is_exclusive]:
        _held.remove(lease)
        if _is_of_job(lease.lock):
            # No other job uses it.
            with suppress(OSError):
                lease.lock.unlink()
        os.close(lease.descriptor)


def _log_job(gpus: Sequence[Gpu]) -> None:
    """Log which GPUs SLURM gave this job."""
    # On many clusters a job sees its own GPUs only, from number 0; this is the number on the node.
    number = os.environ.get("SLURM_STEP_GPUS") or os.environ.get("SLURM_JOB_GPUS")
    names = (number or ",".join(gpu.name for gpu in gpus)) if gpus else None
    log.info(
        "SLURM job %s on %s has %s (CUDA_VISIBLE_DEVICES=%s).",
        os.environ["SLURM_JOB_ID"],
        os.uname().nodename,
        f"GPU {names}" if names else "no GPU and runs on the CPU",
        os.environ.get("CUDA_VISIBLE_DEVICES", "not set"),
    )


def _wait_for_one(
    gpus: Sequence[Gpu], folder: Path, get_ready: Callable[[str], object] | None
) -> _Lease:
    # Named before the variable is set below.
    locks = {gpu: folder / _lock_name(gpu) for gpu in gpus}
    waited = False
    while True:
        for gpu, lock in locks.items():
            descriptor = _hold(lock)
            if descriptor is not None:
                return _Lease(gpu, descriptor, lock)
        if not waited:
            names = ", ".join(gpu.name for gpu in gpus)
            log.info("All GPUs (%s) are held by other workers: waiting.", names)
            waited = True
            if get_ready and len(gpus) == 1 and not gpus[0].is_exclusive:
                os.environ["CUDA_VISIBLE_DEVICES"] = gpus[0].name
                get_ready(gpus[0].name)
                continue
        time.sleep(_POLL_SECONDS)


def _lock_name(gpu: Gpu) -> str:
    """Return the name of a GPU's lock, the same in all processes that may use the GPU.

    Where SLURM chose the GPUs, the lock is among the workers of one job. Jobs have GPUs of their
    own, which can have one number, or they share a GPU that SLURM wants shared.
    """
    identity = gpu.uuid or gpu.name
    if _has_choice_of_slurm():
        # Each step of a job may count its GPUs from 0.
        step = "" if gpu.uuid else f"{os.environ.get('SLURM_STEP_ID', '')}-"
        identity = f"{_OF_JOB}{os.environ['SLURM_JOB_ID']}-{step}{identity}"
    return f"{identity.replace('/', '_')}.lock"


def _has_choice_of_slurm() -> bool:
    """Tell whether SLURM chose the GPUs that this process sees."""
    return "SLURM_JOB_ID" in os.environ and "CUDA_VISIBLE_DEVICES" in os.environ


def _is_of_job(lock: Path) -> bool:
    return lock.name.startswith(_OF_JOB)


def _hold(lock: Path) -> int | None:
    """Take a lock; None if another process holds it."""
    descriptor = _open_lock(lock)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if os.fstat(descriptor).st_nlink == 0:
        # Its holder has just removed it; the next worker would lock another file.
        os.close(descriptor)
        return None
    return descriptor


def _open_lock(path: Path) -> int:
    """The lock file of a GPU, made if it is not there, opened to read: that is enough to lock it.

    Another user's file must not be opened to write or with O_CREAT (the kernel forbids that in
    a folder that all may write to), and a link that somebody has put there must not be followed.
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
            f"{path}, by which workers share this machine's GPUs, cannot be opened: "
            f"{error.strerror}; ask its owner to remove {path.parent}."
        ) from error


def _permit(file: Path | int, mode: int) -> None:
    """Let other users use the locks in spite of the umask; a file system may refuse that."""
    with suppress(OSError):
        os.chmod(file, mode)
