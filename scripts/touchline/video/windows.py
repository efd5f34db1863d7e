"""Slices of a video and the overlapping windows in them.

Times are seconds from the start of the video, rounded to a millisecond, so that
they read the same in every file and neighbouring slices share their border exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count, takewhile

from touchline.inputs.settings import WindowSettings


@dataclass(frozen=True)
class Window:
    """A stretch of video that the model answers for: [start, end) and the times it is shown at."""

    index: int
    start: float
    end: float
    times: tuple[float, ...]


def windows_of(start: float, end: float, duration: float, rule: WindowSettings) -> list[Window]:
    """The windows that start in [start, end).

    The last ones are cut at the slice's end (at the video's with `cross_slices`), so
    every moment of the slice lies in a window, and a cut window shows fewer frames.
    """
    limit = duration if rule.cross_slices else end
    starts = takewhile(lambda s: s < end, (round(start + k * rule.step, 3) for k in count()))
    return [_window(index, window_start, limit, rule) for index, window_start in enumerate(starts)]


def windows_from(
    starts: Iterable[float], duration: float | None, rule: WindowSettings
) -> list[Window]:
    """The windows that start at given times, as predictions made elsewhere have them.

    Args:
        duration: of the video, seconds, if known; it cuts the last ones.
    """
    limit = math.inf if duration is None else duration
    return [_window(index, start, limit, rule) for index, start in enumerate(starts)]


def most_frames(rule: WindowSettings) -> int:
    """How many frames a window shows that nothing cuts."""
    return len(_window(0, 0.0, math.inf, rule).times)


def _window(index: int, start: float, limit: float, rule: WindowSettings) -> Window:
    end = round(min(start + rule.seconds, limit), 3)
    samples = (round(start + k / rule.fps, 3) for k in range(rule.frames))
    return Window(index, start, end, tuple(takewhile(lambda time: time < end, samples)))
