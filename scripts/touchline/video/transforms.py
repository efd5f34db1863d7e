"""From pictures of any shape to the square pixels that a vision tower reads."""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn.functional import interpolate, pad

Fit = Literal["pad", "crop", "stretch"]


def capped(width: int, height: int, longest: int, pixel_aspect: float = 1.0) -> tuple[int, int]:
    """The size (width, height) as it is shown, with the longer side at most `longest`.

    Args:
        width, height: pixels of the picture.
        pixel_aspect: width of one of its pixels over its height; those that come out are square.
    """
    shown = width * pixel_aspect
    scale = min(1.0, longest / max(shown, height))
    return max(1, round(shown * scale)), max(1, round(height * scale))


def square_of(frame: torch.Tensor, size: int, fit: Fit) -> torch.Tensor:
    """Fit a frame to the vision tower's square.

    Args:
        frame: a picture as uint8 [3, H, W], red green blue.
        size: side of the square, pixels.
        fit: "pad" shows the whole picture, letterboxed in black; "crop" scales the
            shorter side and cuts the rest; "stretch" squashes.

    Returns:
        uint8 [3, size, size].
    """
    height, width = frame.shape[-2:]
    if fit == "stretch":
        return resized(frame, size, size)
    if fit == "crop":
        short = min(height, width)
        tall, wide = int(size * height / short), int(size * width / short)
        top, left = (tall - size) // 2, (wide - size) // 2
        return resized(frame, wide, tall)[:, top : top + size, left : left + size]
    long = max(height, width)
    tall, wide = max(1, round(height * size / long)), max(1, round(width * size / long))
    top, left = (size - tall) // 2, (size - wide) // 2
    return pad(resized(frame, wide, tall), (left, size - wide - left, top, size - tall - top))


def resized(frame: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Scale a frame, uint8 [3, H, W], to [3, height, width].

    The arithmetic is that of transformers' own video processors (bicubic with antialiasing,
    on bytes).
    """
    if frame.shape[-2:] == (height, width):
        return frame
    return interpolate(frame[None], size=(height, width), mode="bicubic", antialias=True)[0]
