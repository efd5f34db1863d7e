"""Quantize a checkpoint's language model to 4 bits once, and save it."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from touchline.errors import InputError, plain
from touchline.models.cuda import give_memory_back
from touchline.models.families import family
from touchline.models.quantization import nf4
from touchline.weights.checkpoints import (
    check,
    checkpoint_files,
    place,
    quantization_method,
    read_family,
    read_note,
    write_note,
)
from touchline.weights.saving import save

if TYPE_CHECKING:
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)


def quantize(source: Path, folder: Path) -> None:
    """Save a checkpoint with its language model in 4-bit NF4 (QLoRA, arXiv:2305.14314).

    The vision tower and the output layer keep their precision, because they are small, and 4 bits
    would cost them the most accuracy. The weights are saved before any forward pass, because a pass
    may repack them for the current processor.

    Not every architecture of the family generic can be saved in 4 bits and loaded again. In that
    case, the folder gets the unchanged weights and a note to quantize them at load.

    Raises:
        InputError: the checkpoint belongs to no known family, is already quantized, or is
            incomplete.
    """
    model = load_quantizing(source)
    note = read_note(source)
    if note is None:
        save(model, source, folder)
        return
    # Each architecture fails in its own way.
    try:
        save(model, source, folder)
        del model
        give_memory_back()
        family(read_family(folder)).load(folder, device_map=_device())
    except Exception as error:
        log.warning(
            "This model cannot be saved in 4 bits (%s). Each job quantizes it while loading it.",
            plain(str(error) or repr(error)),
        )
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        place(checkpoint_files(source), folder)
        write_note(folder, replace(note, quantizes_at_load=True))


def load_quantizing(source: Path) -> PreTrainedModel:
    """Load a checkpoint, and quantize its language model to 4-bit NF4 on the way.

    Raises:
        InputError: see `quantize`.
    """
    check(source)
    kind = family(read_family(source))
    if quantization_method(source) is not None:
        raise InputError(f"{source} is already quantized. Set quantization: none for this model.")
    return kind.load(
        source, device_map=_device(), quantization_config=nf4(kind.unquantized(source))
    )


def _device() -> str:
    """Return the device for quantization: the first GPU, or else the CPU."""
    import torch

    return "cuda:0" if torch.cuda.is_available() else "cpu"
