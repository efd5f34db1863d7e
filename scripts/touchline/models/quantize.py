"""A checkpoint's language model in 4 bits, made once and kept."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from touchline.core.disk import writing
from touchline.errors import InputError
from touchline.models.checkpoints import (
    check,
    checkpoint_files,
    quantization_of,
    read_model_type,
)
from touchline.models.families import family

if TYPE_CHECKING:
    from transformers import PreTrainedModel
from touchline.models.loading import hush_libraries, load_weights, read_config


def quantize(source: Path, folder: Path) -> None:
    """Save a checkpoint's language model in 4-bit NF4 (QLoRA, arXiv:2305.14314).

    The vision tower and the output layer keep their precision: they are small and lose
    most. The weights are saved before any forward pass, since that may
    repack them for the processor at hand.

    Raises:
        InputError: the checkpoint is not of a known family, is already quantized, or is not whole.
    """
    model = load_quantizing(source)
    shutil.rmtree(folder, ignore_errors=True)
    with writing(folder):
        model.save_pretrained(folder)
    for file in checkpoint_files(source):
        weights = ".safetensors" in file.name
        # What the model wrote itself (its config, with the quantization) stays.
        if not weights and not (folder / file.name).exists():
            shutil.copyfile(file, folder / file.name)
    _share(folder)


def load_quantizing(source: Path) -> PreTrainedModel:
    """A checkpoint in memory, its language model turned into 4-bit NF4 on the way.

    Raises:
        InputError: as `quantize`.
    """
    import torch
    from transformers import BitsAndBytesConfig

    hush_libraries()
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


def _share(folder: Path) -> None:
    """Weights are written private to the user; a cluster's group may want to read them."""
    mode = (folder / "config.json").stat().st_mode
    for file in folder.glob("*.safetensors"):
        os.chmod(file, mode)
