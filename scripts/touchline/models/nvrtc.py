"""Compile CUDA kernels when a worker starts, so that no machine needs a compiler."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch

log = logging.getLogger(__name__)

Kernel = Callable[..., None]
_THREADS = 256  # per block


def compiled(source: str, name: str) -> Kernel | None:
    """Compile a kernel for this process's GPU with NVRTC, which comes with torch.

    Returns:
        The kernel, or None without a GPU or if compiling fails. PyTorch's own steps are used then.
    """
    if not torch.cuda.is_available():
        return None
    torch.ones(1, device="cuda")  # a thread has no GPU context before its first use
    # PyTorch's function is private and may change in any version.
    try:
        kernel: Kernel = torch.cuda._compile_kernel(source, name)  # torch 2.9 and later
    except Exception as error:
        log.info("%s is computed by PyTorch, because its kernel failed: %r.", name, error)
        return None
    return kernel


def launch(kernel: Kernel, total: int, *arguments: Any) -> None:
    """Run a kernel with `total` threads. Its last argument is also `total`."""
    blocks = (total + _THREADS - 1) // _THREADS
    kernel(grid=(blocks, 1, 1), block=(_THREADS, 1, 1), args=[*arguments, total])
