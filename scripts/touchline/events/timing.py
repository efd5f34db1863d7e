"""When an event happened: the best estimate from the windows that predicted it."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from touchline.core.intervals import SAME_TIME
from touchline.core.records import Event


@dataclass(frozen=True, slots=True)
class Shown:
    """What a window shows, seconds: where it ends, the middle between its first and last frame."""

    end: float
    middle: float


def shown_in(windows: Iterable[tuple[float, float, Sequence[float]]]) -> dict[float, Shown]:
    """What windows show, by their start.

    Args:
        windows: start and end of each, and the times of its frames, all in seconds.
    """
    return {
        start: Shown(end, (times[0] + times[-1]) / 2 if times else start)
        for start, end, times in windows
    }


def locate(
    events: Iterable[Event], hits: Iterable[Event], shown: Mapping[float, Shown]
) -> list[Event]:
    """Estimate when each event happened, instead of when the window that is kept of it starts.

    What happens in a moment is seen by all windows that show the moment, and they overlap. So the
    estimate is the mean of the middles of what they show: of the windows that predicted the event,
    those that overlap the one that is kept, each weighted by the worth of its hit. For two windows
    that is the middle of what both show. Of a longer run the later windows only show what follows.

    Args:
        events: merged; the time of each is the start of the window that is kept.
        hits: that the events were merged from.
        shown: what each hit's window shows, by its start.
    """
    worth_at: defaultdict[str, dict[float, float]] = defaultdict(dict)
    for hit in hits:
        of_label = worth_at[hit.label]
        of_label[hit.window_s] = max(hit.worth, of_label.get(hit.window_s, 0.0))
    starts_of = {label: sorted(of_label) for label, of_label in worth_at.items()}
    located = []
    for event in events:
        starts = starts_of[event.label]
        first = bisect_left(starts, event.first_s)
        last = bisect_right(starts, event.last_s)
        kept = shown[event.window_s]
        overlapping = [
            start
            for start in starts[first:last]
            if start < kept.end - SAME_TIME and event.window_s < shown[start].end - SAME_TIME
        ]
        worths = [worth_at[event.label][start] for start in overlapping]
        total = math.fsum(worths)
        if not total:
            worths, total = [1.0] * len(overlapping), float(len(overlapping))
        middles = (shown[start].middle for start in overlapping)
        time = math.fsum(w * middle for w, middle in zip(worths, middles, strict=True)) / total
        located.append(replace(event, time_s=round(time, 3)))
    return located
