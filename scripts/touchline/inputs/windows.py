"""Slices of a video, and the overlapping windows in them.

The settings and the duration of a video determine its windows. Every stage that lists, counts or
checks windows uses this module.

Times are seconds from the start of the video, rounded to a millisecond. So a time is written the
same way in every file, and neighbouring slices have exactly the same border.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, dropwhile, takewhile

from touchline.inputs.clock import HalfStart, half_spans
from touchline.inputs.settings import WindowSettings

# Parts of a video to look at, as (start, end) in seconds: sorted and disjoint.
Stretches = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Window:
    """A window: the interval [start, end) of a video, and the times of its frames, in seconds."""

    index: int
    start: float
    end: float
    times: tuple[float, ...]


def watched_parts(duration: float, halves: Sequence[HalfStart], rule: WindowSettings) -> Stretches:
    """List the parts of a video that the model looks at, ordered by time.

    Args:
        duration: duration of the video, in seconds.
        halves: starts of halves. Without any, or with `outside_halves`, the only part is the whole
            video.
        rule: settings of the windows.

    Raises:
        InputError: the video ends before any half begins.
    """
    if rule.outside_halves or not halves:
        return whole_video(duration)
    return tuple((span.start, span.end) for span in half_spans(halves, None, duration))


def whole_video(duration: float) -> Stretches:
    """Return the whole video as the only part to look at."""
    return ((0.0, duration),)


def slice_bounds(stretches: Stretches, slices: int, index: int) -> tuple[float, float]:
    """Return the start and end of a slice, counting only the seconds of the parts to look at.

    A single part is divided into equal slices. Several parts share the slices in proportion to
    their lengths. So a match in one file has the same windows as a match in two files.

    Args:
        stretches: the parts to look at.
        slices: number of slices of the video.
        index: number of the slice.
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
    """Return the start and end of one of several equal parts, in seconds."""
    return round(length * index / parts, 3), round(length * (index + 1) / parts, 3)


def windows_per_slice(stretches: Stretches, slices: int, rule: WindowSettings) -> list[int]:
    """Count the windows of each slice of a video.

    Args:
        stretches: the parts to look at.
        slices: number of slices of the video.
        rule: settings of the windows.
    """
    bounds = (slice_bounds(stretches, slices, index) for index in range(slices))
    return [
        sum(len(_starts(piece, rule)) for piece in _pieces(*each, stretches)) for each in bounds
    ]


def list_windows(
    start: float, end: float, stretches: Stretches, rule: WindowSettings
) -> list[Window]:
    """List the windows that start in [start, end).

    Both times count only the parts of the video to look at.

    The times of the windows are times of the video. The last windows are cut at the slice's end, so
    every moment of the slice is in a window, and a cut window has fewer frames. With
    `cross_slices`, windows do not depend on the number of slices: they are the windows of the
    undivided part.
    """
    found = (
        (each, piece.last if rule.cross_slices else piece.stop)
        for piece in _pieces(start, end, stretches)
        for each in _starts(piece, rule)
    )
    return [_window(index, each, limit, rule) for index, (each, limit) in enumerate(found)]


@dataclass(frozen=True)
class _Piece:
    """The overlap of a slice and one part of the video, in seconds of video.

    Attributes:
        begin: start of the overlap.
        stop: end of the overlap (exclusive).
        first: start of the part.
        last: end of the part.
    """

    begin: float
    stop: float
    first: float
    last: float


def _pieces(start: float, end: float, stretches: Stretches) -> Iterator[_Piece]:
    """Split a slice into pieces, one per part of the video.

    Args:
        start: start of the slice, in seconds. Only the parts to look at count.
        end: end of the slice, counted in the same way.
        stretches: the parts to look at.
    """
    before = 0.0
    for first, last in stretches:
        begin, stop = (round(first + max(each - before, 0.0), 3) for each in (start, end))
        yield _Piece(begin, min(stop, last), first, last)
        before += last - first


def windows_at(
    starts: Iterable[float], duration: float | None, rule: WindowSettings
) -> list[Window]:
    """Return the windows that start at given times, as in given predictions.

    Args:
        starts: starts of the windows, in seconds.
        duration: duration of the video in seconds, if known. The last windows are cut here.
        rule: settings of the windows.
    """
    limit = math.inf if duration is None else duration
    return [_window(index, start, limit, rule) for index, start in enumerate(starts)]


def most_frames(rule: WindowSettings) -> int:
    """Return the number of frames in a full window."""
    return len(_window(0, 0.0, math.inf, rule).times)


def _starts(piece: _Piece, rule: WindowSettings) -> list[float]:
    """Return the starts of the windows in a piece of a slice, in seconds."""
    origin = piece.first if rule.cross_slices else piece.begin
    steps = count(max(0, math.floor((piece.begin - origin) / rule.step) - 1))
    starts = (round(origin + step * rule.step, 3) for step in steps)
    following = dropwhile(lambda each: each < piece.begin, starts)
    return list(takewhile(lambda each: each < piece.stop, following))


def _window(index: int, start: float, limit: float, rule: WindowSettings) -> Window:
    """Return the window at a start. Its end and its frames are cut at the limit."""
    end = round(min(start + rule.seconds, limit), 3)
    samples = (round(start + k / rule.fps, 3) for k in range(rule.frames))
    return Window(index, start, end, tuple(takewhile(lambda time: time < end, samples)))
