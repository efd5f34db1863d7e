"""Group the events of a match into moments for a person's review."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from touchline.comparison.compare import Track
from touchline.core.intervals import contains
from touchline.core.records import Event
from touchline.evaluation.annotations import TrueEvent
from touchline.evaluation.outcomes import Half, annotated_classes, outcomes
from touchline.matching import group_moments, is_within

# Conflict: models give the moment different labels.
# Only: one of the models that looked predicts the event.
# Some: several, but not all, of the models that looked predict the event.
# Missed: no model predicts the annotation.
# Agreed: all models that looked predict the event.
# Alone: at most one model looked.
MomentStatus = Literal["conflict", "only", "some", "missed", "agreed", "alone"]
DISAGREEMENTS: tuple[MomentStatus, ...] = ("conflict", "only", "some", "missed")


@dataclass(frozen=True, slots=True)
class Prediction:
    """One event that one model predicted.

    Attributes:
        model: name of the model.
        event: the event.
        right: whether the event is a true positive; None if unknown.
    """

    model: str
    event: Event
    right: bool | None = None


@dataclass(slots=True)
class Claim:
    """A label at a moment, with every model, ensemble event and annotation that has it.

    Attributes:
        label: the label.
        known: whether the label is a class.
        predictions: predictions of models; empty if only annotations have the label.
        fused: events of the ensemble.
        true: annotated events.
    """

    label: str
    known: bool
    predictions: list[Prediction] = field(default_factory=list)
    fused: list[Event] = field(default_factory=list)
    true: list[TrueEvent] = field(default_factory=list)

    @property
    def models(self) -> set[str]:
        """Return the names of the models that predict the claim."""
        return {one.model for one in self.predictions}

    @property
    def time_s(self) -> float:
        """Return the earliest predicted time. Without predictions, return the annotated time."""
        times = [one.event.time_s for one in self.predictions]
        return min(times or [true.time_s for true in self.true])


@dataclass(frozen=True, slots=True)
class Moment:
    """One or several claims at one time. Several claims contradict each other."""

    status: MomentStatus
    claims: list[Claim]

    @property
    def time_s(self) -> float:
        """Return the earliest time of the claims."""
        return min(claim.time_s for claim in self.claims)


def build_moments(
    tracks: Mapping[str, Track],
    tolerance: float,
    *,
    fused: Sequence[Event] = (),
    truth: Sequence[TrueEvent] | None = None,
    classes: Collection[str] | None = None,
) -> list[Moment]:
    """Group the events of several models and the annotations of a video into moments.

    For two models, the pairs equal those of `touchline.comparison.compare.compare`. Each model is
    compared with the annotations separately, as in `touchline.evaluation.outcomes.outcomes`.

    Args:
        tracks: events and coverage of each model, by name.
        tolerance: largest distance between two paired events, in seconds.
        fused: events of the ensemble.
        truth: annotations; None if there are none.
        classes: annotated classes; None for all. Events of other classes are neither right nor
            false.

    Returns:
        The moments by time. Every event of every model is in exactly one claim of one moment.
        Events of models in one moment are at most `tolerance` apart.
    """
    predictions, found_by = _judge_predictions(tracks, tolerance, truth, classes)
    claims = _claims(predictions, tracks, tolerance)
    _add_fused(claims, fused)
    missed = _add_truth(claims, truth or (), found_by)
    groups = [*_contradictions(claims, tracks, tolerance), *([claim] for claim in missed)]
    found = [Moment(_status(group, tracks), group) for group in groups]
    return sorted(found, key=lambda moment: (moment.time_s, moment.claims[0].label))


def _claims(
    predictions: Mapping[str, Sequence[Prediction]], tracks: Mapping[str, Track], tolerance: float
) -> list[Claim]:
    """Group events with the same label at the same moment.

    Each group is a claim. Where only one model looked, each event is a claim of its own.
    """
    compared: dict[str, list[list[Prediction]]] = {}
    claims = []
    for number, these in enumerate(predictions.values()):
        for one in these:
            if len(_models_that_looked(tracks, one.event.time_s)) > 1:
                compared.setdefault(one.event.label, [[] for _ in predictions])[number].append(one)
            else:
                claims.append(Claim(one.event.label, one.event.known, [one]))
    for label, lists in compared.items():
        times = [[one.event.time_s for one in mine] for mine in lists]
        for moment in group_moments(times, tolerance):
            together = [lists[number][index] for number, index in moment.items()]
            close = _split_by_tolerance(together, tolerance)
            claims += [Claim(label, near[0].event.known, near) for near in close]
    return claims


def _split_by_tolerance(
    predictions: Sequence[Prediction], tolerance: float
) -> list[list[Prediction]]:
    """Split predictions around one moment into groups no longer than the tolerance.

    The events of other models lie on both sides of the first model's event. So two events of other
    models may be twice the tolerance apart.
    """
    groups: list[list[Prediction]] = []
    for one in sorted(predictions, key=lambda one: one.event.time_s):
        if not groups or not is_within(one.event.time_s, groups[-1][0].event.time_s, tolerance):
            groups.append([])
        groups[-1].append(one)
    place = {id(one): number for number, one in enumerate(predictions)}
    return [sorted(group, key=lambda one: place[id(one)]) for group in groups]


def _contradictions(
    claims: Sequence[Claim], tracks: Mapping[str, Track], tolerance: float
) -> list[list[Claim]]:
    """Group claims with different labels at the same moment, unless all models agree on one of
    them.

    Events in a group are at most the tolerance apart. Without this limit, pairs of several models
    could join one after another into a moment of any length.
    """
    group_of = {number: [number] for number in range(len(claims))}

    def join(one: int, other: int) -> None:
        """Join the two groups of two claims, if the result is short enough and repeats no label."""
        together = sorted({*group_of[one], *group_of[other]})
        these = [claims[number] for number in together]
        times = [each.event.time_s for claim in these for each in claim.predictions]
        is_moment = is_within(max(times), min(times), tolerance)
        if not is_moment or len({claim.label for claim in these}) < len(these):
            return
        for number in together:
            group_of[number] = together

    open_claims: list[list[tuple[float, int]]] = [[] for _ in tracks]
    place = {model: number for number, model in enumerate(tracks)}
    for number, claim in enumerate(claims):
        lookers = _models_that_looked(tracks, claim.time_s)
        if len(lookers) > 1 and not claim.models >= lookers:
            for each in claim.predictions:
                open_claims[place[each.model]].append((each.event.time_s, number))
    for moment in group_moments([[time for time, _ in these] for these in open_claims], tolerance):
        numbers = [open_claims[model][index][1] for model, index in moment.items()]
        for other in numbers[1:]:
            join(numbers[0], other)
    return [
        sorted((claims[each] for each in together), key=lambda claim: -len(claim.predictions))
        for number, together in group_of.items()
        if together[0] == number
    ]


def _status(group: Sequence[Claim], tracks: Mapping[str, Track]) -> MomentStatus:
    """Return the status of a moment."""
    if len(group) > 1:
        return "conflict"
    (claim,) = group
    if not claim.predictions:
        return "missed"
    lookers = _models_that_looked(tracks, claim.time_s)
    if len(lookers) < 2:
        return "alone"
    if claim.models >= lookers:
        return "agreed"
    return "only" if len(claim.predictions) == 1 else "some"


def _models_that_looked(tracks: Mapping[str, Track], time: float) -> set[str]:
    """Return the models that looked at a time."""
    return {model for model, track in tracks.items() if contains(track.looked_at, time)}


def _judge_predictions(
    tracks: Mapping[str, Track],
    tolerance: float,
    truth: Sequence[TrueEvent] | None,
    classes: Collection[str] | None,
) -> tuple[dict[str, list[Prediction]], dict[int, Prediction]]:
    """Return each model's predictions with their outcome, and the prediction that found each true
    event.

    True events are identified by id.
    """
    if truth is None:
        return {m: [Prediction(m, event) for event in t.events] for m, t in tracks.items()}, {}
    predictions: dict[str, list[Prediction]] = {}
    found_by: dict[int, Prediction] = {}
    for model, track in tracks.items():
        half = Half(0, "", truth, track.events, track.looked_at)
        found = outcomes([half], annotated_classes([half], classes), tolerance)
        true_of = {id(one.event): one.true for one in found if one.event is not None}
        predictions[model] = []
        for event in track.events:
            # An event of an unannotated class, or outside the coverage, has no outcome.
            true = true_of.get(id(event))
            right = true is not None if id(event) in true_of else None
            predictions[model].append(Prediction(model, event, right))
            if true is not None:
                found_by.setdefault(id(true), predictions[model][-1])
    return predictions, found_by


def _add_truth(
    claims: Sequence[Claim], truth: Sequence[TrueEvent], found_by: Mapping[int, Prediction]
) -> list[Claim]:
    """Add each found true event to the claim that found it. Return a new claim per missed event."""
    claim_of = {id(one): claim for claim in claims for one in claim.predictions}
    missed = []
    for true in truth:
        if id(true) in found_by:
            claim_of[id(found_by[id(true)])].true.append(true)
        else:
            missed.append(Claim(true.label, True, true=[true]))
    return missed


def _add_fused(claims: Iterable[Claim], fused: Iterable[Event]) -> None:
    """Add each ensemble event to the nearest claim (group of models' events) of its label."""
    by_label: defaultdict[str, list[tuple[float, Claim]]] = defaultdict(list)
    for claim in claims:
        by_label[claim.label] += [(one.event.time_s, claim) for one in claim.predictions]
    for timed in by_label.values():
        timed.sort(key=lambda item: item[0])
    for event in fused:
        timed = by_label[event.label]
        place = bisect_left(timed, event.time_s, key=lambda item: item[0])
        near = timed[max(0, place - 1) : place + 1]
        if near:
            _, claim = min(near, key=lambda item: abs(item[0] - event.time_s))
            claim.fused.append(event)
