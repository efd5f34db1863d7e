"""Which of a model's events can be trusted: reliability, and learning a probability."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from touchline.core.records import (
    Bin,
    CalibrationReport,
    Event,
    ProbabilityQuality,
    Recalibration,
    Reliability,
)
from touchline.evaluation.average_precision import Floats
from touchline.evaluation.outcomes import Half, annotated_classes, outcomes
from touchline.evaluation.recalibration import SUREST, features, probability

_TENTHS = tuple(np.linspace(0, 1, 11))
_HITS = (1, 2, 3, 4, 6, 11, math.inf)


@dataclass(frozen=True, slots=True)
class Judged:
    """An event, the game it is of, and whether it is right."""

    game: str
    event: Event
    right: bool


def judged(halves: Sequence[Half], tolerance: float) -> list[Judged]:
    """The predicted events of the annotated classes, where the model looked."""
    games = {half.video: half.game for half in halves}
    return [
        Judged(games[one.video], one.event, one.true is not None)
        for one in outcomes(halves, annotated_classes(halves), tolerance)
        if one.event is not None
    ]


def calibrate(halves: Sequence[Half], model: str, tolerance: float) -> CalibrationReport:
    """Compare how sure a model is of its events with which of them are right.

    Args:
        tolerance: most seconds between a right event and the true one.
    """
    events = judged(halves, tolerance)
    games = sorted({half.game for half in halves})
    without = {
        game: fit([one for one in events if one.game != game]) if len(games) > 1 else None
        for game in games
    }
    right: list[bool] = []
    stated: list[float] = []
    learnt: list[float] = []
    for one in events:
        recalibration = without[one.game]
        if recalibration is not None and one.event.strength is not None:
            right.append(one.right)
            stated.append(one.event.strength)
            learnt.append(probability(one.event, recalibration))
    return CalibrationReport(
        model=model,
        tolerance=tolerance,
        events=len(events),
        right=sum(one.right for one in events),
        reliability=[
            _reliability("confidence", [(one.event.confidence, one.right) for one in events]),
            _reliability("score", [(one.event.score, one.right) for one in events]),
            _reliability("n_hits", [(one.event.n_hits, one.right) for one in events]),
        ],
        from_all=fit(events),
        without=without,
        as_said=_quality(stated, right) if right else None,
        recalibrated=_quality(learnt, right) if right else None,
    )


def fit(events: Sequence[Judged]) -> Recalibration | None:
    """Learn the probability that an event is right; None if all are right, or none is.

    A logistic regression of confidence, score, n_hits and class, held back (L2) so that rare
    classes stay near the others.
    """
    right = [one.right for one in events]
    if all(right) or not any(right):
        return None
    classes = sorted({one.event.label for one in events})
    table = np.array(
        [[*features(one.event), *(one.event.label == name for name in classes)] for one in events],
        dtype=float,
    )
    model = LogisticRegression(C=1.0, max_iter=1000).fit(table, right)
    confidence, score, n_hits, *of_classes = (round(float(c), 6) for c in model.coef_[0])
    return Recalibration(
        intercept=round(float(model.intercept_[0]), 6),
        confidence=confidence,
        score=score,
        n_hits=n_hits,
        classes=dict(zip(classes, of_classes, strict=True)),
    )


def _reliability(signal: str, stated: Sequence[tuple[float | None, bool]]) -> Reliability:
    known = [(value, right) for value, right in stated if value is not None]
    values = np.array([value for value, _ in known])
    right = np.array([right for _, right in known], dtype=float)
    edges = _HITS if signal == "n_hits" else _TENTHS
    return Reliability.model_validate(
        {
            "signal": signal,
            "events": len(known),
            "bins": _bins(values, right, edges),
            "error": _error(values, right) if known and signal != "n_hits" else None,
            "area": _area(values, right),
        }
    )


def _bins(values: Floats, right: Floats, edges: Sequence[float]) -> list[Bin]:
    """The bins that any event falls into.

    Not scikit-learn's calibration_curve: its bins have no counts and are closed on the right, where
    a stated 0.9, the most frequent confidence, would stand with what is from 0.8 on.
    """
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return [
        Bin(
            low=float(edges[number]),
            high=None if math.isinf(edges[number + 1]) else float(edges[number + 1]),
            events=int(here.sum()),
            mean=round(float(values[here].mean()), 4),
            right=round(float(right[here].mean()), 4),
        )
        for number in range(len(edges) - 1)
        if (here := place == number).any()
    ]


def _error(values: Floats, right: Floats) -> float:
    """Expected calibration error: |mean stated - share right| of the bins, by their events."""
    bins = _bins(values, right, _TENTHS)
    return round(sum(b.events * abs(b.mean - b.right) for b in bins) / len(values), 4)


def _area(values: Floats, right: Floats) -> float | None:
    """Area under the ROC curve; None if all are right, or none is."""
    return round(float(roc_auc_score(right, values)), 4) if 0 < right.sum() < len(right) else None


def _quality(stated: Sequence[float], right: Sequence[bool]) -> ProbabilityQuality:
    values, truth = np.array(stated), np.array(right, dtype=float)
    held = np.clip(values, 1 - SUREST, SUREST)
    # All can be right, or none; scikit-learn would take that for a mistake.
    labels = [0, 1]
    return ProbabilityQuality(
        brier=round(float(brier_score_loss(truth, values, labels=labels)), 4),
        log_loss=round(float(log_loss(truth, held, labels=labels)), 4),
        error=_error(values, truth),
    )
