"""A checkpoint's language model in 4 bits, made once and kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from touchline.errors import InputError
from touchline.models.families import family
from touchline.models.loading import load_weights, read_config
from touchline.weights.checkpoints import (
    check,
    quantization_of,
    read_model_type,
)
from touchline.weights.saving import save

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def quantize(source: Path, folder: Path) -> None:
    """Save a checkpoint's language model in 4-bit NF4 (QLoRA, arXiv:2305.14314).

    The vision tower and the output layer keep their precision: they are small and lose
    most. The weights are saved before any forward pass, since that may
    repack them for the processor at hand.

    Raises:
        InputError: the checkpoint is not of a known family, is already quantized, or is not whole.
    """
    save(load_quantizing(source), source, folder)


def load_quantizing(source: Path) -> PreTrainedModel:
    """A checkpoint in memory, its language model turned into 4-bit NF4 on the way.

    Raises:
        InputError: as `quantize`.
    """
    import torch
    from transformers import BitsAndBytesConfig

    check(source)
    kind = family(read_model_type(source))
    if quantization_of(source) is not None:
        raise InputError(f"{source} is quantized already; set quantization: none for this model.")
    return load_weights(
        kind.architecture,
        source,
        config=read_config(source),
        device_map="cuda:0" if torch.cuda.is_available() else "cpu",
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            # These keep their precision: they are small, and they lose most. A list replaces
            # the library's own, so it must name lm_head too.
            llm_int8_skip_modules=[*kind.vision, "lm_head"],
        ),
    )
