"""The probability that an event is right, by what was learnt from other games."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from touchline.core.records import CalibrationReport, Context, Event, Recalibration
from touchline.matching import is_within

# Probabilities of 0 and 1 have no logit; no model is taken to be surer than this.
SUREST = 0.999

_NO_CONTEXT = Context(after=0.0, before=0.0, words=0.0, run_s=0.0, quiet_s=0.0)


def rank_of(event: Event) -> float:
    """What a probability rises with: the logit of the score."""
    return _logit(event.worth)


def features(event: Event, others: Sequence[Sequence[Event]], tolerance: float) -> dict[str, float]:
    """What else speaks for an event or against it, by name.

    Args:
        others: the events of each other model, of the same video.
        tolerance: most seconds between two events that are the same.
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


def probability(event: Event, values: dict[str, float], by: Recalibration) -> float:
    """The probability that an event is right.

    Args:
        values: its `features`.
    """
    terms = by.classes.get(event.label, by.other_classes)
    logit = terms.intercept + terms.slope * rank_of(event)
    logit += math.fsum(weight * values[name] for name, weight in by.features.items())
    return 1 / (1 + math.exp(-logit))


def probabilities(
    events: Iterable[Event],
    report: CalibrationReport,
    game: str,
    others: Sequence[Sequence[Event]] = (),
) -> list[float] | None:
    """The probability that each event of a game is right; None if there was nothing to learn from.

    Args:
        game: if it has labels itself, what was learnt from the other games is used.
        others: the events of each other model, of the same video.
    """
    by = _learnt_for(game, report)
    if by is None:
        return None
    return [probability(e, features(e, others, report.tolerance), by) for e in events]


def learnt_probabilities(
    events: Sequence[Event],
    report: CalibrationReport,
    game: str,
    others: Sequence[Sequence[Event]] = (),
) -> list[float | None] | None:
    """As `probabilities`, but None for the events of a class of which nothing was learnt."""
    by = _learnt_for(game, report)
    if by is None:
        return None
    return [
        probability(e, features(e, others, report.tolerance), by) if e.label in by.classes else None
        for e in events
    ]


def recalibrated(events: Iterable[Event], learnt: Iterable[float]) -> list[Event]:
    """Events, each scored with the probability that it is right."""
    return [
        replace(event, score=round(each, 6), score_kind="calibrated")
        for event, each in zip(events, learnt, strict=True)
    ]


def recalibrate_all(
    events_of: Mapping[str, Sequence[Event]], reports: Mapping[str, CalibrationReport], game: str
) -> dict[str, list[Event]] | None:
    """Several models' events of a game, each scored with the probability that it is right.

    Args:
        events_of, reports: by name of the model.

    Returns:
        None unless that can be for all: scores and probabilities cannot be compared.
    """
    scored = {}
    for model, events in events_of.items():
        others = [of_other for other, of_other in events_of.items() if other != model]
        report = reports.get(model)
        learnt = probabilities(events, report, game, others) if report else None
        if learnt is None:
            return None
        scored[model] = recalibrated(events, learnt)
    return scored


def _learnt_for(game: str, report: CalibrationReport) -> Recalibration | None:
    """What was learnt from other games than this one."""
    return report.without.get(game, report.from_all)


def _logit(value: float | None) -> float:
    if value is None:
        return 0.0
    held = min(max(value, 1 - SUREST), SUREST)
    return math.log(held / (1 - held))
