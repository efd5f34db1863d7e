"""The intervals of a video that a model looked at.

"No events" and "not looked at" are different results.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from touchline.core.intervals import Intervals, from_records, gaps, intersection, to_records, union
from touchline.core.records import UNANSWERED, Counts, Coverage, Manifest, WindowRecord
from touchline.inputs.videos import NOTHING_KNOWN, GameHalf

# Largest probability, per file, that a lost interval is empty by chance.
_CHANCE = 1e-6
# Seconds. Events come in bursts, so shorter intervals do not count as lost.
_SHORTEST_LOSS = 60.0
# Seconds. Halves in SoccerNet last 2,409 to 3,247 s. Predictions beyond the middle of this length
# belong to a half, not to a clip.
_SHORTEST_HALF = 2400.0


def looked_at(windows: Iterable[WindowRecord]) -> Intervals:
    """Return the intervals that at least one window with an answer shows."""
    return union(
        (window.start, window.end) for window in windows if window.status not in UNANSWERED
    )


def likely_lost(times: Sequence[float], duration: float, window: float = 0.0) -> Intervals:
    """Return the empty intervals that are too long to be chance: likely lost slices.

    If n items were spread evenly, an interval of g seconds would be empty with a probability of
    exp(-n g / rest). Here, rest is the number of seconds outside the interval, and the interval can
    begin at n places. Real events come in bursts, so an interval must also have a minimum length.

    Args:
        times: times of the items of a predictions file in any order, in seconds.
        duration: duration of the video, in seconds.
        window: length of the windows that begin at these times, in seconds.
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
    """Return the coverage of a model that ran here.

    The coverage consists of the windows with an answer, without the intervals that have no picture.

    Args:
        manifest: manifest of the video.
        windows: windows of all slices of the video.
        counts: counts of the answers.
    """
    return _coverage(manifest, manifest.duration, counts, looked_at=looked_at(windows))


def coverage_of_given(
    times: Sequence[float],
    counts: Counts,
    manifest: Manifest | None,
    *,
    game_half: GameHalf = NOTHING_KNOWN,
    reached: float,
    window: float,
) -> Coverage:
    """Estimate the coverage of a model from given answers about windows.

    Args:
        times: times of the items of the model's predictions file, in seconds.
        counts: number of items and events in the file.
        manifest: manifest of the video; None without footage.
        game_half: says where halves begin in the video. Only time inside the halves counts.
        reached: end of the predictions of all models for this video, in seconds. Without footage,
            the duration is estimated from this end and from the shortest length of a half (40
            minutes).
        window: length of the windows that begin at these times, in seconds.
    """
    duration = manifest.duration if manifest else _least_duration(reached)
    spans = game_half.spans(duration)
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
    times: Sequence[float], counts: Counts, manifest: Manifest | None, game_half: GameHalf
) -> Coverage:
    """Return the coverage of a trained spotter: all of each half, even if it predicts few events.

    Without footage the end is open, because annotations and other models' events may follow the
    last prediction. `close_open_ends` sets the end.

    Args:
        times: times of the spotter's predictions, in seconds.
        counts: counts of the predictions.
        manifest: manifest of the video; None without footage.
        game_half: says which half the video shows, or where each half begins in the video.
    """
    kickoffs = [span.kickoff for span in game_half.spans(None) if span.half is not None]
    least = [kickoff + _SHORTEST_HALF for kickoff in kickoffs]
    duration = manifest.duration if manifest else _least_duration(*times, *least)
    inside = union((span.start, span.end) for span in game_half.spans(duration))
    coverage = _coverage(manifest, duration, counts, looked_at=inside)
    return coverage.model_copy(update={"has_open_end": manifest is None})


def close_open_ends(coverages: Sequence[Coverage], times: Iterable[float]) -> list[Intervals]:
    """Return the intervals that each model looked at. All open ends get the same end time.

    Args:
        coverages: the coverage of each model.
        times: times of all events that are compared, in seconds: the models' events and, if known,
            the true events. The end time is never before the last of these.
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
    """Build a coverage from looked-at intervals, without the intervals that have no picture."""
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
    """Return the shortest possible duration of a video with these coverage times, in seconds."""
    reached = max(times, default=0.0)
    return max(reached, _SHORTEST_HALF) if reached > _SHORTEST_HALF / 2 else reached
