"""Spot events at moments where a class is more probable than on average over the match.

A language model prefers some answers regardless of its input. Therefore the mean of each class over
the match is subtracted, which needs no annotations. (arXiv:2405.18415 subtracts the answer to an
empty picture.)
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

# Lower log-odds are noise, because the model never gives such an answer.
_LEAST_ODDS = -20.0
# Least height of an event above its class's mean, in standard deviations of the class.
_DEVIATIONS = 2.0
# Decimal places of a nat. Rounding makes plateaus level, although their means have other sums.
_DIGITS = 9
# Least height of an event in nats. Lower peaks are rounding errors.
_LEAST_HEIGHT = 0.001
# Nats above the mean that raise the score from 1/2 to 0.73. Files and metrics need scores between 0
# and 1, and the logistic function keeps the order.
_SCALE = 5.0


@dataclass(frozen=True)
class Curves:
    """The evidence of each class at each moment, relative to its mean over the match.

    A moment is a stretch of time in which the set of windows stays the same.

    Attributes:
        starts: start of each moment in seconds, ascending, float [moments].
        heights: nats above the class's mean, float [moments, classes]; NaN if no window of the
            moment has evidence.
        by: numbers of the windows with evidence at each moment.
        odds: nats above the class's mean in each window, float [windows, classes].
    """

    starts: np.ndarray
    heights: np.ndarray
    by: list[list[int]]
    odds: np.ndarray


def evidence_curves(evidence: Evidence) -> Curves:
    """Compute the curves of a match.

    The height is the mean log-odds of the class in the windows at a moment, minus the mean of the
    class over the match.
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


def spot_events(evidence: Evidence, radius: float) -> list[Event]:
    """Return the peaks of each class's curve as events, by time.

    Args:
        evidence: evidence of the match.
        radius: merge radius in seconds. A peak within the radius of a higher event is dropped.
            Only peaks can drop other peaks, so a larger radius never gives more events.
    """
    curves = evidence_curves(evidence)
    events = [
        event
        for place, name in enumerate(evidence.classes)
        for event in _events(evidence, curves, place, name, radius)
    ]
    return sorted(events, key=attrgetter("time_s", "label"))


def peaks(heights: np.ndarray) -> np.ndarray:
    """Return the places of the local maxima, ascending. A plateau counts once, at its first place.

    Maxima at the beginning and at the end count.
    """
    if not len(heights):
        return np.array([], dtype=int)
    firsts = np.flatnonzero(np.diff(heights, prepend=np.inf))
    levels = np.concatenate([[-np.inf], heights[firsts], [-np.inf]])
    return firsts[(levels[1:-1] > levels[:-2]) & (levels[1:-1] > levels[2:])]


def _events(
    evidence: Evidence, curves: Curves, place: int, name: str, radius: float
) -> Iterator[Event]:
    """Yield the events of one class."""
    heights = curves.heights[:, place]
    seen = np.flatnonzero(~np.isnan(heights))
    if not len(seen):
        return
    # If one moment in five is higher, it is exactly two deviations above. Allow for rounding.
    least = max(_LEAST_HEIGHT, (1 - 1e-9) * _DEVIATIONS * float(heights[seen].std()))
    heights = heights[seen].round(_DIGITS)
    tops = peaks(heights)
    tops = tops[heights[tops] >= least]
    order = np.argsort(-heights[tops], kind="stable")
    kept_by = suppress(curves.starts[seen[tops]].tolist(), order.tolist(), radius)
    for number, top in enumerate(tops):
        if kept_by[number] == number:
            yield _event(evidence, curves, int(seen[top]), place, name)


def _event(evidence: Evidence, curves: Curves, moment: int, place: int, name: str) -> Event:
    """Return the event of a peak.

    Its time is the middle of the frames that all windows of the moment contain.
    """
    numbers = curves.by[moment]
    windows, odds = evidence.windows[numbers], curves.odds[numbers, place]
    best = int(np.argmax(odds))
    # Count the best window, and the other windows above the mean.
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
