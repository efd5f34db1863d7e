"""In which order a person should look at the moments of a match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from touchline.core.records import Event
from touchline.events.shortlist import Standing, standings
from touchline.report.review_items import Claim, Moment

# A person who takes ten seconds per moment finishes this list in ten minutes.
_SHORTLISTED = 60


@dataclass(frozen=True, slots=True)
class Priority:
    """How soon a moment is worth a look.

    Attributes:
        order: 0 for the moment that comes first.
        listed: whether it is among the first 60 with an event in the shortlist of a model.
        probability: of the most probable of its events; None where it is unknown.
        ranks: of each claim, in their order, the best place that one of its events has in its
            class among the events of the same model; None of what no model predicted, and of a
            label that is no class.
    """

    order: int
    listed: bool
    probability: float | None
    ranks: list[int | None]


def priorities(
    moments: Sequence[Moment],
    shortlists: Mapping[str, Mapping[Event, Standing]],
    events: Mapping[str, Sequence[Event]],
    classes: Sequence[str],
) -> list[Priority]:
    """How soon each moment is worth a look, by the best standing that one of its events has.

    First the most probable ones; then the best of every class, the second best of every class,
    and so on, in the order of the classes; last, by time, what has no event of a class.

    Args:
        shortlists: of each model.
        events: of each model, all of them.
        classes: of labels.yaml, in its order.
    """
    of_model = {m: standings(mine, classes, shortlists[m]) for m, mine in events.items()}
    number_of = {label: number for number, label in enumerate(classes)}

    def found(claim: Claim) -> list[Standing]:
        standing = (of_model[one.model].get(one.event) for one in claim.predictions)
        return [each for each in standing if each is not None]

    def key(moment: Moment) -> tuple[object, ...]:
        keys = [(e.order, number_of[claim.label]) for claim in moment.claims for e in found(claim)]
        return not keys, min(keys, default=()), moment.time_s

    first = sorted(range(len(moments)), key=lambda number: key(moments[number]))
    order = {number: place for place, number in enumerate(first)}

    def has_listed(moment: Moment) -> bool:
        predictions = (one for claim in moment.claims for one in claim.predictions)
        return any(one.event in shortlists[one.model] for one in predictions)

    listed = set(islice((number for number in first if has_listed(moments[number])), _SHORTLISTED))
    result = []
    for number, moment in enumerate(moments):
        likely = [each.probability for claim in moment.claims for each in found(claim)]
        result.append(
            Priority(
                order=order[number],
                listed=number in listed,
                probability=max((each for each in likely if each is not None), default=None),
                ranks=[min((each.rank for each in found(c)), default=None) for c in moment.claims],
            )
        )
    return result
