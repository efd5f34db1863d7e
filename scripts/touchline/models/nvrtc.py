"""CUDA kernels that are compiled when a worker starts, so that no machine needs a compiler."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch

log = logging.getLogger(__name__)

Kernel = Callable[..., None]
_THREADS = 256  # of a block


def compiled(source: str, name: str) -> Kernel | None:
    """Compile a kernel for this process's GPU with NVRTC, which comes with torch.

    Returns:
        None without a GPU, or where it cannot be compiled: PyTorch's steps do as well.
    """
    if not torch.cuda.is_available():
        return None
    torch.ones(1, device="cuda")  # a thread has no GPU before it has used it
    # PyTorch's function is private, so any version may change it.
    try:
        kernel: Kernel = torch.cuda._compile_kernel(source, name)  # of torch 2.9 and later
    except Exception as error:
        log.info("%s is computed in PyTorch's steps: %r.", name, error)
        return None
    return kernel


def launch(kernel: Kernel, total: int, *arguments: Any) -> None:
    """Run a kernel that has a thread for each of `total` things, its last argument."""
    blocks = (total + _THREADS - 1) // _THREADS
    kernel(grid=(blocks, 1, 1), block=(_THREADS, 1, 1), args=[*arguments, total])
