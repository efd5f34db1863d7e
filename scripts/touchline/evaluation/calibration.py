"""Which of a model's events can be trusted: reliability, and learning a probability."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from touchline.core.records import (
    Bin,
    CalibrationReport,
    ClassTerms,
    Event,
    LearntQuality,
    ProbabilityQuality,
    Recalibration,
    Reliability,
)
from touchline.evaluation.average_precision import Floats
from touchline.evaluation.outcomes import Half, annotated_classes, by_class, where_looked
from touchline.evaluation.recalibration import SUREST, features, probability, rank_of
from touchline.matching import found

_TENTHS = tuple(np.linspace(0, 1, 11))
_HITS = (1, 2, 3, 4, 6, 11, math.inf)


# Fewer games than this say too little about nine features besides the score.
_GAMES_FOR_FEATURES = 4
_LEAST_SLOPE = 1e-3
# Standard deviations that are expected of a class's intercept, and of its slope's logarithm. Shares
# of right events differ by class from one half to one in a hundred; what a better context means
# differs less.
_INTERCEPTS, _LOG_SLOPES = 1.5, 0.25


@dataclass(frozen=True, slots=True)
class Judged:
    """An event, the game it is of, whether it is right, and what that is learnt from."""

    game: str
    event: Event
    right: bool
    rank: float
    features: dict[str, float]


def judged(
    halves: Sequence[Half], tolerance: float, classes: Collection[str] | None = None
) -> list[Judged]:
    """The predicted events of the annotated classes, where the model looked.

    Right is, for each true event, the best-scored event in reach (SoccerNet's pairing): with the
    nearest, a repeat beside the event that ranks first would be the right one.
    """
    names = {name: name for name in annotated_classes(halves, classes)}
    events = []
    for half in map(where_looked, halves):
        for of_class in by_class(half, names).values():
            right = found(
                [true.time_s for true in of_class.truth],
                [event.time_s for event in of_class.events],
                [event.worth for event in of_class.events],
                tolerance,
            )
            events += [
                Judged(
                    half.game,
                    event,
                    is_right,
                    rank_of(event),
                    features(event, half.others, tolerance),
                )
                for event, is_right in zip(of_class.events, right, strict=True)
            ]
    return events


def calibrate(
    halves: Sequence[Half], model: str, tolerance: float, classes: Collection[str] | None = None
) -> CalibrationReport:
    """Compare how sure a model is of its events with which of them are right.

    Args:
        tolerance: most seconds between a right event and the true one.
        classes: that are evaluated, if not all that are annotated.
    """
    events = judged(halves, tolerance, classes)
    games = sorted({half.game for half in halves})
    without = {
        game: fit([one for one in events if one.game != game]) if len(games) > 1 else None
        for game in games
    }
    learnt = [
        (one, probability(one.event, one.features, by))
        for one in events
        if (by := without[one.game]) is not None
    ]
    return CalibrationReport(
        model=model,
        tolerance=tolerance,
        events=len(events),
        right=sum(one.right for one in events),
        reliability=[
            _reliability("confidence", [(one.event.confidence, one.right) for one in events]),
            _reliability(
                "label_probability", [(one.event.label_probability, one.right) for one in events]
            ),
            _reliability("score", [(one.event.score, one.right) for one in events]),
            _reliability("n_hits", [(one.event.n_hits, one.right) for one in events]),
        ],
        from_all=fit(events),
        without=without,
        quality=[
            _learnt_quality(
                label, [each for each in learnt if label in (None, each[0].event.label)]
            )
            for label in [None, *sorted({one.event.label for one in events})]
        ],
    )


def fit(events: Sequence[Judged]) -> Recalibration | None:
    """Learn the probability that an event is right; None if all are right, or none is.

    By the score alone (`fit_scores`); with `fit_features` where there are several games and that
    predicts each part of them better from the rest.
    """
    right = [one.right for one in events]
    if all(right) or not any(right):
        return None
    games = [one.game for one in events]
    if len(set(games)) >= _GAMES_FOR_FEATURES:
        losses = {fit_scores: 0.0, fit_features: 0.0}
        for rest, part in GroupKFold(min(5, len(set(games)))).split(events, groups=games):
            for learn in losses:
                learnt = learn([events[i] for i in rest])
                losses[learn] += _loss(learnt, [events[i] for i in part])
        if losses[fit_features] < losses[fit_scores]:
            return fit_features(events)
    return fit_scores(events)


def fit_scores(events: Sequence[Judged]) -> Recalibration:
    """Learn it from the score, so that the order of a class's events stays.

    Platt scaling (Platt 1999) of each class: a logistic function of the score's logit. It has no
    steps within which events would tie, as an isotonic regression has. The fewer the events, the
    nearer it stays to the score as it is.
    """
    by_class: defaultdict[str, list[Judged]] = defaultdict(list)
    for one in events:
        by_class[one.event.label].append(one)
    return Recalibration(
        classes={label: _platt(these) for label, these in sorted(by_class.items())},
        other_classes=_platt(events),
        features={},
    )


def fit_features(events: Sequence[Judged]) -> Recalibration:
    """Learn it from what `fit_scores` learns and from what else is known of each event.

    A logistic regression, held back (L2), that is the same for all classes. It may change the order
    of a class's events.
    """
    by_score = fit_scores(events)
    names = list(events[0].features)
    table = [[_logit_of(one, by_score), *(one.features[name] for name in names)] for one in events]
    scaled = StandardScaler().fit(table)
    model = LogisticRegression(max_iter=1000)
    model.fit(scaled.transform(table), [one.right for one in events])
    of_logit, *weights = (float(weight) for weight in model.coef_[0] / scaled.scale_)
    base = float(model.intercept_[0] - (model.coef_[0] * scaled.mean_ / scaled.scale_).sum())

    def joined(terms: ClassTerms) -> ClassTerms:
        # Where the score adds nothing to the features, it still decides between equals.
        slope = max(_LEAST_SLOPE, of_logit * terms.slope)
        return ClassTerms(intercept=base + of_logit * terms.intercept, slope=slope)

    return Recalibration(
        classes={label: joined(terms) for label, terms in by_score.classes.items()},
        other_classes=joined(by_score.other_classes),
        features=dict(zip(names, weights, strict=True)),
    )


def _platt(events: Sequence[Judged]) -> ClassTerms:
    """Intercept and slope, the likeliest where normal distributions are expected of them.

    Of the intercept around 0, of the slope's logarithm around 0: the score as it is.
    """
    ranks = np.array([one.rank for one in events])
    signs = np.array([1.0 if one.right else -1.0 for one in events])

    def unlikelihood(terms: Floats) -> float:
        intercept, log_slope = terms
        losses = np.logaddexp(0.0, -signs * (intercept + np.exp(log_slope) * ranks))
        expected = (intercept / _INTERCEPTS) ** 2 + (log_slope / _LOG_SLOPES) ** 2
        return float(losses.sum() + expected / 2)

    intercept, log_slope = minimize(unlikelihood, np.zeros(2)).x
    return ClassTerms(intercept=round(float(intercept), 6), slope=round(math.exp(log_slope), 6))


def _logit_of(one: Judged, by: Recalibration) -> float:
    terms = by.classes[one.event.label]
    return terms.intercept + terms.slope * one.rank


def _loss(by: Recalibration, events: Sequence[Judged]) -> float:
    """The sum of the log losses of events."""
    learnt = [probability(one.event, one.features, by) for one in events]
    right = [one.right for one in events]
    return float(log_loss(right, learnt, labels=[0, 1], normalize=False))


def _learnt_quality(label: str | None, learnt: Sequence[tuple[Judged, float]]) -> LearntQuality:
    right = [one.right for one, _ in learnt]
    return LearntQuality(
        label=label,
        events=len(learnt),
        right=sum(right),
        as_scored=_quality([one.event.worth for one, _ in learnt], right) if learnt else None,
        recalibrated=_quality([each for _, each in learnt], right) if learnt else None,
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
