"""Read from a checkpoint how to preprocess pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from touchline.core.files import read_json
from touchline.errors import InputError


@dataclass(frozen=True)
class Normalization:
    """The mean and standard deviation of pixels per channel (red, green, blue).

    Attributes:
        mean, std: values on a scale from 0 to 1.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


CLIP = Normalization(
    mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711)
)


def read_processor(folder: Path) -> dict[str, Any]:
    """Read a checkpoint's video processor settings, or else its image processor settings.

    Return an empty dict if it has neither. Up to version 4, transformers wrote one file per kind.
    Version 5 writes one file for both.
    """
    for name, part in (
        ("video_preprocessor_config.json", None),
        ("processor_config.json", "video_processor"),
        ("preprocessor_config.json", None),
        ("processor_config.json", "image_processor"),
    ):
        if (folder / name).exists():
            whole = read_json(folder / name)
            stated = whole.get(part) if part and isinstance(whole, dict) else whole
            if isinstance(stated, dict):
                return stated
    return {}


def read_normalization(folder: Path, usual: Normalization = CLIP) -> Normalization:
    """Return the normalization in a checkpoint's processor files, or else the usual one."""
    stated = read_processor(folder)
    if stated.get("do_normalize") is False:
        return Normalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    mean, std = stated.get("image_mean", usual.mean), stated.get("image_std", usual.std)
    if not (_has_three_numbers(mean) and _has_three_numbers(std)):
        raise InputError(
            f"{folder} has image_mean {mean!r} and image_std {std!r}, but each should be three "
            "numbers. Copy the processor's files of its base model into it."
        )
    return Normalization(tuple(mean), tuple(std))


def _has_three_numbers(value: Any) -> bool:
    """Return whether a value has three numbers, one per channel."""
    return (
        isinstance(value, list | tuple)
        and len(value) == 3
        and all(isinstance(each, int | float) for each in value)
    )


def normalized(pixels: torch.Tensor, wanted: Normalization) -> torch.Tensor:
    """Normalize bytes [..., 3, H, W] to float32 of the same shape, as the vision tower reads them.

    Rescaling and normalization are one operation, as in transformers' own processors. With
    `fit="crop"`, the result equals that of the stock LlavaNextVideoVideoProcessor.
    """
    mean, std = (
        torch.tensor(values, device=pixels.device).mul(255.0)[:, None, None]
        for values in (wanted.mean, wanted.std)
    )
    return (pixels.float() - mean) / std
