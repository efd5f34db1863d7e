"""Several models' events of one video made one list."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from touchline.core.records import Event, Vote
from touchline.inputs.settings import Method, Weights, weight_for
from touchline.matching import group_moments, suppress

# One model's event, as one of a group that means the same moment.
_OfModel = tuple[str, Event]


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

    For all methods but "nms" the models' events are first put together to moments, at most
    one event of each model in a moment (`touchline.matching.moments`).

    Args:
        events: by name of the model. The order matters where three lists are put together.
        tolerance: most seconds between two events that are the same.
        method: "union" keeps every moment; "intersection" those that every model predicted;
            "weighted" those whose models' weights sum up to the threshold; "nms" keeps the
            strongest event, then drops what lies within the tolerance of it, of all models.
        weights: what the models' strengths are multiplied by to rank them, and what
            "weighted" sums up.
        calibrated: the events' scores are probabilities that they are right, so "weighted" sums
            up weight times score.

    Returns:
        events sorted by time. Each is its strongest member, with the hits of all and the models
        that predicted it, and when. Only "weighted" changes more: the time is the mean, weighted
        by weight and worth, and the score the mean worth, where a silent model counts 0.
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
                weight[model] * (event.worth if calibrated else 1.0) for model, event in group
            )
            if method == "weighted" and support < threshold:
                continue
            event = _fused(group, weight)
            fused.append(_averaged(event, group, weight) if method == "weighted" else event)
    return sorted(fused, key=lambda event: (event.time_s, event.label))


def _moments(predicted: Mapping[str, Sequence[Event]], tolerance: float) -> list[list[_OfModel]]:
    lists = list(predicted.items())
    return [
        [(lists[number][0], lists[number][1][index]) for number, index in moment.items()]
        for moment in group_moments(
            [[event.time_s for event in mine] for _, mine in lists], tolerance
        )
    ]


def _strongest(
    predicted: Mapping[str, Sequence[Event]], weight: Mapping[str, float], tolerance: float
) -> list[list[_OfModel]]:
    """Groups by non-maximum suppression: each holds a strongest event and what it suppresses."""
    pooled = sorted(
        ((model, event) for model, mine in predicted.items() for event in mine),
        key=lambda item: item[1].time_s,
    )
    order = sorted(range(len(pooled)), key=lambda index: _rank(pooled[index], weight))
    kept_by = suppress([event.time_s for _, event in pooled], order, tolerance)
    groups: defaultdict[int, list[_OfModel]] = defaultdict(list)
    for item, leader in zip(pooled, kept_by, strict=True):
        groups[leader].append(item)
    return list(groups.values())


def _fused(group: Sequence[_OfModel], weight: Mapping[str, float]) -> Event:
    """The strongest event of a group, with what the others add."""
    _, strongest = min(group, key=lambda item: _rank(item, weight))
    return replace(
        strongest,
        n_hits=sum(event.n_hits for _, event in group),
        first_s=min(event.first_s for _, event in group),
        last_s=max(event.last_s for _, event in group),
        said_by=tuple(Vote(model, event.time_s, event.window_s) for model, event in group),
    )


def _averaged(event: Event, group: Sequence[_OfModel], weight: Mapping[str, float]) -> Event:
    """A fused event at the mean time of its group, with the mean strength of all models."""
    shares = [weight[model] * one.worth for model, one in group]
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
    return round(sum(w * t for w, t in zip(weights, times, strict=True)) / sum(weights), 3)


def _rank(item: _OfModel, weight: Mapping[str, float]) -> tuple[float, float, str]:
    """Sorts the strongest first; of equals the earliest, then by name."""
    model, event = item
    return -weight[model] * event.worth, event.time_s, model
