"""Compute the probability that an event is right, learnt from other games."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from touchline.core.records import Context, Event
from touchline.evaluation.learnt_gain import is_gain
from touchline.evaluation.records import CalibrationReport, Recalibration
from touchline.events.shortlist import LearntOrder
from touchline.matching import is_within

# Probabilities are limited to this value and its complement, because 0 and 1 have no logit.
SUREST = 0.999

_NO_CONTEXT = Context(after=0.0, before=0.0, words=0.0, run_s=0.0, quiet_s=0.0)


def score_logit(event: Event) -> float:
    """Return the logit of the event's score. It is a feature of the regression."""
    return _logit(event.ranking_score)


def features(event: Event, others: Sequence[Sequence[Event]], tolerance: float) -> dict[str, float]:
    """Return the features that indicate whether an event is right, by name.

    Args:
        event: the event.
        others: events of each other model in the same video.
        tolerance: largest distance between two events that agree, in seconds.
    """
    context = event.context or _NO_CONTEXT
    agreeing = [
        any(
            other.label == event.label and is_within(other.time_s, event.time_s, tolerance)
            for other in of_model
        )
        for of_model in others
    ]
    return {
        "after": context.after,
        "before": context.before,
        "words": context.words,
        "run": math.log1p(context.run_s),
        "quiet": math.log1p(context.quiet_s),
        "n_hits": math.log(event.n_hits),
        "label_probability": _logit(event.label_probability),
        "confidence": _logit(event.confidence),
        "agreement": sum(agreeing) / len(others) if others else 0.0,
    }


def probability(event: Event, values: Mapping[str, float], by: Recalibration) -> float:
    """Return the probability that an event is right.

    Args:
        event: the event.
        values: its `features`.
        by: the learnt function.
    """
    terms = by.classes.get(event.label, by.other_classes)
    logit = terms.intercept + terms.slope * score_logit(event)
    if terms.uses_features:
        logit += math.fsum(weight * values[name] for name, weight in by.features.items())
    return 1 / (1 + math.exp(-logit))


def probabilities(
    events: Iterable[Event],
    report: CalibrationReport,
    game: str,
    others: Sequence[Sequence[Event]] = (),
) -> list[float] | None:
    """Return the probability that each event of a game is right.

    Args:
        events: events of the game.
        report: the model's calibration.
        game: name of the game. Annotations of this game are not used.
        others: events of each other model in the same video.

    Returns:
        The probabilities, or None if there was nothing to learn from.
    """
    by = _fit_without(game, report)
    if by is None:
        return None
    return [probability(e, features(e, others, report.tolerance), by) for e in events]


def learnt_order(
    events: Sequence[Event],
    report: CalibrationReport,
    game: str,
    others: Sequence[Sequence[Event]] = (),
) -> LearntOrder | None:
    """Return the order of a half's events, learnt from other games.

    Args:
        events, report, game, others: see `probabilities`.

    Returns:
        The order, or None unless it was shown to be better than the original order.
    """
    by = _fit_without(game, report)
    if by is None or not is_gain(by.list_gains.values()):
        return None
    return LearntOrder(
        probabilities=[
            probability(event, features(event, others, report.tolerance), by)
            if event.label in by.classes
            else None
            for event in events
        ],
        reordered={label for label, terms in by.classes.items() if terms.uses_features},
    )


def reordered_classes(report: CalibrationReport) -> set[str]:
    """Return the classes whose events rank by probability in every game.

    All games must use one order, because a list of several games cannot mix probabilities and
    scores.
    """
    fits = [fit for fit in (report.from_all, *report.without.values()) if fit is not None]
    if not all(is_gain(fit.list_gains.values()) for fit in fits):
        return set()
    classes = [{label for label, t in fit.classes.items() if t.uses_features} for fit in fits]
    return set.intersection(*classes) if classes else set()


def recalibrated(events: Iterable[Event], learnt: Iterable[float]) -> list[Event]:
    """Return the events, each scored with its probability of being right."""
    return [
        replace(event, score=round(each, 6), score_kind="calibrated")
        for event, each in zip(events, learnt, strict=True)
    ]


def recalibrate_models(
    events_of: Mapping[str, Sequence[Event]],
    reports: Mapping[str, CalibrationReport],
    game: str,
    others_of: Mapping[str, Sequence[str]],
) -> dict[str, list[Event]] | None:
    """Score several models' events of a game with the probability that each is right.

    Args:
        events_of, reports: events and calibration of each model, by name.
        game: name of the game.
        others_of: for each model, by name, the other models whose agreement was a feature.

    Returns:
        The scored events by model. The result is None unless probabilities improve the joint
        results of all models in each game. If the result is None, all models keep their scores,
        because scores and probabilities cannot be mixed.
    """
    if set(events_of) - set(reports) or not _improve_jointly(list(reports.values())):
        return None
    scored = {}
    for model, events in events_of.items():
        others = [events_of[other] for other in others_of[model]]
        learnt = probabilities(events, reports[model], game, others)
        if learnt is None:
            return None
        scored[model] = recalibrated(events, learnt)
    return scored


def _improve_jointly(reports: Sequence[CalibrationReport]) -> bool:
    """Return whether probabilities improve several models' lists on average, for each left-out
    game.

    One model's list may not improve while another model's list does.
    """
    for game in [None, *sorted({game for report in reports for game in report.without})]:
        fits = [r.from_all if game is None else _fit_without(game, r) for r in reports]
        gains: defaultdict[str, list[float]] = defaultdict(list)
        for fit in fits:
            for other, gain in (fit.list_gains if fit else {}).items():
                gains[other].append(gain)
        if not is_gain([fmean(of_game) for of_game in gains.values()]):
            return False
    return True


def _fit_without(game: str, report: CalibrationReport) -> Recalibration | None:
    """Return the function learnt from all games but this one."""
    return report.without.get(game, report.from_all)


def _logit(value: float | None) -> float:
    """Return the logit of a probability, limited to ±6.9. Return 0 for an unknown value."""
    if value is None:
        return 0.0
    held = min(max(value, 1 - SUREST), SUREST)
    return math.log(held / (1 - held))
