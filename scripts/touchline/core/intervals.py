"""Sets of times as sorted intervals: their union, what they have in common, their length."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from touchline.core.records import Interval

# Stretches of a video, (start, end) in seconds: sorted, apart from each other, not empty.
Intervals = tuple[tuple[float, float], ...]

# Times are rounded to a millisecond, so those that differ by no more are the same moment.
SAME_TIME = 0.001


def joined(intervals: Iterable[tuple[float, float]]) -> Intervals:
    """The union of intervals that may overlap and come in any order."""
    result: list[tuple[float, float]] = []
    for start, end in sorted(intervals):
        if result and start <= result[-1][1] + SAME_TIME:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        elif end > start:
            result.append((start, end))
    return tuple(result)


def common(one: Intervals, other: Intervals) -> Intervals:
    """The intervals that lie in both."""
    result = []
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if end > start:
            result.append((start, end))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return tuple(result)


def gaps(intervals: Intervals, duration: float) -> Intervals:
    """The intervals of [0, duration] that lie in none of the intervals."""
    edges = [0.0, *(edge for interval in intervals for edge in interval), duration]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return tuple((start, end) for start, end in pairs if end > start + SAME_TIME)


def length(intervals: Intervals) -> float:
    """Seconds that the intervals last together."""
    return math.fsum(end - start for start, end in intervals)


def within(intervals: Intervals, time: float) -> bool:
    """Whether a time lies in one of the intervals, their ends included."""
    place = bisect_right(intervals, (time, math.inf)) - 1
    return place >= 0 and time <= intervals[place][1]


def elapsed(intervals: Intervals, times: Iterable[float]) -> list[float]:
    """How many seconds of the intervals lie before each time, which is in one of them."""
    before = [0.0, *accumulate(end - start for start, end in intervals)]
    places = ((bisect_right(intervals, (time, math.inf)) - 1, time) for time in times)
    return [before[place] + time - intervals[place][0] for place, time in places]


def as_records(intervals: Intervals) -> list[Interval]:
    """Intervals as they stand in files."""
    return [Interval(start=start, end=end) for start, end in intervals]


def intervals_of(records: Iterable[Interval]) -> Intervals:
    """Intervals from how they stand in files."""
    return joined((each.start, each.end) for each in records)
