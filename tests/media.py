"""Small videos for tests, whose every frame tells its own number."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

_BITS = 12
_CELL = 16
SIZE = (256, 144)  # width, height


def numbered_picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A grey picture [H, W, 3] with a row of black and white cells: the number in binary."""
    width, height = size
    picture = np.full((height, width, 3), 100, np.uint8)
    for bit in range(_BITS):
        value = 255 if number >> bit & 1 else 0
        picture[:_CELL, bit * _CELL : (bit + 1) * _CELL] = value
    return picture


def number_in(picture: torch.Tensor, scale: float = 1.0) -> int:
    """The number that a numbered picture, uint8 [3, H, W], shows."""
    cell = _CELL * scale
    centres = [int((bit + 0.5) * cell) for bit in range(_BITS)]
    return sum(int(picture[0, int(cell / 2), x] > 127) << bit for bit, x in enumerate(centres))


def write_video(
    path: Path,
    times: Iterable[float],
    *,
    size: tuple[int, int] = SIZE,
    codec: str = "libx264",
    gop: int = 10,
    b_frames: int = 2,
    container: str | None = None,
) -> Path:
    """Write frame k of a video, showing the number k, at the k-th time (seconds)."""
    time_base = Fraction(1, 90_000)
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = time_base
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        stream.options = {"preset": "ultrafast", "bf": str(b_frames)} if "264" in codec else {}
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number, size), format="rgb24")
            frame.pts, frame.time_base = round(time / time_base), time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def steady(seconds: float, rate: float = 25.0, start: float = 0.0) -> list[float]:
    """Times of frames at a constant rate."""
    return [start + k / rate for k in range(round(seconds * rate))]
