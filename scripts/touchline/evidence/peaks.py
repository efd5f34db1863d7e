"""Events from probabilities of windows: where a class is likelier than over the match.

A language model prefers some answers whatever it sees. What it gives a class on the average of a
match is taken off, which needs no labels (arXiv:2405.18415 does so with the answer to no picture).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from touchline.core.records import Event
from touchline.evidence.tables import Evidence
from touchline.matching import suppress

# Less is no evidence: of an answer that a model never gives, what is computed is noise.
_LEAST_ODDS = -20.0
# A peak is an event if it is so many standard deviations of its class above the class's mean.
_DEVIATIONS = 2.0
# Decimal places of a nat: plateaus are level to this, although their means are of other sums.
_DIGITS = 9
# And at least so many nats above it: less is how numbers were rounded, not what a model saw.
_LEAST_HEIGHT = 0.001
# So many nats above the mean make 0.73 of 1/2: a score between 0 and 1 is what files and metrics
# want, and the logistic function keeps the order.
_SCALE = 5.0


@dataclass(frozen=True)
class Curves:
    """How much likelier each class is at each moment than over the match.

    A moment is a stretch that the same windows show.

    Attributes:
        starts: of the moments, seconds, ascending, float [moments].
        heights: nats above the class's mean, float [moments, classes]; NaN where no window that
            shows the moment was weighed.
        by: the numbers of those windows, by moment.
        odds: of each window, nats above the mean, float [windows, classes].
    """

    starts: np.ndarray
    heights: np.ndarray
    by: list[list[int]]
    odds: np.ndarray


def curves_of(evidence: Evidence) -> Curves:
    """The curves of a match.

    The height is the mean of the log-odds of the class in the windows that show the moment, less
    the mean of the class over the match.
    """
    weighed = evidence.weighed
    odds = np.full((len(evidence.windows), len(evidence.classes)), np.nan)
    odds[weighed] = np.maximum(evidence.log_odds, _LEAST_ODDS)
    if weighed.any():
        odds -= odds[weighed].mean(axis=0)
    begins, ends = evidence.windows[:, 0], evidence.windows[:, 1]
    starts = np.unique(evidence.windows[:, :2])[:-1]
    by = [
        np.flatnonzero((begins <= moment) & (moment < ends) & weighed).tolist() for moment in starts
    ]
    heights = np.array(
        [odds[some].mean(axis=0) if some else np.full(odds.shape[1], np.nan) for some in by]
    ).reshape(len(by), odds.shape[1])
    return Curves(starts, heights, by, odds)


def spot_events(evidence: Evidence, window: float) -> list[Event]:
    """The peaks of each class's curve, sorted by time.

    Args:
        window: seconds; a peak this near to a higher one that is an event is no event itself.
            Slopes are no peaks and drop none, so a longer window never makes more events.
    """
    curves = curves_of(evidence)
    events = [
        event
        for place, name in enumerate(evidence.classes)
        for event in _events(evidence, curves, place, name, window)
    ]
    return sorted(events, key=attrgetter("time_s", "label"))


def peaks(heights: np.ndarray) -> np.ndarray:
    """Return the places of the local maxima, ascending; of a plateau the first place.

    A maximum at the beginning or the end counts.
    """
    if not len(heights):
        return np.array([], dtype=int)
    firsts = np.flatnonzero(np.diff(heights, prepend=np.inf))
    levels = np.concatenate([[-np.inf], heights[firsts], [-np.inf]])
    return firsts[(levels[1:-1] > levels[:-2]) & (levels[1:-1] > levels[2:])]


def _events(
    evidence: Evidence, curves: Curves, place: int, name: str, window: float
) -> Iterator[Event]:
    heights = curves.heights[:, place]
    seen = np.flatnonzero(~np.isnan(heights))
    if not len(seen):
        return
    # One moment in five that is higher is two deviations above, but for the last digits.
    least = max(_LEAST_HEIGHT, (1 - 1e-9) * _DEVIATIONS * float(heights[seen].std()))
    heights = heights[seen].round(_DIGITS)
    tops = peaks(heights)
    tops = tops[heights[tops] >= least]
    order = np.argsort(-heights[tops], kind="stable")
    kept_by = suppress(curves.starts[seen[tops]].tolist(), order.tolist(), window)
    for number, top in enumerate(tops):
        if kept_by[number] == number:
            yield _event(evidence, curves, int(seen[top]), place, name)


def _event(evidence: Evidence, curves: Curves, moment: int, place: int, name: str) -> Event:
    """The event of a peak: in the middle of the frames that all windows of the moment show."""
    numbers = curves.by[moment]
    windows, odds = evidence.windows[numbers], curves.odds[numbers, place]
    best = int(np.argmax(odds))
    # Of the others those that speak for it.
    hits = [n for n in range(len(numbers)) if n == best or odds[n] > 0]
    starts = windows[hits, 0]
    weight = float(evidence.weights[numbers[best], place])
    return Event(
        time_s=round(float(windows[:, 2].max() + windows[:, 3].min()) / 2, 3),
        label=name,
        known=True,
        team=None,
        confidence=None,
        label_probability=round(min(1.0, math.exp(weight)), 6),
        n_hits=len(hits),
        window_s=float(windows[best, 0]),
        first_s=float(starts.min()),
        last_s=float(starts.max()),
        score=round(1 / (1 + math.exp(-float(curves.heights[moment, place]) / _SCALE)), 6),
        score_kind=evidence.kind,
    )
