"""Decide how to use the memory: for rows of the cache, and for unpacked weights."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import torch

from touchline.detection.peak_rss import peak_resident

if TYPE_CHECKING:
    from touchline.models.families.base import AnsweringModel

log = logging.getLogger(__name__)

# More rows hardly speed up a GPU (benchmarks/GPU.md).
_MOST_ROWS = 64
# Share of the usable memory for rows. The rest is for the vision tower and for reading prompts.
_SHARE_FOR_ROWS = 0.71
_MOST_ROWS_ON_CPU = 8
# Memory of eight rows with four frames, in float32, for a model with 7 billion parameters.
_BYTES_ON_CPU = 9 * 2**30


def rows_that_fit(
    model: AnsweringModel, pictures: int, new_tokens: int, wanted: Literal["auto"] | int
) -> int:
    """Return the number of windows to process at a time.

    Unpack the weights if they fit into memory beside this number of windows.

    Args:
        model: the loaded model.
        pictures: largest number of pictures per window.
        new_tokens: largest number of tokens per answer.
        wanted: a number, or "auto" for the most windows that fit into the GPU's free memory.
    """
    row = model.row_bytes(pictures, new_tokens)
    if not torch.cuda.is_available():
        fitting = max(1, min(_MOST_ROWS_ON_CPU, _BYTES_ON_CPU // row))
        return fitting if wanted == "auto" else wanted
    usable = _usable_bytes()
    most = _MOST_ROWS if wanted == "auto" else wanted
    if model.unpacked_bytes() <= usable - most * row / _SHARE_FOR_ROWS:
        log.info("The 4-bit weights are unpacked, because there is enough memory.")
        model.unpack()
        return most
    return max(1, min(most, int(_SHARE_FOR_ROWS * usable / row))) if wanted == "auto" else wanted


def _usable_bytes() -> int:
    """Return the GPU memory that this process may still use, in bytes."""
    free, total = torch.cuda.mem_get_info()
    # The process may be limited to a part of the GPU's memory.
    allowed = total * torch.cuda.get_per_process_memory_fraction()
    return int(min(free, allowed - torch.cuda.memory_reserved()))


def peak_memory() -> tuple[float, str]:
    """Return the peak memory of this process in GB, and its kind: GPU memory or main memory."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30, "GPU memory"
    return peak_resident() / 1024, "memory"
