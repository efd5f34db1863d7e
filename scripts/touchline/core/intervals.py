"""Arithmetic of sorted time intervals: union, intersection, gaps and length."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from touchline.core.records import Interval

# Intervals of a video as (start, end) in seconds: sorted, disjoint and not empty.
Intervals = tuple[tuple[float, float], ...]

# Files round times to a millisecond, so times that differ by at most that are the same moment.
SAME_TIME = 0.001


def union(intervals: Iterable[tuple[float, float]]) -> Intervals:
    """Return the union of intervals, which may overlap and come in any order."""
    result: list[tuple[float, float]] = []
    for start, end in sorted(intervals):
        if result and start <= result[-1][1] + SAME_TIME:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        elif end > start:
            result.append((start, end))
    return tuple(result)


def intersection(one: Intervals, other: Intervals) -> Intervals:
    """Return the parts of time that lie in both sets of intervals."""
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
    """Return the parts of [0, duration] that lie in none of the intervals."""
    edges = [0.0, *(edge for interval in intervals for edge in interval), duration]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return tuple((start, end) for start, end in pairs if end > start + SAME_TIME)


def length(intervals: Intervals) -> float:
    """Return the total length of the intervals, in seconds."""
    return math.fsum(end - start for start, end in intervals)


def contains(intervals: Intervals, time: float) -> bool:
    """Return whether a time lies in one of the intervals. Both ends of an interval belong to it."""
    place = bisect_right(intervals, (time, math.inf)) - 1
    return place >= 0 and time <= intervals[place][1]


def elapsed(intervals: Intervals, times: Iterable[float]) -> list[float]:
    """Return the number of seconds inside the intervals before each time.

    Each time must lie in one of the intervals.
    """
    before = [0.0, *accumulate(end - start for start, end in intervals)]
    places = ((bisect_right(intervals, (time, math.inf)) - 1, time) for time in times)
    return [before[place] + time - intervals[place][0] for place, time in places]


def to_records(intervals: Intervals) -> list[Interval]:
    """Convert intervals to the records that files contain."""
    return [Interval(start=start, end=end) for start, end in intervals]


def from_records(records: Iterable[Interval]) -> Intervals:
    """Convert the records of a file to sorted intervals."""
    return union((each.start, each.end) for each in records)
