"""What helps to rank events: average precision by several orders of the same events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from touchline.core.records import Event
from touchline.evaluation.average_precision import precision_at_hits
from touchline.evaluation.metrics import Lists, by_label, games_of
from touchline.evaluation.outcomes import Half, where_looked
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
    """The halves with the values of each order as their events' scores, by its name in `Ranking`.

    Args:
        calibrated: the events of each half, scored with probabilities learnt from other games.
    """
    ranked = {
        "plain": _scored(halves, lambda event: replace(event, score=None).worth),
        "n_hits": _scored(halves, lambda event: float(event.n_hits)),
        "score": list(halves),
    }
    if calibrated is not None:
        ranked["calibrated"] = [
            replace(half, events=events) for half, events in zip(halves, calibrated, strict=True)
        ]
    return {name: [where_looked(half) for half in these] for name, these in ranked.items()}


def learnt_scores(halves: Sequence[Half], report: CalibrationReport) -> list[list[Event]] | None:
    """Score the events of each half by what was learnt from other games.

    Only the classes whose order other games showed to be better get another score
    (`touchline.evaluation.learnt_gain`).

    Returns:
        None if nothing can be learnt for a half.
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
    """Average precision of each class by each order.

    SoccerNet's pairing (`touchline.evaluation.average_precision.found`), and the mean precision at
    the true positives, as information retrieval has it (`precision_at_hits`).

    Args:
        ranked: as `rankings` gives them.
        tolerance: most seconds between two events that are the same.
    """
    values: dict[str, dict[str, float | None]] = {}
    for name, halves in ranked.items():
        lists = by_label(halves, {label: label for label in classes}, games_of(halves))
        for label, of_class in lists.items():
            values.setdefault(label, {})[name] = _average_precision(of_class, tolerance)
    return {label: Ranking(**of_class) for label, of_class in values.items()}


def mean_ranking(classes: Sequence[Ranking]) -> Ranking:
    """The mean over classes that occur; one that is never predicted is worth 0."""
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


def _scored(halves: Sequence[Half], value: Callable[[Event], float]) -> list[Half]:
    return [
        replace(half, events=[replace(event, score=value(event)) for event in half.events])
        for half in halves
    ]


def _average_precision(lists: Sequence[Lists], tolerance: float) -> float | None:
    """The mean, over the true events, of the precision at which each is found; 0 if it is not."""
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
