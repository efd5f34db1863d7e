"""The events of a video that are worth a person's look first.

A model that answers window by window predicts hundreds of events in a half that has sixty. A person
who has time for a few begins with the best of each class.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from pathlib import Path

from pandas import DataFrame

from touchline.core.records import Event
from touchline.core.tables import Table
from touchline.events.merge import rank
from touchline.events.predictions import EVENTS, read_events_csv

# events/shortlist_{model}_video_{v}.csv, a line an event.
SHORTLIST = Table([("rank", "int64"), ("probability", "Float64"), *EVENTS.columns])

# A list grows beyond its usual length while this share of it is expected to be right.
_LEAST_PRECISION = 0.5
# A context score below this is of an event that lies too near to a better one of its class.
_BEST_OF_ITS_SURROUNDINGS = 0.5


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an event stands among the events of its class.

    Attributes:
        rank: 1 is the best.
        probability: that the event is right, learnt from other games; None where it is unknown.
    """

    rank: int
    probability: float | None = None

    @property
    def order(self) -> tuple[bool, float, int]:
        """Sorts what is worth a look first to the front.

        The most probable; then, of unknown probability, the best of every class, the second best
        of every class, and so on: scores of different classes cannot be compared.
        """
        return self.probability is None, -(self.probability or 0.0), self.rank


@dataclass(frozen=True, slots=True)
class LearntOrder:
    """What the labels of other games say about the order of a half's events.

    Attributes:
        probabilities: that each event is right; None for the events of a class that nobody
            annotated.
        reordered: classes whose events rank by probability. In the others the probability rises
            with the worth, and they rank by that.
    """

    probabilities: Sequence[float | None]
    reordered: Collection[str] = ()


def shortlist(
    events: Sequence[Event],
    classes: Sequence[str],
    per_class: int,
    learnt: LearntOrder | None = None,
) -> dict[int, Standing]:
    """Choose the events that are worth a person's look first.

    A candidate is an event of a class that is the best of its surroundings: one that lies too near
    to a better one of its class (its context score is below 1/2) shows the person the same scene
    again. Labels that are no class are no candidates: nobody knows what would make them right.

    The `per_class` best candidates of each class are listed. With labels of other games a class can
    have more, as long as half of what is listed is expected to be right. It never has fewer: with
    labels, too, a person finds what he finds without them. Ties go to the earlier event.

    Args:
        events: of one model, or of the ensemble, in a video.
        classes: of labels.yaml, in its order.
        per_class: how many events of a class are listed at least, where there are that many.
        learnt: from the labels of other games, if that was shown to be better.

    Returns:
        by place in `events`, in the order in which a person should look (`Standing.order`; ties
        as the classes stand).
    """
    candidates: dict[str, list[int]] = {label: [] for label in classes}
    for place, event in enumerate(events):
        if event.label in candidates and not is_suppressed(event):
            candidates[event.label].append(place)
    listed: dict[int, Standing] = {}
    for label, places in candidates.items():
        likely = {
            place: round(probability, 6)
            for place in places
            if learnt and (probability := learnt.probabilities[place]) is not None
        }
        by_probability = learnt is not None and label in learnt.reordered
        places.sort(
            key=lambda place: (
                -likely.get(place, 0.0) if by_probability else 0.0,
                *rank(events[place]),
            )
        )
        count = max(per_class, _as_precise([likely[place] for place in places if place in likely]))
        for number, place in enumerate(places[:count], start=1):
            listed[place] = Standing(number, likely.get(place))
    return dict(sorted(listed.items(), key=lambda item: item[1].order))


def standings(
    events: Sequence[Event], classes: Sequence[str], listed: Mapping[Event, Standing]
) -> dict[Event, Standing]:
    """Rank all events of a class: those of a shortlist as there, the others behind them, by worth.

    Args:
        events: of one model in a video.
        listed: of these.

    Returns:
        events whose label is no class have no standing.
    """
    found = dict(listed)
    ranked = dict.fromkeys(classes, 0)
    for event in listed:
        ranked[event.label] += 1
    for event in sorted(set(events) - set(listed), key=rank):
        if event.label in ranked:
            ranked[event.label] += 1
            found[event] = Standing(ranked[event.label])
    return found


def table_of_shortlist(events: DataFrame, listed: Mapping[int, Standing]) -> DataFrame:
    """A shortlist as a table with the columns of `SHORTLIST`.

    Args:
        events: a table with the columns of `touchline.events.predictions.EVENTS`.
        listed: by place in it, in the order of the lines.
    """
    rows = events.iloc[list(listed)].itertuples(index=False, name=None)
    return SHORTLIST.frame(
        (standing.rank, standing.probability, *row)
        for standing, row in zip(listed.values(), rows, strict=True)
    )


def read_shortlist(path: str | Path) -> dict[Event, Standing]:
    """Read a shortlist, in its order; the events as `read_events_csv` reads them.

    Raises:
        InputError: the file cannot be read or is no such table.
    """
    frame = SHORTLIST.read(path)
    known = frame["probability"].astype(object).where(frame["probability"].notna(), None)
    standings = (Standing(*pair) for pair in zip(frame["rank"], known, strict=True))
    return dict(zip(read_events_csv(path), standings, strict=True))


def is_suppressed(event: Event) -> bool:
    """Whether an event lies too near to a better one of its class to be listed beside it."""
    return event.score_kind == "context" and event.worth < _BEST_OF_ITS_SURROUNDINGS


def _as_precise(probabilities: Sequence[float]) -> int:
    """Count how many of some probabilities, from the first on, have a mean that is high enough."""
    sums = enumerate(accumulate(probabilities), start=1)
    high = takewhile(lambda each: each[1] >= _LEAST_PRECISION * each[0], sums)
    return len(list(high))
