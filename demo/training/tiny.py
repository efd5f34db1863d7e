"""The common part of the tiny models: their tokenizer and their files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from demo.training.nf4 import unrounded_state

VOCABULARY = 576
LONGEST_PROMPT = 1024

# CLIP's mean and standard deviation of pictures, as in all checkpoints of both families.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def byte_tokenizer(texts: Sequence[str], special: Sequence[str]) -> Tokenizer:
    """Train a byte-level BPE tokenizer on `texts`. It can encode any other text, too."""
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    processors: Mapping[str, Mapping[str, Any]],
    folder: Path,
) -> None:
    """Write a checkpoint folder that transformers loads, with weights in float16.

    Args:
        processors: content of the files that the stock processor reads, by file name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = type(model.config).from_dict(model.config.to_dict())
    half = type(model)(config).to(torch.float16)
    half.load_state_dict(unrounded_state(model))
    half.generation_config = model.generation_config
    half.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    pixels = {
        "do_convert_rgb": True,
        "do_resize": True,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": MEAN,
        "image_std": STD,
        "resample": 3,
    }
    for name, stated in processors.items():
        (folder / name).write_text(json.dumps({**pixels, **stated}, indent=2) + "\n")
