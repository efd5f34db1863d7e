"""Fusion of several models' events of one video into one list."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from touchline.core.records import Event, Vote
from touchline.inputs.settings import Method, Weights, weight_for
from touchline.matching import group_moments, suppress

# The name of a model, and one of its events.
_ModelEvent = tuple[str, Event]


def fuse(
    events: Mapping[str, Sequence[Event]],
    tolerance: float,
    method: Method,
    *,
    weights: Weights | None = None,
    threshold: float = 1.0,
    calibrated: bool = False,
) -> list[Event]:
    """Fuse the events of several models, label by label.

    For all methods except "nms", events of the same moment are grouped first, with at most one
    event per model (`touchline.matching.group_moments`). "union" keeps every moment. "intersection"
    keeps the moments that every model predicted. "weighted" keeps the moments whose models' weights
    reach the threshold. "nms" keeps the strongest event, drops all other events within the
    tolerance, and repeats this with the remaining events.

    Args:
        events: events by name of the model. For three or more models, the order matters.
        tolerance: largest distance between events of the same moment, in seconds.
        method: rule for the events to keep.
        weights: weight of each model. Scores are multiplied by the weight, and "weighted" adds up
            the weights.
        threshold: smallest total weight of a moment for "weighted".
        calibrated: whether scores are probabilities. "weighted" then adds up weight times score.

    Returns:
        Events sorted by time. Each is the strongest event of its group, with the hits and votes of
        all models. "weighted" also averages the times, in proportion to the product of weight and
        score. With "weighted", the score of an event is the mean score of the models, with 0 for
        models that did not predict the event.
    """
    weights = weights or {}
    by_label: defaultdict[str, dict[str, list[Event]]] = defaultdict(
        lambda: {m: [] for m in events}
    )
    for model, mine in events.items():
        for event in mine:
            by_label[event.label][model].append(event)
    fused = []
    for label, predicted in by_label.items():
        weight = {model: weight_for(weights, model, label) for model in events}
        groups = (
            _strongest(predicted, weight, tolerance)
            if method == "nms"
            else _moments(predicted, tolerance)
        )
        for group in groups:
            models = {model for model, _ in group}
            if method == "intersection" and len(models) < len(events):
                continue
            support = math.fsum(
                weight[model] * (event.ranking_score if calibrated else 1.0)
                for model, event in group
            )
            if method == "weighted" and support < threshold:
                continue
            event = _fused(group, weight)
            fused.append(_averaged(event, group, weight) if method == "weighted" else event)
    return sorted(fused, key=lambda event: (event.time_s, event.label))


def _moments(predicted: Mapping[str, Sequence[Event]], tolerance: float) -> list[list[_ModelEvent]]:
    """Group events of the same moment."""
    lists = list(predicted.items())
    return [
        [(lists[number][0], lists[number][1][index]) for number, index in moment.items()]
        for moment in group_moments(
            [[event.time_s for event in mine] for _, mine in lists], tolerance
        )
    ]


def _strongest(
    predicted: Mapping[str, Sequence[Event]], weight: Mapping[str, float], tolerance: float
) -> list[list[_ModelEvent]]:
    """Group events by non-maximum suppression.

    Each group has a strongest event and all events that it suppresses.
    """
    pooled = sorted(
        ((model, event) for model, mine in predicted.items() for event in mine),
        key=lambda item: item[1].time_s,
    )
    order = sorted(range(len(pooled)), key=lambda index: _rank(pooled[index], weight))
    kept_by = suppress([event.time_s for _, event in pooled], order, tolerance)
    groups: defaultdict[int, list[_ModelEvent]] = defaultdict(list)
    for item, leader in zip(pooled, kept_by, strict=True):
        groups[leader].append(item)
    return list(groups.values())


def _fused(group: Sequence[_ModelEvent], weight: Mapping[str, float]) -> Event:
    """Return the strongest event of a group, with the hits and votes of all events."""
    _, strongest = min(group, key=lambda item: _rank(item, weight))
    return replace(
        strongest,
        n_hits=sum(event.n_hits for _, event in group),
        first_s=min(event.first_s for _, event in group),
        last_s=max(event.last_s for _, event in group),
        said_by=tuple(Vote(model, event.time_s, event.window_s) for model, event in group),
    )


def _averaged(event: Event, group: Sequence[_ModelEvent], weight: Mapping[str, float]) -> Event:
    """Return a fused event with the mean time of its group and the mean score of all models."""
    shares = [weight[model] * one.ranking_score for model, one in group]
    total, possible = sum(shares), sum(weight.values())
    if total == 0:
        return replace(event, score=0.0, score_kind="weighted")
    ones = [one for _, one in group]
    return replace(
        event,
        time_s=_mean(shares, [one.time_s for one in ones]),
        window_s=_mean(shares, [one.window_s for one in ones]),
        score=min(1.0, total / possible),
        score_kind="weighted",
    )


def _mean(weights: Sequence[float], times: Sequence[float]) -> float:
    """Return the weighted mean of times."""
    return round(sum(w * t for w, t in zip(weights, times, strict=True)) / sum(weights), 3)


def _rank(item: _ModelEvent, weight: Mapping[str, float]) -> tuple[float, float, str]:
    """Return a sort key that puts the strongest event first.

    Ties are sorted by time, then by model.
    """
    model, event = item
    return -weight[model] * event.ranking_score, event.time_s, model
