"""Measure the reliability of a model's scores, and learn probabilities from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import groupby
from operator import attrgetter

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from touchline.evaluation.average_precision import Floats
from touchline.evaluation.learnt_gain import (
    JudgedEvent,
    JudgedHalf,
    Scores,
    improved_classes,
    list_gains,
)
from touchline.evaluation.outcomes import Half, annotated_classes, by_class, restrict_to_coverage
from touchline.evaluation.recalibration import SUREST, features, probability, score_logit
from touchline.evaluation.records import (
    LEAST_GAMES,
    Bin,
    CalibrationReport,
    ClassTerms,
    LearntQuality,
    ProbabilityQuality,
    Recalibration,
    Reliability,
)
from touchline.matching import true_positives

# Exact decimal fractions, so that the value 0.3 falls into the bin that starts at 0.3.
_TENTHS = tuple(tenth / 10 for tenth in range(11))
_HITS = (1, 2, 3, 4, 6, 11, math.inf)


_LEAST_SLOPE = 1e-3
# Prior standard deviations of a class's intercept, and of the logarithm of its slope. The share of
# right events varies from 1/2 to 1/100 between classes. The effect of the context varies less.
_INTERCEPTS, _LOG_SLOPES = 1.5, 0.25


def judge_events(
    halves: Sequence[Half], tolerance: float, classes: Collection[str] | None = None
) -> list[JudgedHalf]:
    """Judge the predicted events of annotated classes, in the stretches that the model looked at.

    For each true event, the predicted event with the highest score within the tolerance counts as
    right (SoccerNet's rule). If the nearest event were right instead, a duplicate could win over
    the event that ranks first.
    """
    names = {name: name for name in annotated_classes(halves, classes)}
    found_in = []
    for half in map(restrict_to_coverage, halves):
        truth, events = {}, {}
        for label, (true, predicted) in by_class(half, names).items():
            if true:
                truth[label] = [one.time_s for one in true]
            right = true_positives(
                truth.get(label, ()),
                [event.time_s for event in predicted],
                [event.ranking_score for event in predicted],
                tolerance,
            )
            events[label] = [
                JudgedEvent(half.game, event, is_right, features(event, half.others, tolerance))
                for event, is_right in zip(predicted, right, strict=True)
            ]
        found_in.append(JudgedHalf(half.game, truth, events))
    return found_in


def calibrate(
    halves: Sequence[Half], model: str, tolerance: float, classes: Collection[str] | None = None
) -> CalibrationReport:
    """Compare a model's scores with the share of its events that are right.

    Args:
        halves: halves with predicted and true events.
        model: name of the model.
        tolerance: largest distance between a right event and its annotation, in seconds.
        classes: classes to evaluate; None for all annotated classes.
    """
    in_halves = judge_events(halves, tolerance, classes)
    events = _events(in_halves)
    games = sorted({half.game for half in halves})
    without = {
        game: fit([half for half in in_halves if half.game != game], tolerance) for game in games
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
            _reliability(signal, [(getattr(one.event, signal), one.right) for one in events])
            for signal in ("confidence", "label_probability", "score", "n_hits")
        ],
        from_all=fit(in_halves, tolerance),
        without=without,
        quality=[
            _learnt_quality(
                label, [each for each in learnt if label in (None, each[0].event.label)]
            )
            for label in [None, *sorted({one.event.label for one in events})]
        ],
    )


def fit(halves: Sequence[JudgedHalf], tolerance: float) -> Recalibration | None:
    """Learn the probability that an event is right.

    By default, only the score is used (`fit_scores`). Other features are used for the classes whose
    ranking they improve in cross-validation by game (`fit_features`).

    Returns:
        The learnt function, or None if all events are right or all are false.
    """
    events = _events(halves)
    if not _is_mixed(events):
        return None
    by = fit_scores(events)
    likely = _cross_validated(halves, fit_scores)
    if likely is None:
        return by
    with_features = _cross_validated(halves, fit_features)
    better = improved_classes(halves, with_features, tolerance) if with_features else set()
    if with_features and better and (by_features := fit_features(events)):
        classes = by.classes | {label: by_features.classes[label] for label in better}
        by = by.model_copy(update={"classes": classes, "features": by_features.features})
        likely = [
            {label: (new if label in better else old)[label] for label in old}
            for old, new in zip(likely, with_features, strict=True)
        ]
    return by.model_copy(update={"list_gains": list_gains(halves, likely, tolerance)})


def _cross_validated(
    halves: Sequence[JudgedHalf], learn: Callable[[Sequence[JudgedEvent]], Recalibration | None]
) -> list[Scores] | None:
    """Compute the probability of each event, learnt without the event's own game.

    Returns:
        The probabilities, or None if there are too few games or some training games have nothing to
        learn from.
    """
    games = [half.game for half in halves]
    if len(set(games)) < LEAST_GAMES:
        return None
    learnt: dict[int, Scores] = {}
    for rest, part in GroupKFold(min(5, len(set(games)))).split(halves, groups=games):
        events = _events([halves[i] for i in rest])
        by = learn(events) if events else None
        if by is None:
            return None
        for i in part:
            learnt[i] = {
                label: [probability(one.event, one.features, by) for one in mine]
                for label, mine in halves[i].events.items()
            }
    return [learnt[i] for i in range(len(halves))]


def fit_scores(events: Sequence[JudgedEvent]) -> Recalibration:
    """Learn the probability from the score alone, which keeps the order of a class's events.

    This is Platt scaling (Platt 1999) per class: a logistic function of the score's logit. Unlike
    isotonic regression, it has no steps that would give events with different scores the same
    probability. With few events, it stays close to the score itself.
    """
    label_of = attrgetter("event.label")
    by_class = groupby(sorted(events, key=label_of), key=label_of)
    return Recalibration(
        classes={label: _platt(list(these)) for label, these in by_class},
        other_classes=_platt(events),
        features={},
    )


def fit_features(events: Sequence[JudgedEvent]) -> Recalibration | None:
    """Learn the probability from the result of `fit_scores` and from the events' other features.

    This is a logistic regression with L2 regularization, shared by all classes. It may change the
    order of a class's events.

    Returns:
        The learnt function, or None if all events are right or all are false.
    """
    if not _is_mixed(events):
        return None
    by_score = fit_scores(events)
    names = list(events[0].features)
    table = [
        [_event_logit(one, by_score), *(one.features[name] for name in names)] for one in events
    ]
    scaled = StandardScaler().fit(table)
    model = LogisticRegression(max_iter=1000)
    model.fit(scaled.transform(table), [one.right for one in events])
    of_logit, *weights = (float(weight) for weight in model.coef_[0] / scaled.scale_)
    base = float(model.intercept_[0] - (model.coef_[0] * scaled.mean_ / scaled.scale_).sum())

    def with_features(terms: ClassTerms) -> ClassTerms:
        # Even if the score adds nothing to the features, it breaks ties.
        """Return the terms of a class with the features' weights."""
        slope = max(_LEAST_SLOPE, of_logit * terms.slope)
        intercept = base + of_logit * terms.intercept
        return ClassTerms(intercept=intercept, slope=slope, uses_features=True)

    return Recalibration(
        classes={label: with_features(terms) for label, terms in by_score.classes.items()},
        other_classes=by_score.other_classes,
        features=dict(zip(names, weights, strict=True)),
    )


def _events(halves: Iterable[JudgedHalf]) -> list[JudgedEvent]:
    """Return the events of all halves, each judged right or false."""
    return [one for half in halves for mine in half.events.values() for one in mine]


def _is_mixed(events: Sequence[JudgedEvent]) -> bool:
    """Return whether some events are right and some are false."""
    return len({one.right for one in events}) == 2


def _platt(events: Sequence[JudgedEvent]) -> ClassTerms:
    """Fit intercept and slope with normal priors on both.

    The priors are centred on the score itself: intercept 0, and logarithm of the slope 0.
    """
    ranks = np.array([score_logit(one.event) for one in events])
    signs = np.array([1.0 if one.right else -1.0 for one in events])

    def unlikelihood(terms: Floats) -> tuple[float, Floats]:
        """Return the negative log posterior and its gradient."""
        intercept, log_slope = terms
        slope = np.exp(log_slope)
        margins = signs * (intercept + slope * ranks)
        expected = (intercept / _INTERCEPTS) ** 2 + (log_slope / _LOG_SLOPES) ** 2
        per_logit = -signs * expit(-margins)
        gradient = [
            per_logit.sum() + intercept / _INTERCEPTS**2,
            slope * (per_logit * ranks).sum() + log_slope / _LOG_SLOPES**2,
        ]
        return float(np.logaddexp(0.0, -margins).sum() + expected / 2), np.array(gradient)

    intercept, log_slope = minimize(unlikelihood, np.zeros(2), jac=True).x
    return ClassTerms(intercept=round(float(intercept), 6), slope=round(math.exp(log_slope), 6))


def _event_logit(one: JudgedEvent, by: Recalibration) -> float:
    """Return the logit of an event's probability, learnt from its score."""
    terms = by.classes[one.event.label]
    return terms.intercept + terms.slope * score_logit(one.event)


def _learnt_quality(
    label: str | None, learnt: Sequence[tuple[JudgedEvent, float]]
) -> LearntQuality:
    """Compare the quality of scores and learnt probabilities."""
    right = [one.right for one, _ in learnt]
    return LearntQuality(
        label=label,
        events=len(learnt),
        right=sum(right),
        as_scored=_quality([one.event.ranking_score for one, _ in learnt], right)
        if learnt
        else None,
        recalibrated=_quality([each for _, each in learnt], right) if learnt else None,
    )


def _reliability(signal: str, stated: Sequence[tuple[float | None, bool]]) -> Reliability:
    """Measure how well one signal separates right events from false ones."""
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
    """Group the events into bins of their signal. Leave out empty bins.

    scikit-learn's calibration_curve returns no counts, and each of its bins includes its upper
    edge. With such bins, the most frequent stated confidence, 0.9, would share a bin with lower
    values, from 0.8 on.
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
    """Compute the expected calibration error.

    The error is the mean of |mean value - share of right events| over the bins, weighted by the
    number of events in each bin.
    """
    bins = _bins(values, right, _TENTHS)
    return round(sum(b.events * abs(b.mean - b.right) for b in bins) / len(values), 4)


def _area(values: Floats, right: Floats) -> float | None:
    """Compute the area under the ROC curve.

    Return None if all events are right or all are false.
    """
    return round(float(roc_auc_score(right, values)), 4) if 0 < right.sum() < len(right) else None


def _quality(stated: Sequence[float], right: Sequence[bool]) -> ProbabilityQuality:
    """Measure how well probabilities predict which events are right."""
    values, truth = np.array(stated), np.array(right, dtype=float)
    held = np.clip(values, 1 - SUREST, SUREST)
    # scikit-learn would refuse events that are all right or all false without these labels.
    labels = [0, 1]
    return ProbabilityQuality(
        brier=round(float(brier_score_loss(truth, values, labels=labels)), 4),
        log_loss=round(float(log_loss(truth, held, labels=labels)), 4),
        error=_error(values, truth),
    )
