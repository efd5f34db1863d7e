"""When pictures are on screen, from the times that a file states for its packets.

What a file states is not always so: a damaged time lies hours off, recordings that were
joined or a recorder that was restarted let the clock start again, and what was not received
leaves a gap. Four plain rules find these. Each compares a packet with many others, so none
needs to know a frame rate:

- A stray is far from the pictures before it and from those after it, and not on the way from
  the ones to the others. It has no time.
- Where the pictures from one packet on are earlier than those before it, the clock has started
  again. What follows is shown after what was there before.
- Where a clock goes on as if another one had only been inserted (an advertisement), both changes
  are such starts, and no time is missing.
- A picture that stays for much longer than pictures of this video do was not meant to: others
  are missing. It counts for as long as pictures usually stay.

Times are seconds, as arrays in the order of the file, in which nothing (NaN) stands for a
packet without a time.
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

# Packets that one is compared with, on each side. Up to 7 strays in a row are no majority of
# them, and decoding order (at most 16 pictures late in H.264 and HEVC) does not disturb them.
_NEIGHBOURS = 15
# A stray that is less far off, or a clock that goes back by less, looks like decoding order: in
# seconds, or times the spread of the middle half of its neighbours or the usual interval.
_LEAST_STRAY, _STRAY_SPREADS = 1.0, 4
_LEAST_BACK, _BACK_INTERVALS = 0.5, 4
# A first or last picture is a stray if it is further than this from all others (seconds).
_ALONE = 10.0
# No interruption of a match is longer; where clocks may start again, a leap of more is one that
# did (seconds). FFmpeg takes a step back by over a minute for a 33-bit clock that came round, and
# gives a leap of 26.5 hours.
_LONGEST_INTERRUPTION = 7200.0
# A clock goes on after an inserted part if it is that close to where it was interrupted, or to
# where it would be if it had gone on meanwhile (seconds).
_SAME_CLOCK = 2.0
# Intervals that few are longer than are what is usual: at most 3, or 1 in 100.
_EXCEPTIONS, _PER_INTERVALS = 3, 100
# Most of so many intervals before a picture, or after it, show a lower rate there.
_ALIKE = 5
# A picture may stand in for so many missing ones, for so long at least and at most (seconds),
# but always stay for so many intervals.
_MISSING, _LEAST_STAY, _MOST_STAY, _USUAL_STAYS = 25, 1.0, 5.0, 3


# A damaged packet is so near, in the order of the file, to those that were lost with its rest.
_BESIDE = 3
# Next to a damaged packet, a longer interval (in usual ones) means that pictures were lost.
_LOST_STAYS = 1.5


class Flags(NamedTuple):
    """What a container says of its packets, in the order of the file.

    Attributes:
        keyframes: decoding can start at these.
        damaged: data is missing in these or before them.
    """

    keyframes: NDArray[np.bool_]
    damaged: NDArray[np.bool_]


@dataclass(frozen=True)
class Timeline:
    """When a video's pictures are on screen.

    Attributes:
        start: of the first picture, as the file states it.
        duration: from there to the end of the last picture.
        strays: packets whose time is left out.
        restarts: in the order of the file.
        gaps: (start, end) of the stretches without a picture, from `start` on.
    """

    start: float
    duration: float
    strays: int
    restarts: tuple[Restart, ...]
    gaps: tuple[tuple[float, float], ...]

    @property
    def shown(self) -> float:
        """Seconds with a picture."""
        return self.duration - sum(end - start for start, end in self.gaps)


def timeline(
    times: Times,
    may_leap: bool,
    last_stays: float,
    flags: Flags | None = None,
) -> Timeline:
    """Put the pictures of a video on one clock.

    Args:
        times: of all packets of pictures; at least one has a time.
        may_leap: the container's clock may start again by design (MPEG-TS and -PS), so a leap
            by hours is no gap.
        last_stays: how long the last picture is shown, as far as is known.
        flags: of the packets, where missing pictures were lost on the way (MPEG-TS and -PS) and
            not left out by the encoder. A gap then lasts until a keyframe, as the pictures before
            it depend on lost ones.
    """
    believed = ~strays(times)
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
            # After a pause comes a keyframe, after a loss anything, and half a picture before it.
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
    """Find where pictures are missing next to a damaged packet: (start, end) of each stretch."""
    found = []
    for place in damaged:
        near = clock[max(0, place - _BESIDE) : place + _BESIDE + 1]
        first, last = np.searchsorted(shown, [near.min(), near.max()])
        intervals = np.diff(shown[first : last + 1])
        missing = first + np.flatnonzero(intervals > _LOST_STAYS * stays[first:last])
        if len(missing):
            begin = shown[missing[0]] + stays[missing[0]]
            # The damaged picture may consist of halves of two.
            found.append((min(begin, clock[place]), shown[missing[-1] + 1]))
    return found


def _until_keyframes(
    spans: list[tuple[float, float]], keyframes: Times, end: float
) -> list[tuple[float, float]]:
    """Let each stretch last until the next keyframe, and join those that overlap then.

    Args:
        end: of the video. A stretch lasts until there if no keyframe follows, unless the first
            keyframe is the only one (the encoder refreshes pictures bit by bit).
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


def strays(times: Times) -> NDArray[np.bool_]:
    """Which packets have no time that can be believed: strays, and those without any."""
    result = np.isnan(times)
    places = np.flatnonzero(~result)
    clock = times[places]
    if not len(clock):
        return result
    before, after = _medians(clock)
    # Where there is nothing on one side, only what is very far is out of place there.
    before = np.where(np.isnan(before), after - _ALONE, before)
    after = np.where(np.isnan(after), before + _ALONE, after)
    far = np.maximum(_LEAST_STRAY, _STRAY_SPREADS * _spreads(clock))
    apart = (np.abs(clock - before) > far) & (np.abs(clock - after) > far)
    on_the_way = (before < clock) & (clock < after)
    result[places[apart & ~on_the_way]] = True
    return result


def _clock_changes(clock: Times, may_leap: bool) -> list[int]:
    """The places, none of them the first, at which another clock begins."""
    before, after = _medians(clock)
    before, since = before[1:], after[:-1]
    least = max(_LEAST_BACK, _BACK_INTERVALS * _usual(clock))
    restarts = since < before - least
    if may_leap:
        restarts |= since > before + _LONGEST_INTERRUPTION
    # The neighbours before and after a place are some intervals apart without any leap.
    apart = max(least, 2 * _SAME_CLOCK) + (_NEIGHBOURS + 1) * _usual(clock)
    forward = ~restarts & (since > before + apart)
    return _with_insertions(clock, _leaps(clock, restarts), _leaps(clock, forward))


def _leaps(clock: Times, is_off: NDArray[np.bool_]) -> list[int]:
    """The places at which the clock leaps.

    Some places in a row have other pictures before than after; the clock leaps at one.
    """
    places = np.flatnonzero(is_off)
    steps = np.abs(np.diff(clock))
    runs = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1) if len(places) else []
    return [int(run[steps[run].argmax()]) + 1 for run in runs]


def _with_insertions(clock: Times, restarts: list[int], leaps: list[int]) -> list[int]:
    """Add to the restarts the leaps forward that begin or end an inserted part."""
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
            # Two leaps forward are two gaps.
            if goes_on and not found.isdisjoint({at, place}):
                # Another inserted part may have followed the first.
                found.update(each for each in places if at <= each <= place)
                del open_ends[number:]
                break
        else:
            open_ends.append((place, float(part.max()), 0.0))
    return sorted(found)


def _stays(shown: Times) -> Times:
    """How long pictures in the order of time usually stay around each, seconds.

    As long as all of them do, or where the rate is lower for a while, as its neighbours do.
    """
    padded = np.pad(np.diff(shown), _ALIKE)
    around = np.median(sliding_window_view(padded, _ALIKE), axis=1)
    lower = np.maximum(around[: len(shown)], around[-len(shown) :])
    stays: Times = np.maximum(lower, _usual(shown))
    return stays


def _last(part: Times) -> float:
    """When the last picture is shown of those between two restarts of the clock.

    FFmpeg gives the pictures of an MPEG-PS that share a packet one time twice now and then, and
    those after them times that are early by as much, until a packet states a time again.
    """
    shown = np.sort(part)
    intervals = np.diff(shown)
    usual = float(np.median(intervals)) if len(intervals) else 0.0
    late = float(shown[0]) + usual * len(intervals)
    repeated = usual * np.count_nonzero(intervals < usual / 2)
    return late if shown[-1] < late <= shown[-1] + 1.5 * repeated else float(shown[-1])


def _usual(clock: Times) -> float:
    """How long pictures usually stay: few intervals are longer. 0 if there is one picture."""
    intervals = np.diff(np.sort(clock))
    if not len(intervals):
        return 0.0
    longer = min(len(intervals) - 1, max(_EXCEPTIONS, len(intervals) // _PER_INTERVALS))
    return float(np.partition(intervals, -longer - 1)[-longer - 1])


def _medians(clock: Times) -> tuple[Times, Times]:
    """Of each time, the median of its neighbours before it, and of those after it.

    NaN for the first, which has none before it, and for the last.
    """
    return _median_before(clock), _median_before(clock[::-1])[::-1]


def _median_before(clock: Times) -> Times:
    padded = np.concatenate([np.full(_NEIGHBOURS, np.nan), clock[:-1]])
    # What is NaN is sorted to the end.
    windows = np.sort(sliding_window_view(padded, _NEIGHBOURS), axis=1)
    places = np.arange(len(clock))
    medians: Times = windows[places, np.clip(places - 1, 0, _NEIGHBOURS - 1) // 2]
    return medians


def _spreads(clock: Times) -> Times:
    """Of each time, how far apart the middle half of its neighbours is: on the calmer side.

    At both ends, and of the steadiest parts, as much as it mostly is.
    """
    size = min(_NEIGHBOURS, len(clock))
    windows = np.sort(sliding_window_view(clock, size), axis=1)
    spreads = windows[:, 3 * size // 4] - windows[:, size // 4]
    padded = np.pad(spreads, size, constant_values=np.inf)
    calmer = np.minimum(padded[: len(clock)], padded[-len(clock) :])
    mostly = np.median(spreads)
    result: Times = np.where(np.isfinite(calmer), np.maximum(calmer, mostly), mostly)
    return result
