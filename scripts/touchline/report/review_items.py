"""A match as a person reviews it: moment by moment, with all that was predicted of each."""

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

# conflict: models give one moment different labels; only: one of the models that looked
# predicts it; some: several of them do, not all; missed: it is true and none predicts it; agreed:
# all that looked predict it; alone: no more than one model looked there.
MomentStatus = Literal["conflict", "only", "some", "missed", "agreed", "alone"]
DISAGREEMENTS: tuple[MomentStatus, ...] = ("conflict", "only", "some", "missed")


@dataclass(frozen=True, slots=True)
class Prediction:
    """One event of one model.

    Attributes:
        right: whether it is a true positive; None where that is not known.
    """

    model: str
    event: Event
    right: bool | None = None


@dataclass(slots=True)
class Claim:
    """That something of one label happened.

    Attributes:
        predictions: of models; empty for what only the labels know.
        fused: the ensemble's events of it.
        true: the true events of it.
    """

    label: str
    known: bool
    predictions: list[Prediction] = field(default_factory=list)
    fused: list[Event] = field(default_factory=list)
    true: list[TrueEvent] = field(default_factory=list)

    @property
    def models(self) -> set[str]:
        return {one.model for one in self.predictions}

    @property
    def time_s(self) -> float:
        """The earliest predicted time; of what no model predicted, the true time."""
        times = [one.event.time_s for one in self.predictions]
        return min(times or [true.time_s for true in self.true])


@dataclass(frozen=True, slots=True)
class Moment:
    """What was predicted of one moment: a claim, or several that contradict each other."""

    status: MomentStatus
    claims: list[Claim]

    @property
    def time_s(self) -> float:
        return min(claim.time_s for claim in self.claims)


def moments_of(
    tracks: Mapping[str, Track],
    tolerance: float,
    *,
    fused: Sequence[Event] = (),
    truth: Sequence[TrueEvent] | None = None,
    classes: Collection[str] | None = None,
) -> list[Moment]:
    """Put together what several models predict of a video, and what is true.

    Of two models it finds the pairs that `touchline.comparison.compare.compare` finds. What is
    right is what `touchline.evaluation.outcomes.outcomes` finds: each model for itself against the
    truth.

    Args:
        tracks: by name of the model; any number.
        tolerance: most seconds between two events that are the same.
        fused: the ensemble's events.
        truth: None where no labels are known.
        classes: that are annotated, if not all; events of others are neither right nor false.

    Returns:
        by time. Every event of every model is in exactly one claim of one moment, and no two
        events of models in a moment are further apart than the tolerance.
    """
    predictions, found_by = _against_truth(tracks, tolerance, truth, classes)
    claims = _claims(predictions, tracks, tolerance)
    _add_fused(claims, fused)
    missed = _add_truth(claims, truth or (), found_by)
    groups = [*_contradictions(claims, tracks, tolerance), *([claim] for claim in missed)]
    found = [Moment(_status(group, tracks), group) for group in groups]
    return sorted(found, key=lambda moment: (moment.time_s, moment.claims[0].label))


def _claims(
    predictions: Mapping[str, Sequence[Prediction]], tracks: Mapping[str, Track], tolerance: float
) -> list[Claim]:
    """Label by label, the moments where several looked; what one alone could see stays apart."""
    compared: dict[str, list[list[Prediction]]] = {}
    claims = []
    for number, these in enumerate(predictions.values()):
        for one in these:
            if len(_lookers(tracks, one.event.time_s)) > 1:
                compared.setdefault(one.event.label, [[] for _ in predictions])[number].append(one)
            else:
                claims.append(Claim(one.event.label, one.event.known, [one]))
    for label, lists in compared.items():
        times = [[one.event.time_s for one in mine] for mine in lists]
        for moment in group_moments(times, tolerance):
            together = [lists[number][index] for number, index in moment.items()]
            close = _close(together, tolerance)
            claims += [Claim(label, near[0].event.known, near) for near in close]
    return claims


def _close(predictions: Sequence[Prediction], tolerance: float) -> list[list[Prediction]]:
    """Predictions that lie about the first one, cut where they lie too far from each other.

    Around the event of the first model others lie on both sides, up to twice the tolerance apart.
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
    """Claims grouped: those that not all make, of one moment and with different labels.

    Nothing in a group is further than the tolerance from anything else in it: pairs of several
    models could chain to a moment of any length.
    """
    group_of = {number: [number] for number in range(len(claims))}

    def join(one: int, other: int) -> None:
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
        lookers = _lookers(tracks, claim.time_s)
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
    if len(group) > 1:
        return "conflict"
    (claim,) = group
    if not claim.predictions:
        return "missed"
    lookers = _lookers(tracks, claim.time_s)
    if len(lookers) < 2:
        return "alone"
    if claim.models >= lookers:
        return "agreed"
    return "only" if len(claim.predictions) == 1 else "some"


def _lookers(tracks: Mapping[str, Track], time: float) -> set[str]:
    """The models that looked at a time."""
    return {model for model, track in tracks.items() if contains(track.looked_at, time)}


def _against_truth(
    tracks: Mapping[str, Track],
    tolerance: float,
    truth: Sequence[TrueEvent] | None,
    classes: Collection[str] | None,
) -> tuple[dict[str, list[Prediction]], dict[int, Prediction]]:
    """What each model predicts and whether it is right; by id of a true event, who found it."""
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
            # An event of a class that nobody annotates, or where nobody looked, has no outcome.
            true = true_of.get(id(event))
            right = true is not None if id(event) in true_of else None
            predictions[model].append(Prediction(model, event, right))
            if true is not None:
                found_by.setdefault(id(true), predictions[model][-1])
    return predictions, found_by


def _add_truth(
    claims: Sequence[Claim], truth: Sequence[TrueEvent], found_by: Mapping[int, Prediction]
) -> list[Claim]:
    """Put each true event to the claim that found it; returns a claim for each other one."""
    claim_of = {id(one): claim for claim in claims for one in claim.predictions}
    missed = []
    for true in truth:
        if id(true) in found_by:
            claim_of[id(found_by[id(true)])].true.append(true)
        else:
            missed.append(Claim(true.label, True, true=[true]))
    return missed


def _add_fused(claims: Iterable[Claim], fused: Iterable[Event]) -> None:
    """Put each fused event to the claim of its label with the nearest event of a model."""
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
