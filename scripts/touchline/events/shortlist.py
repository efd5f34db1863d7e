"""The shortlist: the events of a video that a person should review first.

A model that answers window by window predicts hundreds of events in a half that has only sixty real
ones. A person with little time begins with the best events of each class.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from pathlib import Path

from pandas import DataFrame

from touchline.core.records import Event
from touchline.core.tables import Table
from touchline.events.merge import rank_key
from touchline.events.predictions import EVENTS, read_events_csv

# The columns of events/shortlist_{model}_video_{v}.csv, with one line per event.
SHORTLIST = Table([("rank", "int64"), ("probability", "Float64"), *EVENTS.columns])

# A list can exceed its usual length while this share of its events is expected to be right.
_LEAST_PRECISION = 0.5
# An event with a context score below this value is close to a better event of its class.
_BEST_OF_ITS_SURROUNDINGS = 0.5


@dataclass(frozen=True, slots=True)
class Standing:
    """The place of an event among the events of its class.

    Attributes:
        rank: place of the event, from 1 for the best event.
        probability: probability that the event is right, learnt from other games; None if unknown.
    """

    rank: int
    probability: float | None = None

    @property
    def order(self) -> tuple[bool, float, int]:
        """Return a sort key. Events that should be reviewed first have the smallest key.

        The most probable events come first. Events of unknown probability follow: the best event of
        every class, then the second best of every class, and so on. Scores of different classes
        cannot be compared.
        """
        return self.probability is None, -(self.probability or 0.0), self.rank


@dataclass(frozen=True, slots=True)
class LearntOrder:
    """The order of a half's events that was learnt from the annotations of other games.

    Attributes:
        probabilities: probability that each event is right; None if nobody annotated its class.
        reordered: classes whose events rank by probability. Events of all other classes rank by
            `ranking_score`, and their probability rises with this score.
    """

    probabilities: Sequence[float | None]
    reordered: Collection[str] = ()


def shortlist(
    events: Sequence[Event],
    classes: Sequence[str],
    per_class: int,
    learnt: LearntOrder | None = None,
) -> dict[int, Standing]:
    """Choose the events that a person should review first.

    A candidate is an event whose label is a class and that has no better event of its class nearby.
    An event with a better neighbour (a context score below 1/2) would show the person the same
    scene again.

    At least the `per_class` best candidates of each class are listed. With annotations of other
    games, a class can have more events, as long as at least half of its listed events are expected
    to be right. Among equally good events, the earlier one comes first.

    Args:
        events: events of one model, or of the ensemble, in one video.
        classes: the classes of labels.yaml, in its order.
        per_class: minimum number of listed events per class, if a class has this number of
            candidates.
        learnt: order from the annotations of other games, if it was shown to be better.

    Returns:
        Standings by place in `events`, sorted by `Standing.order`. Equal standings follow the order
        of the classes.
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
                *rank_key(events[place]),
            )
        )
        count = max(
            per_class, _count_precise([likely[place] for place in places if place in likely])
        )
        for number, place in enumerate(places[:count], start=1):
            listed[place] = Standing(number, likely.get(place))
    return dict(sorted(listed.items(), key=lambda item: item[1].order))


def standings(
    events: Sequence[Event], classes: Sequence[str], listed: Mapping[Event, Standing]
) -> dict[Event, Standing]:
    """Rank all events of each class.

    Events of the shortlist keep their rank. The other events follow, sorted by `ranking_score`.

    Args:
        events: events of one model in one video.
        classes: the classes.
        listed: standings of the shortlist.

    Returns:
        Standings by event. Events whose label is no class are left out.
    """
    found = dict(listed)
    ranked = dict.fromkeys(classes, 0)
    for event in listed:
        ranked[event.label] += 1
    for event in sorted(set(events) - set(listed), key=rank_key):
        if event.label in ranked:
            ranked[event.label] += 1
            found[event] = Standing(ranked[event.label])
    return found


def shortlist_table(events: DataFrame, listed: Mapping[int, Standing]) -> DataFrame:
    """Convert a shortlist to a table with the columns of `SHORTLIST`.

    Args:
        events: a table with the columns of `touchline.events.predictions.EVENTS`.
        listed: standing of each listed event, by its row in `events`. The result's rows have this
            order.
    """
    rows = events.iloc[list(listed)].itertuples(index=False, name=None)
    return SHORTLIST.frame(
        (standing.rank, standing.probability, *row)
        for standing, row in zip(listed.values(), rows, strict=True)
    )


def read_shortlist(path: str | Path) -> dict[Event, Standing]:
    """Read a shortlist: rank and probability of each event, in the order of the file.

    Raises:
        InputError: the file cannot be read or is no such table.
    """
    frame = SHORTLIST.read(path)
    known = frame["probability"].astype(object).where(frame["probability"].notna(), None)
    standings = (Standing(*pair) for pair in zip(frame["rank"], known, strict=True))
    return dict(zip(read_events_csv(path), standings, strict=True))


def is_suppressed(event: Event) -> bool:
    """Return whether an event is too close to a better event of its class to be listed."""
    return event.score_kind == "context" and event.ranking_score < _BEST_OF_ITS_SURROUNDINGS


def _count_precise(probabilities: Sequence[float]) -> int:
    """Return the largest n for which the first n events have an expected precision of 0.5 or more.

    Args:
        probabilities: probability that each event is right, in the order of the list.
    """
    sums = enumerate(accumulate(probabilities), start=1)
    high = takewhile(lambda each: each[1] >= _LEAST_PRECISION * each[0], sums)
    return len(list(high))
