"""Compare orders of the same events by their average precision."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from touchline.core.records import Event
from touchline.evaluation.average_precision import precision_at_hits
from touchline.evaluation.metrics import HalfEvents, by_label, game_names
from touchline.evaluation.outcomes import Half, restrict_to_coverage
from touchline.evaluation.recalibration import (
    probabilities,
    recalibrated,
    reordered_classes,
)
from touchline.evaluation.records import CalibrationReport, Ranking
from touchline.matching import true_positives


def rankings(
    halves: Sequence[Half], calibrated: Sequence[Sequence[Event]] | None = None
) -> dict[str, list[Half]]:
    """Return one copy of the halves per order in `Ranking`.

    In each copy, sorting the events by score gives the order of this copy.

    Args:
        halves: halves with predicted and true events.
        calibrated: events of each half, scored with probabilities learnt from other games.
    """
    ranked = {
        "plain": _with_scores(halves, lambda event: replace(event, score=None).ranking_score),
        "n_hits": _with_scores(halves, lambda event: float(event.n_hits)),
        "score": list(halves),
    }
    if calibrated is not None:
        ranked["calibrated"] = [
            replace(half, events=events) for half, events in zip(halves, calibrated, strict=True)
        ]
    return {name: [restrict_to_coverage(half) for half in these] for name, these in ranked.items()}


def learnt_scores(halves: Sequence[Half], report: CalibrationReport) -> list[list[Event]] | None:
    """Score the events of each half with probabilities learnt from other games.

    Only classes whose order improved in other games get a new score
    (`touchline.evaluation.learnt_gain`).

    Returns:
        The events of each half, or None if there is nothing to learn from for some half.
    """
    classes = reordered_classes(report)
    scored = []
    for half in halves:
        learnt = probabilities(half.events, report, half.game, half.others)
        if learnt is None:
            return None
        scored.append(
            [
                new if new.label in classes else old
                for old, new in zip(half.events, recalibrated(half.events, learnt), strict=True)
            ]
        )
    return scored


def average_precisions(
    ranked: Mapping[str, Sequence[Half]], classes: Collection[str], tolerance: float
) -> dict[str, Ranking]:
    """Compute the average precision of each class by each order.

    Events are paired by SoccerNet's rule (`touchline.matching.true_positives`). Precision is
    averaged over true positives, as in information retrieval (`precision_at_hits`).

    Args:
        ranked: halves by order, from `rankings`.
        classes: names of the classes.
        tolerance: largest distance between two paired events, in seconds.
    """
    values: dict[str, dict[str, float | None]] = {}
    for name, halves in ranked.items():
        lists = by_label(halves, {label: label for label in classes}, game_names(halves))
        for label, of_class in lists.items():
            values.setdefault(label, {})[name] = _average_precision(of_class, tolerance)
    return {label: Ranking(**of_class) for label, of_class in values.items()}


def mean_ranking(classes: Sequence[Ranking]) -> Ranking:
    """Average over the classes that occur. A class that is never predicted counts as 0."""
    if not classes:
        return Ranking()
    table = [each.model_dump() for each in classes]
    return Ranking(
        **{
            name: round(float(np.mean([row[name] or 0.0 for row in table])), 6)
            for name in table[0]
            if any(row[name] is not None for row in table)
        }
    )


def _with_scores(halves: Sequence[Half], value: Callable[[Event], float]) -> list[Half]:
    """Return the halves with new scores for their events."""
    return [
        replace(half, events=[replace(event, score=value(event)) for event in half.events])
        for half in halves
    ]


def _average_precision(lists: Sequence[HalfEvents], tolerance: float) -> float | None:
    """Average the precision at each true event. Missed true events count as 0."""
    true = sum(len(mine.truth) for mine in lists)
    scores = [score for mine in lists for score in mine.scores]
    if not true or not scores:
        return None
    right = [
        is_right
        for mine in lists
        for is_right in true_positives(mine.truth, mine.times, mine.scores, tolerance)
    ]
    return round(precision_at_hits(scores, right, true), 6)
