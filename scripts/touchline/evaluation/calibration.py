"""Which of a model's events can be trusted: reliability of what it says, and recalibration."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from touchline.core.records import (
    Bin,
    CalibrationReport,
    Event,
    ProbabilityQuality,
    Recalibration,
    Reliability,
)
from touchline.errors import InputError
from touchline.evaluation.average_precision import Floats
from touchline.evaluation.outcomes import Half, annotated_classes, outcomes

_TENTHS = tuple(np.linspace(0, 1, 11))
_HITS = (1, 2, 3, 4, 6, 11, math.inf)
# Probabilities of 0 and 1 have no logit; what a model says is never surer than this.
_SUREST = 0.999


@dataclass(frozen=True, slots=True)
class Judged:
    """An event, the match it is of, and whether it is right."""

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
    """Compare what a model says of its events with what is right.

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
    said: list[float] = []
    learnt: list[float] = []
    for one in events:
        recalibration = without[one.game]
        if recalibration is not None and one.event.strength is not None:
            right.append(one.right)
            said.append(one.event.strength)
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
        as_said=_quality(said, right) if right else None,
        recalibrated=_quality(learnt, right) if right else None,
    )


def fit(events: Sequence[Judged]) -> Recalibration | None:
    """Learn the probability that an event is right; None if all are right, or none is.

    A logistic regression of confidence, score, n_hits and class, held back (L2) so that rare
    classes stay near the others.
    """
    from sklearn.linear_model import LogisticRegression

    right = [one.right for one in events]
    if all(right) or not any(right):
        return None
    classes = sorted({one.event.label for one in events})
    table = np.array(
        [[*_features(one.event), *(one.event.label == name for name in classes)] for one in events],
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


def probability(event: Event, by: Recalibration) -> float:
    """The probability that an event is right."""
    confidence, score, n_hits = _features(event)
    logit = by.intercept + by.confidence * confidence + by.score * score + by.n_hits * n_hits
    return 1 / (1 + math.exp(-logit - by.classes.get(event.label, 0.0)))


def recalibrated(events: Iterable[Event], report: CalibrationReport, game: str) -> list[Event]:
    """Events of a match, each scored with the probability that it is right.

    Args:
        game: if it has labels itself, what was learnt from the other matches is used.

    Raises:
        InputError: there is nothing to learn from.
    """
    by = report.without.get(game, report.from_all)
    if by is None:
        raise InputError(
            f"{report.model} cannot be calibrated for {game}: in the other matches with labels it "
            "has nothing right, or nothing wrong; add labels or set ensemble.calibrated: false."
        )
    return [replace(event, score=probability(event, by)) for event in events]


def _features(event: Event) -> tuple[float, float, float]:
    return _logit(event.confidence), _logit(event.score), math.log(event.n_hits)


def _logit(value: float | None) -> float:
    if value is None:
        return 0.0
    held = min(max(value, 1 - _SUREST), _SUREST)
    return math.log(held / (1 - held))


def _reliability(signal: str, said: Sequence[tuple[float | None, bool]]) -> Reliability:
    known = [(value, right) for value, right in said if value is not None]
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
    """The bins that any event falls into."""
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
    """Expected calibration error: |mean said - share right| of the bins, by their events."""
    bins = _bins(values, right, _TENTHS)
    return round(sum(b.events * abs(b.mean - b.right) for b in bins) / len(values), 4)


def _area(values: Floats, right: Floats) -> float | None:
    """Area under the ROC curve; None if all are right, or none is."""
    wins, losses = values[right == 1], np.sort(values[right == 0])
    if not len(wins) or not len(losses):
        return None
    below = np.searchsorted(losses, wins, side="left")
    level = np.searchsorted(losses, wins, side="right") - below
    return round(float((below + level / 2).sum() / (len(wins) * len(losses))), 4)


def _quality(said: Sequence[float], right: Sequence[bool]) -> ProbabilityQuality:
    values, truth = np.array(said), np.array(right, dtype=float)
    held = np.clip(values, 1 - _SUREST, _SUREST)
    loss = -np.where(truth == 1, np.log(held), np.log(1 - held))
    return ProbabilityQuality(
        brier=round(float(np.mean((values - truth) ** 2)), 4),
        log_loss=round(float(loss.mean()), 4),
        error=_error(values, truth),
    )
