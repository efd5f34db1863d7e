"""Training windows: a few frames of a generated match, and the right answer about them."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import numpy as np
import torch
from PIL import Image, ImageFilter

from demo.scene.match import FRAME_RATE, Match, details, schedule
from demo.scene.pictures import render
from touchline.video.transforms import cap_size

FRAMES = (1, 2, 3, 4)
LONGEST = 384  # the workflow's max_image_size
MATCH_SECONDS = 100.0

# A frame, uint8 [3, h, w], as a model sees it.
View = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Windows:
    """Windows with the same number of frames.

    Attributes:
        pixels: uint8 [windows, frames, 3, H, W], as the model sees them.
        answers: the right answer about each window.
    """

    pixels: np.ndarray
    answers: list[str]


def windows_of(seed: int, count: int, view: View) -> dict[int, Windows]:
    """Draw `count` windows of one match, grouped by their number of frames."""
    rng = Random(seed)
    match = schedule(seed, MATCH_SECONDS)
    drawn: dict[int, list[tuple[np.ndarray, str]]] = {frames: [] for frames in FRAMES}
    for _ in range(count):
        frames = rng.choices(FRAMES, weights=(1, 1, 1, 7))[0]
        times = _sample(rng, match, frames)
        drawn[frames].append((_pixels(rng, match, times, view), answer(match, times)))
    return {
        frames: Windows(np.stack([p for p, _ in some]), [text for _, text in some])
        for frames, some in drawn.items()
        if some
    }


def joined(groups: Iterable[dict[int, Windows]]) -> list[Windows]:
    """Join the windows of many matches into one group per number of frames."""
    found: dict[int, list[Windows]] = {}
    for group in groups:
        for frames, windows in group.items():
            found.setdefault(frames, []).append(windows)
    return [
        Windows(
            np.concatenate([windows.pixels for windows in some]),
            [answer for windows in some for answer in windows.answers],
        )
        for _, some in sorted(found.items())
    ]


def answer(match: Match, times: list[float]) -> str:
    """Return the right answer, in the prompt's form, for frames at `times` (seconds)."""
    events = [
        {
            "label": event.label,
            "team": event.team,
            "confidence": 0.9,
            "details": details(event.label, event.team),
        }
        for event in match.signs_at(times)
    ]
    return json.dumps(events) if events else "none"


def _sample(rng: Random, match: Match, frames: int) -> list[float]:
    """Choose the times of a window's frames. The share of windows without events is fixed."""
    wanted = rng.choices((0, 1, 2), weights=(5, 4, 1))[0]
    times: list[float] = []
    # Some numbers of signs do not fit some numbers of frames. Then the last draw counts.
    for _ in range(40):
        first, last = _about(rng, match, wanted, frames)
        start = rng.uniform(max(0.0, first - frames + 1), last)
        start = min(start, match.duration - frames)
        times = [int(start * FRAME_RATE) / FRAME_RATE + second for second in range(frames)]
        if len(match.signs_at(times)) == wanted:
            break
    return times


def _about(rng: Random, match: Match, wanted: int, frames: int) -> tuple[float, float]:
    """Return an interval of time (seconds). A window should show a part of it."""
    if wanted == 1:
        # Drawn by class, so that all classes occur equally often.
        often = Counter(event.label for event in match.events)
        event = rng.choices(match.events, [1 / often[e.label] for e in match.events])[0]
        return event.time, event.end
    pairs = [
        (after.time, before.end)
        for before, after in pairwise(match.events)
        if after.time - before.end < frames - 1
    ]
    if wanted == 2 and pairs:
        return rng.choice(pairs)
    shot = rng.choice(match.shots)
    return shot.start, shot.end


def _pixels(rng: Random, match: Match, times: list[float], view: View) -> np.ndarray:
    """Return frames as the model sees them, after a lossy compression; uint8 [frames, 3, H, W]."""
    quality, blur = rng.randrange(45, 96), rng.choice((0.0, 0.0, rng.uniform(0.3, 1.0)))
    frames = [torch.from_numpy(_coded(render(match, time), quality, blur)) for time in times]
    return torch.stack([view(frame) for frame in frames]).numpy()


def _coded(frame: np.ndarray, quality: int, blur: float) -> np.ndarray:
    """Convert a frame [H, W, 3] through a JPEG to uint8 [3, h, w] of the workflow's size."""
    size = cap_size(frame.shape[1], frame.shape[0], LONGEST)
    image = Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC)
    if blur:
        image = image.filter(ImageFilter.BoxBlur(blur))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return np.array(Image.open(file)).transpose(2, 0, 1)
