"""Scaling of pictures of any shape to the square that a vision tower reads."""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn.functional import interpolate, pad

Fit = Literal["pad", "crop", "stretch"]


def cap_size(width: int, height: int, longest: int, pixel_aspect: float = 1.0) -> tuple[int, int]:
    """Return the displayed size (width, height) with the longer side reduced to at most `longest`.

    Args:
        width: width of the picture, in pixels.
        height: height of the picture, in pixels.
        longest: maximum length of the longer side, in pixels.
        pixel_aspect: width of a pixel divided by its height. The pixels of the result are square.
    """
    shown = width * pixel_aspect
    scale = min(1.0, longest / max(shown, height))
    return max(1, round(shown * scale)), max(1, round(height * scale))


def fit_to_square(frame: torch.Tensor, size: int, fit: Fit) -> torch.Tensor:
    """Fit a frame to the vision tower's square.

    Args:
        frame: a picture as uint8 [3, H, W], red green blue.
        size: side of the square, in pixels.
        fit: "pad" shows the whole picture with black bars. "crop" scales the shorter side and cuts
            off the rest. "stretch" changes the aspect ratio.

    Returns:
        uint8 [3, size, size].
    """
    height, width = frame.shape[-2:]
    if fit == "stretch":
        return resize(frame, size, size)
    if fit == "crop":
        short = min(height, width)
        tall, wide = int(size * height / short), int(size * width / short)
        top, left = (tall - size) // 2, (wide - size) // 2
        return resize(frame, wide, tall)[:, top : top + size, left : left + size]
    long = max(height, width)
    tall, wide = max(1, round(height * size / long)), max(1, round(width * size / long))
    top, left = (size - tall) // 2, (size - wide) // 2
    return pad(resize(frame, wide, tall), (left, size - wide - left, top, size - tall - top))


def resize(frame: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Scale a frame, uint8 [3, H, W], to [3, height, width].

    The arithmetic equals that of transformers' video processors (bicubic with antialiasing, on
    bytes).
    """
    if frame.shape[-2:] == (height, width):
        return frame
    return interpolate(frame[None], size=(height, width), mode="bicubic", antialias=True)[0]
