"""What the memory is used for: rows of the cache, and weights that are quick to compute with."""

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
# The rest is for the vision tower and for reading prompts.
_SHARE_FOR_ROWS = 0.71
_MOST_ROWS_ON_CPU = 8
# So many rows of four frames of a model with 7 billion parameters, in float32.
_BYTES_ON_CPU = 9 * 2**30


def rows_that_fit(
    model: AnsweringModel, pictures: int, new_tokens: int, wanted: Literal["auto"] | int
) -> int:
    """How many windows to have in work at a time; unpacks the weights if there is room for both.

    Args:
        pictures: most pictures a window has.
        new_tokens: most tokens an answer has.
        wanted: a number, or "auto" for as many as the free memory of the GPU holds.
    """
    row = model.row_bytes(pictures, new_tokens)
    if not torch.cuda.is_available():
        fitting = max(1, min(_MOST_ROWS_ON_CPU, _BYTES_ON_CPU // row))
        return fitting if wanted == "auto" else wanted
    usable = _usable_bytes()
    most = _MOST_ROWS if wanted == "auto" else wanted
    if model.unpacked_bytes() <= usable - most * row / _SHARE_FOR_ROWS:
        log.info("There is room to keep the weights unpacked.")
        model.unpack()
        return most
    return max(1, min(most, int(_SHARE_FOR_ROWS * usable / row))) if wanted == "auto" else wanted


def _usable_bytes() -> int:
    """Memory of the GPU that this process may still take."""
    free, total = torch.cuda.mem_get_info()
    # The process may be limited to a part of the card.
    allowed = total * torch.cuda.get_per_process_memory_fraction()
    return int(min(free, allowed - torch.cuda.memory_reserved()))


def peak_memory() -> tuple[float, str]:
    """The most memory that this process has had, in GB, and of what: where its models are."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30, "GPU memory"
    return peak_resident() / 1024, "memory"
