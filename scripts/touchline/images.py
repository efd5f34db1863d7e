"""From pictures of any shape to the square pixels that a vision tower reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn.functional import interpolate, pad

Fit = Literal["pad", "crop", "stretch"]


@dataclass(frozen=True)
class PixelFormat:
    """What a vision tower wants to see.

    Attributes:
        size: side of the square, pixels.
        mean, std: per channel (red, green, blue), on a scale of 0 to 1.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def capped(width: int, height: int, longest: int) -> tuple[int, int]:
    """The size (width, height) with the longer side at most `longest`, in proportion."""
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def pixels_of(frames: Sequence[torch.Tensor], wanted: PixelFormat, fit: Fit) -> torch.Tensor:
    """Fit frames to the vision tower's square and normalize them.

    The arithmetic is that of transformers' own video processors (bicubic with
    antialiasing on bytes, then one fused rescale and normalization in float32),
    so `fit="crop"` gives the pixels of the stock LlavaNextVideoVideoProcessor.

    Args:
        frames: pictures as uint8 [3, H, W], red green blue; the sizes may differ.
        fit: "pad" shows the whole picture, letterboxed in black; "crop" scales the
            shorter side and cuts the rest; "stretch" squashes.

    Returns:
        float32 [len(frames), 3, size, size].
    """
    square = torch.stack([_fit(frame, wanted.size, fit) for frame in frames])
    mean = torch.tensor(wanted.mean).mul(255.0)[:, None, None]
    std = torch.tensor(wanted.std).mul(255.0)[:, None, None]
    return (square.float() - mean) / std


def _fit(frame: torch.Tensor, size: int, fit: Fit) -> torch.Tensor:
    height, width = frame.shape[-2:]
    if fit == "stretch":
        return _resize(frame, size, size)
    if fit == "crop":
        short = min(height, width)
        tall, wide = int(size * height / short), int(size * width / short)
        top, left = (tall - size) // 2, (wide - size) // 2
        return _resize(frame, tall, wide)[:, top : top + size, left : left + size]
    long = max(height, width)
    tall, wide = max(1, round(height * size / long)), max(1, round(width * size / long))
    top, left = (size - tall) // 2, (size - wide) // 2
    return pad(_resize(frame, tall, wide), (left, size - wide - left, top, size - tall - top))


def _resize(frame: torch.Tensor, height: int, width: int) -> torch.Tensor:
    if frame.shape[-2:] == (height, width):
        return frame
    return interpolate(frame[None], size=(height, width), mode="bicubic", antialias=True)[0]
