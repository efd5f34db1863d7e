"""Define how weights are quantized to 4 bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import BitsAndBytesConfig


def nf4(unquantized: Sequence[str], compute: torch.dtype | None = None) -> BitsAndBytesConfig:
    """Return the library's settings for NF4 (QLoRA, arXiv:2305.14314).

    Args:
        unquantized: Modules that keep their precision. They replace the library's own list.
        compute: Type in which products are computed; None for the library's default.
    """
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=compute,
        llm_int8_skip_modules=list(unquantized),
    )
