"""From pictures of any shape to the square pixels that a vision tower reads."""

from __future__ import annotations

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


def square_of(frame: torch.Tensor, size: int, fit: Fit) -> torch.Tensor:
    """Fit a frame to the vision tower's square.

    Args:
        frame: a picture as uint8 [3, H, W], red green blue.
        size: side of the square, pixels.
        fit: "pad" shows the whole picture, letterboxed in black; "crop" scales the
            shorter side and cuts the rest; "stretch" squashes.

    Returns:
        uint8 [3, size, size]. The arithmetic is that of transformers' own video
        processors (bicubic with antialiasing, on bytes).
    """
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


def normalized(squares: torch.Tensor, wanted: PixelFormat) -> torch.Tensor:
    """Bytes [..., 3, size, size] to what the vision tower reads, float32 of the same shape.

    One fused rescale and normalization, as in transformers' own processors: with
    `fit="crop"` the pixels are those of the stock LlavaNextVideoVideoProcessor.
    """
    mean, std = (
        torch.tensor(values, device=squares.device).mul(255.0)[:, None, None]
        for values in (wanted.mean, wanted.std)
    )
    return (squares.float() - mean) / std


def _resize(frame: torch.Tensor, height: int, width: int) -> torch.Tensor:
    if frame.shape[-2:] == (height, width):
        return frame
    return interpolate(frame[None], size=(height, width), mode="bicubic", antialias=True)[0]
