"""The probability that an event is right, by what was learnt from other games."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from touchline.core.records import CalibrationReport, Event, Recalibration
from touchline.errors import InputError

# Probabilities of 0 and 1 have no logit; no model is taken to be surer than this.
SUREST = 0.999


def probability(event: Event, by: Recalibration) -> float:
    """The probability that an event is right."""
    confidence, score, n_hits = features(event)
    logit = by.intercept + by.confidence * confidence + by.score * score + by.n_hits * n_hits
    return 1 / (1 + math.exp(-logit - by.classes.get(event.label, 0.0)))


def recalibrated(events: Iterable[Event], report: CalibrationReport, game: str) -> list[Event]:
    """Events of a game, each scored with the probability that it is right.

    Args:
        game: if it has labels itself, what was learnt from the other games is used.

    Raises:
        InputError: there is nothing to learn from.
    """
    by = report.without.get(game, report.from_all)
    if by is None:
        raise InputError(
            f"{report.model} cannot be calibrated for {game}: in the other games with labels it "
            "has nothing right, or nothing wrong; add labels or set ensemble.calibrated: false."
        )
    return [
        replace(event, score=probability(event, by), score_kind="calibrated") for event in events
    ]


def features(event: Event) -> tuple[float, float, float]:
    """What a probability is learnt from: logits of confidence and score, logarithm of n_hits."""
    return _logit(event.confidence), _logit(event.score), math.log(event.n_hits)


def _logit(value: float | None) -> float:
    if value is None:
        return 0.0
    held = min(max(value, 1 - SUREST), SUREST)
    return math.log(held / (1 - held))
