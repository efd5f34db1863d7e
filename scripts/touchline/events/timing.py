"""Estimation of an event's time from the windows that predicted it."""

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
    """Estimate the time of each event from all overlapping windows that predicted it.

    Windows overlap, and every window that shows a moment can predict the event. So the estimate is
    a weighted mean of the windows' middles. It uses the windows that predicted the event and
    overlap the window of the best hit. The weight of a window is the ranking score of its hit. For
    two windows, the estimate is the middle of their common part. If more than two windows in a row
    predict an event, the later ones only show the time after it.

    Args:
        events: merged events. Their time is the start of the window of their best hit.
        hits: the hits that became these events.
        windows: start, end and frame times of each window with a hit, in seconds.
    """
    ends, middles = {}, {}
    for start, end, frames in windows:
        ends[start] = end
        middles[start] = (frames[0] + frames[-1]) / 2 if frames else start
    worth_at: defaultdict[str, dict[float, float]] = defaultdict(dict)
    for hit in hits:
        of_label = worth_at[hit.label]
        of_label[hit.window_s] = max(hit.ranking_score, of_label.get(hit.window_s, 0.0))
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
        time = math.fsum(score * middles[start] for score, start in shares) / total
        located.append(replace(event, time_s=round(time, 3)))
    return located
