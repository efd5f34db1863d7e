"""What a checkpoint states of the pixels that it reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from touchline.core.files import read_json
from touchline.errors import InputError


@dataclass(frozen=True)
class Normalization:
    """What a vision tower takes for zero and for one, per channel (red, green, blue).

    Attributes:
        mean, std: on a scale of 0 to 1.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


CLIP = Normalization(
    mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711)
)


def read_processor(folder: Path) -> dict[str, Any]:
    """What a checkpoint states of how it sees videos, else pictures; nothing if it states neither.

    Up to version 4 transformers wrote a file for each kind; version 5 writes one for all.
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
    """The normalization that a checkpoint's processor files state, else the usual one."""
    stated = read_processor(folder)
    if stated.get("do_normalize") is False:
        return Normalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    mean, std = stated.get("image_mean", usual.mean), stated.get("image_std", usual.std)
    if not (_is_of_channels(mean) and _is_of_channels(std)):
        raise InputError(
            f"{folder} states image_mean {mean!r} and image_std {std!r}, but each should be three "
            "numbers; copy the processor's files of the model that it was made from there."
        )
    return Normalization(tuple(mean), tuple(std))


def _is_of_channels(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 3
        and all(isinstance(each, int | float) for each in value)
    )


def normalized(pixels: torch.Tensor, wanted: Normalization) -> torch.Tensor:
    """Bytes [..., 3, H, W] to what the vision tower reads, float32 of the same shape.

    One fused rescale and normalization, as in transformers' own processors: with
    `fit="crop"` the pixels are those of the stock LlavaNextVideoVideoProcessor.
    """
    mean, std = (
        torch.tensor(values, device=pixels.device).mul(255.0)[:, None, None]
        for values in (wanted.mean, wanted.std)
    )
    return (pixels.float() - mean) / std
