"""Slices of a video and the overlapping windows in them.

The settings and a video's duration say which windows there must be. Every stage that lists, counts
or checks windows asks this module.

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


def slice_bounds(duration: float, slices: int, index: int) -> tuple[float, float]:
    """Start and end of slice `index` of `slices` equal ones of a video, seconds."""
    return round(duration * index / slices, 3), round(duration * (index + 1) / slices, 3)


def windows_per_slice(duration: float, slices: int, rule: WindowSettings) -> list[int]:
    """Count the windows of each slice of a video.

    Args:
        duration: of the video, seconds.
    """
    bounds = (slice_bounds(duration, slices, index) for index in range(slices))
    return [len(_starts(start, end, rule)) for start, end in bounds]


def windows_of(start: float, end: float, duration: float, rule: WindowSettings) -> list[Window]:
    """The windows that start in [start, end).

    The last ones are cut at the slice's end (at the video's with `cross_slices`), so
    every moment of the slice lies in a window, and a cut window shows fewer frames.
    """
    limit = duration if rule.cross_slices else end
    return [
        _window(index, begin, limit, rule) for index, begin in enumerate(_starts(start, end, rule))
    ]


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


def _starts(start: float, end: float, rule: WindowSettings) -> list[float]:
    """When the windows of the slice [start, end) begin, seconds."""
    starts = (round(start + index * rule.step, 3) for index in count())
    return list(takewhile(lambda each: each < end, starts))


def _window(index: int, start: float, limit: float, rule: WindowSettings) -> Window:
    end = round(min(start + rule.seconds, limit), 3)
    samples = (round(start + k / rule.fps, 3) for k in range(rule.frames))
    return Window(index, start, end, tuple(takewhile(lambda time: time < end, samples)))
