"""When an event happened: the best estimate from the windows that predicted it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from touchline.core.intervals import SAME_TIME
from touchline.core.records import Event


def locate(
    events: Iterable[Event],
    hits: Iterable[Event],
    windows: Iterable[tuple[float, float, Sequence[float]]],
) -> list[Event]:
    """Estimate when each event happened, instead of when the window that is kept of it starts.

    What happens in a moment is seen by all windows that show the moment, and they overlap. So the
    estimate is the mean of the middles of what they show: of the windows that predicted the event,
    those that overlap the one that is kept, each weighted by the worth of its hit. For two windows
    that is the middle of what both show. Of a longer run the later windows only show what follows.

    Args:
        events: merged; the time of each is the start of the window that is kept.
        hits: that the events were merged from.
        windows: that the hits are from: start and end of each, and the times of its frames, all in
            seconds.
    """
    ends, middles = {}, {}
    for start, end, frames in windows:
        ends[start] = end
        middles[start] = (frames[0] + frames[-1]) / 2 if frames else start
    worth_at: defaultdict[str, dict[float, float]] = defaultdict(dict)
    for hit in hits:
        of_label = worth_at[hit.label]
        of_label[hit.window_s] = max(hit.worth, of_label.get(hit.window_s, 0.0))
    located = []
    for event in events:
        overlapping = [
            start
            for start in worth_at[event.label]
            if event.first_s <= start <= event.last_s
            and start < ends[event.window_s] - SAME_TIME
            and event.window_s < ends[start] - SAME_TIME
        ]
        worths = [worth_at[event.label][start] for start in overlapping]
        total = math.fsum(worths)
        if not total:
            worths, total = [1.0] * len(overlapping), float(len(overlapping))
        shares = zip(worths, overlapping, strict=True)
        time = math.fsum(worth * middles[start] for worth, start in shares) / total
        located.append(replace(event, time_s=round(time, 3)))
    return located
