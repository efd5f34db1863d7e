"""Computation of display times from the times that a file states for its packets.

The stated times can be wrong. A damaged time is hours off. The clock starts again in joined
recordings and after a restart of the recorder. Lost packets leave a gap. Four rules find these
cases. Each rule compares a packet with many others, so none needs to know the frame rate.

- A stray is far from the pictures before it and from the pictures after it, and does not lie
  between them. A stray has no time.

- The clock has started again if the pictures from one packet on are earlier than those before it.
  The later packets are shown after the earlier ones.

- An inserted part, such as an advertisement, may have another clock. If the old clock continues
  after it, both changes count as new starts of the clock, and no time is missing.

- If a picture stays much longer than usual in this video, other pictures are missing. The picture
  then counts for the usual duration.

Times are seconds in arrays, in the order of the file. NaN means a packet without a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from touchline.core.records import Restart

Times = NDArray[np.float64]

# Number of packets on each side with which a packet is compared. Up to 7 strays in a row are no
# majority. Decoding order, at most 16 pictures late in H.264 and HEVC, does no harm either.
_NEIGHBOURS = 15
# Smallest distance of a stray, and smallest step back of a clock, because smaller ones look like
# decoding order. They are in seconds, in spreads of the neighbours, and in usual intervals.
_LEAST_STRAY, _STRAY_SPREADS = 1.0, 4
_LEAST_BACK, _BACK_INTERVALS = 0.5, 4
# Seconds. A first or last picture is a stray if it is further away from all others.
_ALONE = 10.0
# Seconds. No interruption of a match is longer, so a larger leap means that the clock started
# again. FFmpeg treats a step back by over a minute as an overflow of a 33-bit clock, and gives a
# leap of 26.5 hours.
_LONGEST_INTERRUPTION = 7200.0
# Seconds. After an inserted part, a clock continues if it is this close to its last time, or to the
# time that it would show if it had run meanwhile.
_SAME_CLOCK = 2.0
# Number of intervals that may exceed the usual interval: at most 3, or 1 in 100.
_EXCEPTIONS, _PER_INTERVALS = 3, 100
# Number of intervals before or after a picture whose majority shows a lower rate.
_ALIKE = 5
# A picture may replace this number of missing pictures, for at least and at most these seconds. It
# may always stay for this number of intervals.
_MISSING, _LEAST_STAY, _MOST_STAY, _USUAL_STAYS = 25, 1.0, 5.0, 3


# Largest distance, in packets, between a damaged packet and the packets that were lost with it.
_BESIDE = 3
# Next to a damaged packet, a longer interval (in usual intervals) means that pictures were lost.
_LOST_STAYS = 1.5


class Flags(NamedTuple):
    """Marks of packets in a container, in the order of the file.

    Attributes:
        keyframes: whether decoding can start at a packet.
        damaged: whether data is missing in a packet or before it.
    """

    keyframes: NDArray[np.bool_]
    damaged: NDArray[np.bool_]


@dataclass(frozen=True)
class Timeline:
    """The times at which a video's pictures are on screen.

    Attributes:
        start: stated time of the first picture, in seconds.
        duration: seconds from the start to the end of the last picture.
        strays: number of packets whose time is ignored.
        restarts: restarts of the clock, in the order of the file.
        gaps: (start, end) of each interval without a picture, in seconds after `start`.
    """

    start: float
    duration: float
    strays: int
    restarts: tuple[Restart, ...]
    gaps: tuple[tuple[float, float], ...]

    @property
    def shown(self) -> float:
        """Return the number of seconds with a picture."""
        return self.duration - sum(end - start for start, end in self.gaps)


def timeline(
    times: Times,
    may_leap: bool,
    last_stays: float,
    flags: Flags | None = None,
) -> Timeline:
    """Put the pictures of a video on one clock.

    Args:
        times: times of all video packets. At least one packet has a time.
        may_leap: whether the format allows the clock to start again (MPEG-TS and -PS). Then a leap
            by hours is no gap.
        last_stays: duration of the last picture in seconds, as far as known.
        flags: keyframe and damage flags of the packets, for formats in which missing pictures are
            lost data (MPEG-TS and -PS). None for formats in which an encoder may leave out
            pictures. With flags, a gap lasts until a keyframe, because the pictures before the
            keyframe depend on lost pictures.
    """
    believed = ~find_strays(times)
    places = np.flatnonzero(believed)
    clock = times[places]
    begins = [0, *_clock_changes(clock, may_leap), len(clock)]
    found: list[Restart] = []
    end = 0.0
    for begin, stop in pairwise(begins):
        part = clock[begin:stop]
        if begin:
            shift = end + _usual(part) - part.min()
            found.append(Restart(packet=int(places[begin]), shift=round(float(shift), 6)))
            part += found[-1].shift
        end = _last(part)
    shown = np.sort(clock)
    start, stays = float(shown[0]), _stays(shown)
    most = np.maximum(np.clip(_MISSING * stays, _LEAST_STAY, _MOST_STAY), _USUAL_STAYS * stays)
    gaps = np.flatnonzero(np.diff(shown) > most[:-1])
    end = float(shown[-1] + min(last_stays, most[-1]))
    spans = list(zip(shown[gaps] + stays[gaps], shown[gaps + 1], strict=True))
    if flags is not None:
        damaged, keyframes = flags.damaged[places], flags.keyframes[places]
        for resumed in (np.flatnonzero(clock >= time)[0] for time in shown[gaps + 1]):
            # A keyframe follows a pause. After a loss, any packet can follow, and the packet before
            # it can be incomplete.
            damaged[resumed - 1] |= not keyframes[resumed]
        spans += _losses(clock, np.flatnonzero(damaged), shown, stays)
        spans = _until_keyframes(spans, clock[keyframes], end)
    return Timeline(
        start=start,
        duration=end - start,
        strays=int(np.isfinite(times).sum() - len(places)),
        restarts=tuple(found),
        gaps=tuple((round(float(a - start), 6), round(float(b - start), 6)) for a, b in spans),
    )


def _losses(
    clock: Times, damaged: NDArray[np.intp], shown: Times, stays: Times
) -> list[tuple[float, float]]:
    """Return (start, end) of each interval that has no pictures and is next to a damaged packet."""
    found = []
    for place in damaged:
        near = clock[max(0, place - _BESIDE) : place + _BESIDE + 1]
        first, last = np.searchsorted(shown, [near.min(), near.max()])
        intervals = np.diff(shown[first : last + 1])
        missing = first + np.flatnonzero(intervals > _LOST_STAYS * stays[first:last])
        if len(missing):
            begin = shown[missing[0]] + stays[missing[0]]
            # The damaged picture may consist of halves of two pictures.
            found.append((min(begin, clock[place]), shown[missing[-1] + 1]))
    return found


def _until_keyframes(
    spans: list[tuple[float, float]], keyframes: Times, end: float
) -> list[tuple[float, float]]:
    """Extend each interval to the next keyframe, and join intervals that overlap afterwards.

    Args:
        spans: the intervals.
        keyframes: times of the keyframes.
        end: end of the video. Without a later keyframe, an interval lasts until here. If the video
            has only one keyframe, its encoder refreshes pictures gradually. Then intervals are not
            extended.
    """
    keys = np.append(np.sort(keyframes), end) if len(keyframes) > 1 else np.array([])
    joined: list[tuple[float, float]] = []
    for begin, resumed in sorted(spans):
        until = float(min(keys[keys >= resumed], default=resumed))
        if joined and begin <= joined[-1][1]:
            before = joined.pop()
            joined.append((before[0], max(before[1], until)))
        else:
            joined.append((begin, until))
    return joined


def find_strays(times: Times) -> NDArray[np.bool_]:
    """Return which packets have no credible time.

    They have no time, or one that does not fit their neighbours.
    """
    result = np.isnan(times)
    places = np.flatnonzero(~result)
    clock = times[places]
    if not len(clock):
        return result
    before, after = _medians(clock)
    # Without neighbours on one side, only a very distant time is a stray.
    before = np.where(np.isnan(before), after - _ALONE, before)
    after = np.where(np.isnan(after), before + _ALONE, after)
    far = np.maximum(_LEAST_STRAY, _STRAY_SPREADS * _spreads(clock))
    apart = (np.abs(clock - before) > far) & (np.abs(clock - after) > far)
    on_the_way = (before < clock) & (clock < after)
    result[places[apart & ~on_the_way]] = True
    return result


def _clock_changes(clock: Times, may_leap: bool) -> list[int]:
    """Return the indices of packets at which a new clock begins, without index 0."""
    before, after = _medians(clock)
    before, since = before[1:], after[:-1]
    least = max(_LEAST_BACK, _BACK_INTERVALS * _usual(clock))
    restarts = since < before - least
    if may_leap:
        restarts |= since > before + _LONGEST_INTERRUPTION
    # Without any leap, the medians before and after a place are some intervals apart.
    apart = max(least, 2 * _SAME_CLOCK) + (_NEIGHBOURS + 1) * _usual(clock)
    forward = ~restarts & (since > before + apart)
    return _with_insertions(clock, _leaps(clock, restarts), _leaps(clock, forward))


def _leaps(clock: Times, is_off: NDArray[np.bool_]) -> list[int]:
    """Return the places at which the clock leaps.

    Several places in a row can look like a leap. The largest step among them is the leap.
    """
    places = np.flatnonzero(is_off)
    steps = np.abs(np.diff(clock))
    runs = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1) if len(places) else []
    return [int(run[steps[run].argmax()]) + 1 for run in runs]


def _with_insertions(clock: Times, restarts: list[int], leaps: list[int]) -> list[int]:
    """Add the clock's leaps forward at both ends of an inserted part to the restarts."""
    found = set(restarts)
    places = sorted({*restarts, *leaps})
    close = max(_SAME_CLOCK, 2 * _usual(clock))
    open_ends: list[tuple[int, float, float]] = []  # place, last time before it, shown since
    for begin, place, end in zip([0, *places], places, [*places[1:], len(clock)], strict=False):
        part = clock[begin:place]
        lasts = float(np.ptp(part)) + _usual(part)
        open_ends = [(at, last, shown + lasts) for at, last, shown in open_ends]
        first = float(clock[place:end].min())
        for number, (at, last, shown) in reversed(list(enumerate(open_ends))):
            goes_on = min(abs(first - last), abs(first - last - shown)) <= close
            # Two leaps forward are two gaps, not an inserted part.
            if goes_on and not found.isdisjoint({at, place}):
                # Another inserted part may follow the first.
                found.update(each for each in places if at <= each <= place)
                del open_ends[number:]
                break
        else:
            open_ends.append((place, float(part.max()), 0.0))
    return sorted(found)


def _stays(shown: Times) -> Times:
    """Return the usual duration of pictures near each picture, in order of time, in seconds.

    It is the usual duration in the whole video, or in the neighbourhood if that is longer.
    """
    padded = np.pad(np.diff(shown), _ALIKE)
    around = np.median(sliding_window_view(padded, _ALIKE), axis=1)
    lower = np.maximum(around[: len(shown)], around[-len(shown) :])
    stays: Times = np.maximum(lower, _usual(shown))
    return stays


def _last(part: Times) -> float:
    """Return the time of the last picture between two restarts of the clock.

    In MPEG-PS, FFmpeg sometimes gives the same time to two pictures that share a packet. The times
    of the following pictures are then too early, until a packet states a time again.
    """
    shown = np.sort(part)
    intervals = np.diff(shown)
    usual = float(np.median(intervals)) if len(intervals) else 0.0
    late = float(shown[0]) + usual * len(intervals)
    repeated = usual * np.count_nonzero(intervals < usual / 2)
    return late if shown[-1] < late <= shown[-1] + 1.5 * repeated else float(shown[-1])


def _usual(clock: Times) -> float:
    """Return the duration that few pictures exceed, in seconds; 0 if there is one picture."""
    intervals = np.diff(np.sort(clock))
    if not len(intervals):
        return 0.0
    longer = min(len(intervals) - 1, max(_EXCEPTIONS, len(intervals) // _PER_INTERVALS))
    return float(np.partition(intervals, -longer - 1)[-longer - 1])


def _medians(clock: Times) -> tuple[Times, Times]:
    """Compute two medians for each time: of its neighbours before, and of those after it.

    A median is NaN if there are no such neighbours.
    """
    return _median_before(clock), _median_before(clock[::-1])[::-1]


def _median_before(clock: Times) -> Times:
    """Compute the median of the neighbours before each time."""
    padded = np.concatenate([np.full(_NEIGHBOURS, np.nan), clock[:-1]])
    # NaN is sorted to the end.
    windows = np.sort(sliding_window_view(padded, _NEIGHBOURS), axis=1)
    places = np.arange(len(clock))
    medians: Times = windows[places, np.clip(places - 1, 0, _NEIGHBOURS - 1) // 2]
    return medians


def _spreads(clock: Times) -> Times:
    """Compute how far the times before and after each time are spread (interquartile range).

    The smaller spread of the two sides counts, but never less than the median spread. At both
    ends, it is the median spread.
    """
    size = min(_NEIGHBOURS, len(clock))
    windows = np.sort(sliding_window_view(clock, size), axis=1)
    spreads = windows[:, 3 * size // 4] - windows[:, size // 4]
    padded = np.pad(spreads, size, constant_values=np.inf)
    calmer = np.minimum(padded[: len(clock)], padded[-len(clock) :])
    mostly = np.median(spreads)
    result: Times = np.where(np.isfinite(calmer), np.maximum(calmer, mostly), mostly)
    return result
