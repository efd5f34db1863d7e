"""Slices of a video and the overlapping windows in them.

The settings and a video's duration say which windows there must be. Every stage that lists, counts
or checks windows asks this module.

Times are seconds from the start of the video, rounded to a millisecond, so that
they read the same in every file and neighbouring slices share their border exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, dropwhile, takewhile

from touchline.inputs.clock import HalfStart, half_spans
from touchline.inputs.settings import WindowSettings

# Parts of a video, (start, end) in seconds: sorted, and not overlapping.
Stretches = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Window:
    """A stretch of video that the model answers for: [start, end) and the times it is shown at."""

    index: int
    start: float
    end: float
    times: tuple[float, ...]


def watched(duration: float, halves: Sequence[HalfStart], rule: WindowSettings) -> Stretches:
    """List the stretches of a video that are looked at, by time.

    Args:
        duration: of the video, seconds.
        halves: where halves begin; without any, or with `outside_halves`, it is the whole video.

    Raises:
        InputError: the video ends before any half begins.
    """
    if rule.outside_halves or not halves:
        return whole(duration)
    return tuple((span.start, span.end) for span in half_spans(halves, None, duration))


def whole(duration: float) -> Stretches:
    """The whole of a video, as the one stretch that is looked at."""
    return ((0.0, duration),)


def slice_bounds(stretches: Stretches, slices: int, index: int) -> tuple[float, float]:
    """Start and end of slice `index`, in seconds of what is looked at.

    One stretch is divided into equal slices. Several stretches share the slices by their lengths,
    so that a match in one file has the windows of the same match in two.

    Args:
        stretches: that are looked at.
        slices: how many slices the video has.
    """
    lengths = [end - start for start, end in stretches]
    if slices < len(lengths):
        return _share(math.fsum(lengths), slices, index)
    counts = [1] * len(lengths)
    while sum(counts) < slices:
        longest = max(range(len(lengths)), key=lambda each: lengths[each] / counts[each])
        counts[longest] += 1
    before = 0.0
    for length, count_ in zip(lengths, counts, strict=True):
        if index < count_:
            start, end = _share(length, count_, index)
            return round(before + start, 3), round(before + end, 3)
        index, before = index - count_, before + length
    raise IndexError(index)


def _share(length: float, parts: int, index: int) -> tuple[float, float]:
    return round(length * index / parts, 3), round(length * (index + 1) / parts, 3)


def windows_per_slice(stretches: Stretches, slices: int, rule: WindowSettings) -> list[int]:
    """Count the windows of each slice of a video.

    Args:
        stretches: that are looked at.
    """
    bounds = (slice_bounds(stretches, slices, index) for index in range(slices))
    return [
        sum(len(_starts(piece, rule)) for piece in _pieces(*each, stretches)) for each in bounds
    ]


def windows_of(
    start: float, end: float, stretches: Stretches, rule: WindowSettings
) -> list[Window]:
    """The windows that start in [start, end), in seconds of what is looked at.

    Their times are the video's. The last ones are cut at the slice's end, so every moment of the
    slice lies in a window, and a cut window shows fewer frames. With `cross_slices`, the slices
    share the windows of the undivided stretch, whatever their number.
    """
    found = (
        (each, piece.last if rule.cross_slices else piece.stop)
        for piece in _pieces(start, end, stretches)
        for each in _starts(piece, rule)
    )
    return [_window(index, each, limit, rule) for index, (each, limit) in enumerate(found)]


@dataclass(frozen=True)
class _Piece:
    """A part of a slice, [begin, stop), in the stretch [first, last); seconds of video."""

    begin: float
    stop: float
    first: float
    last: float


def _pieces(start: float, end: float, stretches: Stretches) -> Iterator[_Piece]:
    """The parts of a slice, one a stretch.

    Args:
        start, end: of the slice, in seconds of what is looked at.
    """
    before = 0.0
    for first, last in stretches:
        begin, stop = (round(first + max(each - before, 0.0), 3) for each in (start, end))
        yield _Piece(begin, min(stop, last), first, last)
        before += last - first


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


def _starts(piece: _Piece, rule: WindowSettings) -> list[float]:
    """When the windows of a part of a slice begin, seconds."""
    origin = piece.first if rule.cross_slices else piece.begin
    steps = count(max(0, math.floor((piece.begin - origin) / rule.step) - 1))
    starts = (round(origin + step * rule.step, 3) for step in steps)
    within = dropwhile(lambda each: each < piece.begin, starts)
    return list(takewhile(lambda each: each < piece.stop, within))


def _window(index: int, start: float, limit: float, rule: WindowSettings) -> Window:
    end = round(min(start + rule.seconds, limit), 3)
    samples = (round(start + k / rule.fps, 3) for k in range(rule.frames))
    return Window(index, start, end, tuple(takewhile(lambda time: time < end, samples)))
