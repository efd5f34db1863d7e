"""Order the moments of a match by how urgently a person should look at them."""

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
    """The priority of a moment in a person's review.

    Attributes:
        order: rank of the moment; 0 is first.
        listed: whether the moment is among the first 60 that contain an event of a shortlist.
        probability: highest probability of the moment's events; None if unknown.
        ranks: best rank of each claim's events, within their class and model. None for claims
            without predictions, and for labels that are not a class.
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
    """Rank each moment by the best of its events.

    The most probable moments come first. Then come the best event of every class, the second best
    of every class, and so on, in the order of the classes. Moments without an event of a class come
    last.

    Args:
        moments: moments of the match.
        shortlists: shortlist of each model.
        events: all events of each model.
        classes: classes of labels.yaml, in their order.
    """
    of_model = {m: standings(mine, classes, shortlists[m]) for m, mine in events.items()}
    number_of = {label: number for number, label in enumerate(classes)}

    def ranks_in_shortlists(claim: Claim) -> list[Standing]:
        """Return the ranks of a claim's events in their shortlists."""
        standing = (of_model[one.model].get(one.event) for one in claim.predictions)
        return [each for each in standing if each is not None]

    def key(moment: Moment) -> tuple[object, ...]:
        """Return the sort key of a moment."""
        keys = [
            (e.order, number_of[claim.label])
            for claim in moment.claims
            for e in ranks_in_shortlists(claim)
        ]
        return not keys, min(keys, default=()), moment.time_s

    first = sorted(range(len(moments)), key=lambda number: key(moments[number]))
    order = {number: place for place, number in enumerate(first)}

    def has_listed(moment: Moment) -> bool:
        """Return whether any event of a moment is in a shortlist."""
        predictions = (one for claim in moment.claims for one in claim.predictions)
        return any(one.event in shortlists[one.model] for one in predictions)

    listed = set(islice((number for number in first if has_listed(moments[number])), _SHORTLISTED))
    result = []
    for number, moment in enumerate(moments):
        likely = [
            each.probability for claim in moment.claims for each in ranks_in_shortlists(claim)
        ]
        result.append(
            Priority(
                order=order[number],
                listed=number in listed,
                probability=max((each for each in likely if each is not None), default=None),
                ranks=[
                    min((each.rank for each in ranks_in_shortlists(c)), default=None)
                    for c in moment.claims
                ],
            )
        )
    return result
