"""Where in a video a model looked: "no events" and "not looked at" are different."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from touchline.core.intervals import Intervals, from_records, gaps, intersection, to_records, union
from touchline.core.records import UNANSWERED, Counts, Coverage, Manifest, WindowRecord
from touchline.inputs.videos import NOTHING_KNOWN, GameHalf

# A stretch counts as lost if it is this unlikely to be empty by chance, in a whole file...
_CHANCE = 1e-6
# ...and not shorter than this, because events come in bursts (seconds).
_SHORTEST_LOSS = 60.0
# Seconds that a half lasts at the least (SoccerNet's: 2,409 to 3,247). Predictions that
# get beyond the middle of that are of a half, not of a clip.
_SHORTEST_HALF = 2400.0


def looked_at(windows: Iterable[WindowRecord]) -> Intervals:
    """The stretches that at least one window with an answer shows."""
    return union(
        (window.start, window.end) for window in windows if window.status not in UNANSWERED
    )


def likely_lost(times: Sequence[float], duration: float, window: float = 0.0) -> Intervals:
    """The stretches without any item that are too long to be chance: likely lost slices.

    If n items fell anywhere alike, a given stretch of g seconds would be empty with a
    probability of exp(-n g / rest), the rest being the seconds outside it, and there are n
    places for such a stretch to begin. Real events come in bursts, so there is a least length,
    too, in seconds.

    Args:
        times: of the items of a predictions file, seconds, in any order.
        duration: of the video, seconds.
        window: how long the windows last that begin at these times, seconds.
    """
    edges = [-window, *sorted(times), duration]
    return tuple(
        (start, end)
        for start, end in ((before + window, after) for before, after in pairwise(edges))
        if (gap := end - start) >= _SHORTEST_LOSS
        and len(times) * gap > math.log(max(1, len(times)) / _CHANCE) * (duration - gap)
    )


def coverage_of_slices(
    manifest: Manifest, windows: Iterable[WindowRecord], counts: Counts
) -> Coverage:
    """What a model that ran looked at: what its windows show, where the video has pictures.

    Args:
        windows: of all slices of the video.
        counts: what became of their answers.
    """
    return _coverage(manifest, manifest.duration, counts, looked_at=looked_at(windows))


def coverage_of_given(
    times: Sequence[float],
    counts: Counts,
    manifest: Manifest | None,
    *,
    of: GameHalf = NOTHING_KNOWN,
    reached: float,
    window: float,
) -> Coverage:
    """What a model must have looked at whose answers about windows are given.

    Args:
        times: of the items of its predictions file, seconds.
        counts: what became of them.
        manifest: of the video; None without footage.
        of: says where halves begin in the video. What is outside them does not count.
        reached: how far any model's predictions of the video get, seconds. Without footage, that
            is all that is known of its length, and that a half lasts 40 minutes or more.
        window: how long the windows last that begin at these times, seconds.
    """
    duration = manifest.duration if manifest else _least_duration(reached)
    spans = of.spans(duration)
    lost = union(
        (span.start + start, span.start + end)
        for span in spans
        for start, end in likely_lost(
            [time - span.start for time in times if span.start <= time <= span.end],
            span.end - span.start,
            window,
        )
    )
    inside = union((span.start, span.end) for span in spans)
    seen = intersection(inside, gaps(lost, duration))
    return _coverage(manifest, duration, counts, looked_at=seen, lost=lost)


def coverage_of_spotter(
    times: Sequence[float], counts: Counts, manifest: Manifest | None, of: GameHalf
) -> Coverage:
    """What a trained spotter looked at: the whole of each half, however few events it predicts.

    Without footage the end is open (`looked_at_together` closes it), since labels and other models'
    events may follow the last prediction.

    Args:
        times: of its predictions, seconds.
        counts: what became of them.
        manifest: of the video; None without footage.
        of: says which half the video shows, or where each half begins in it.
    """
    kickoffs = [span.kickoff for span in of.spans(None) if span.half is not None]
    least = [kickoff + _SHORTEST_HALF for kickoff in kickoffs]
    duration = manifest.duration if manifest else _least_duration(*times, *least)
    inside = union((span.start, span.end) for span in of.spans(duration))
    coverage = _coverage(manifest, duration, counts, looked_at=inside)
    return coverage.model_copy(update={"has_open_end": manifest is None})


def looked_at_together(coverages: Sequence[Coverage], times: Iterable[float]) -> list[Intervals]:
    """Where each of some models looked in a video, all open ends closed at one time.

    Args:
        coverages: of each model.
        times: seconds, of all events that are to be set against each other: the models' and, if
            there are labels, the true ones. No open end is before the last of them.
    """
    ends = [one.end for each in coverages if each.has_open_end for one in each.looked_at]
    whole = union([(0.0, _least_duration(*ends, *times))])
    return [whole if each.has_open_end else from_records(each.looked_at) for each in coverages]


def _coverage(
    manifest: Manifest | None,
    duration: float,
    counts: Counts,
    *,
    looked_at: Intervals,
    lost: Intervals = (),
) -> Coverage:
    """The coverage of a model that looked at these stretches, where the video has pictures."""
    no_pictures = manifest.no_pictures if manifest else []
    shown = gaps(from_records(no_pictures), duration)
    return Coverage(
        duration=manifest.duration if manifest else None,
        clock_offset=manifest.clock_offset if manifest else 0.0,
        looked_at=to_records(intersection(shown, looked_at)),
        no_pictures=no_pictures,
        likely_lost=to_records(lost),
        counts=counts,
    )


def _least_duration(*times: float) -> float:
    """How long a video lasts at the least that reaches some times, seconds."""
    reached = max(times, default=0.0)
    return max(reached, _SHORTEST_HALF) if reached > _SHORTEST_HALF / 2 else reached
