"""Tests of the shortlist: the best or most probable events of each class."""

from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import NASTY, event

from touchline.core.records import Context, Vote
from touchline.events.predictions import EVENTS, read_events_csv, write_events_csv
from touchline.events.shortlist import (
    SHORTLIST,
    LearntOrder,
    Standing,
    read_shortlist,
    shortlist,
    shortlist_table,
    standings,
)
from touchline.inputs.videos import GameHalf

CLASSES = ("Penalty", "Goal", "Foul")


def scored(time, label="Goal", score=0.7, **fields):
    return event(time, label, score=score, score_kind="context", **fields)


def listed(events, per_class=10, probabilities=None, reordered=CLASSES):
    """Return label, time and rank of the listed events, in order."""
    learnt = LearntOrder(probabilities, reordered) if probabilities else None
    found = shortlist(events, CLASSES, per_class, learnt)
    return [(events[n].label, events[n].time_s, one.rank) for n, one in found.items()]


# Without labels of other games


def test_best_event_of_every_class_comes_first():
    events = [
        scored(10, score=0.6), scored(20, "Foul", 0.9), scored(30, score=0.8),
        scored(40, "Foul", 0.7), scored(50, "Penalty", 0.55), scored(60, "Foul", 0.8),
    ]  # fmt: skip
    assert listed(events, per_class=2) == [
        ("Penalty", 50, 1), ("Goal", 30, 1), ("Foul", 20, 1), ("Goal", 10, 2), ("Foul", 60, 2),
    ]  # fmt: skip


def test_event_close_to_a_better_event_is_never_listed():
    events = [scored(10, score=0.9), scored(14, score=0.45), scored(90, score=0.5)]
    assert listed(events) == [("Goal", 10, 1), ("Goal", 90, 2)]
    # A low probability is another kind of score and does not mean a better neighbour.
    low = [replace(one, score_kind="calibrated") for one in events]
    assert listed(low) == [("Goal", 10, 1), ("Goal", 90, 2), ("Goal", 14, 3)]


def test_events_without_a_class_are_not_listed():
    assert listed([scored(10, "Set Pieces", known=False), scored(20)]) == [("Goal", 20, 1)]
    assert listed([]) == []


def test_ties_go_to_the_earlier_event():
    assert listed([scored(30), scored(10), scored(20)], per_class=2) == [
        ("Goal", 10, 1), ("Goal", 20, 2),
    ]  # fmt: skip


# With labels of other games


def test_list_grows_while_at_least_half_of_its_events_are_probably_right():
    events = [scored(10 * k) for k in range(5)]
    assert listed(events, 1, [0.2, 0.9, 0.4, 0.3, 0.1]) == [
        ("Goal", 10, 1), ("Goal", 20, 2), ("Goal", 30, 3),
    ]  # fmt: skip


def test_annotations_never_shorten_the_list():
    events = [scored(10), scored(20, "Foul"), scored(30, "Foul"), scored(40)]
    assert listed(events, 2, [0.01, 0.9, 0.02, 0.03]) == [
        ("Foul", 20, 1), ("Goal", 40, 1), ("Foul", 30, 2), ("Goal", 10, 2),
    ]  # fmt: skip


def test_class_keeps_its_order_unless_reordered():
    events = [scored(10, score=0.9), scored(20, score=0.8), scored(30, score=0.7)]
    assert [time for _, time, rank in listed(events, 1, [0.1, 0.2, 0.4], ()) if rank == 1] == [10]
    assert [time for _, time, rank in listed(events, 1, [0.1, 0.2, 0.4]) if rank == 1] == [30]


def test_class_without_annotations_is_listed_by_score():
    events = [scored(10), scored(20, "Foul"), scored(30, "Foul", 0.9), scored(40, "Foul", 0.6)]
    # These events follow the events with a known probability.
    assert listed(events, 2, [0.1, None, None, None]) == [
        ("Goal", 10, 1), ("Foul", 30, 1), ("Foul", 20, 2),
    ]  # fmt: skip


# Properties of all lists


EVENT = st.builds(
    scored,
    st.integers(0, 50),
    st.sampled_from([*CLASSES, "Other"]),
    st.sampled_from([0.2, 0.4, 0.5, 0.6, 0.9]),
)
PROBABILITY = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.6, 0.9, 1.0])
PROBABLE = st.lists(st.tuples(EVENT, PROBABILITY), max_size=40)


def by_class(events, found):
    """Return the standings of each class with their events, in order."""
    classes = defaultdict(list)
    for place, standing in found.items():
        classes[events[place].label].append((standing, events[place]))
    return classes


@given(st.lists(EVENT, max_size=40), st.integers(1, 12))
def test_listed_events_are_the_best_of_their_class(events, per_class):
    found = shortlist(events, CLASSES, per_class)
    for label in CLASSES:
        candidates = [e for e in events if e.label == label and e.score >= 0.5]
        mine = by_class(events, found)[label]
        assert len(mine) == min(per_class, len(candidates))
        assert [standing.rank for standing, _ in mine] == list(range(1, len(mine) + 1))
        best = sorted((e.score for e in candidates), reverse=True)
        assert [e.score for _, e in mine] == best[: len(mine)]
    ranks = [(one.rank, CLASSES.index(events[place].label)) for place, one in found.items()]
    assert ranks == sorted(ranks)
    assert len(ranks) == sum(map(len, by_class(events, found).values()))


@given(PROBABLE, st.integers(1, 12), st.booleans())
def test_annotations_only_add_events_to_the_list(pairs, per_class, is_reordered):
    events, likely = [e for e, _ in pairs], [p for _, p in pairs]
    learnt = LearntOrder(likely, CLASSES if is_reordered else ())
    found = shortlist(events, CLASSES, per_class, learnt)
    plain = shortlist(events, CLASSES, per_class)
    assert [one.probability for one in found.values()] == sorted(
        (one.probability for one in found.values()), reverse=True
    )
    if not is_reordered:
        assert set(plain) <= set(found)
    for label in CLASSES:
        candidates = [p for e, p in pairs if e.label == label and e.score >= 0.5]
        mine = [standing.probability for standing, _ in by_class(events, found)[label]]
        assert len(mine) >= min(per_class, len(candidates))
        if is_reordered:
            assert mine == sorted(candidates, reverse=True)[: len(mine)]
        assert len(mine) <= per_class or sum(mine) / len(mine) >= 0.5 - 1e-9


@given(PROBABLE, st.randoms(), st.booleans())
def test_order_of_events_does_not_change_the_list(pairs, source, is_probable):
    def looked_at(these):
        events, likely = [e for e, _ in these], [p for _, p in these]
        learnt = LearntOrder(likely, CLASSES) if is_probable else None
        found = shortlist(events, CLASSES, 3, learnt)
        return [(events[place].label, events[place].time_s, one) for place, one in found.items()]

    # There is only one event per class and time.
    pairs = list({(e.label, e.time_s): (e, p) for e, p in pairs}.values())
    assert looked_at(source.sample(pairs, len(pairs))) == looked_at(pairs)


# All events of a class


def test_unlisted_events_rank_after_listed_events():
    events = [
        scored(10, score=0.6),
        scored(20, score=0.9),
        scored(30, score=0.3),
        scored(40, "Aside"),
    ]
    found = standings(events, CLASSES, {events[0]: Standing(1, 0.8)})
    assert found == {
        events[0]: Standing(1, 0.8), events[1]: Standing(2), events[2]: Standing(3),
    }  # fmt: skip


# The file


@pytest.mark.parametrize("likely", [None, [0.25, 0.75]])
def test_shortlist_file_is_read_back_unchanged(tmp_path, likely):
    context = Context(after=1.5, before=0.25, words=0.0, run_s=2.0, quiet_s=0.1 + 0.2)
    events = [
        scored(10.1, "Goal", details=NASTY.replace("\ud83d", ""), context=context, confidence=0.1),
        scored(70.3, "Foul", details="=1+1", team="home", said_by=(Vote("a", 70.3, 70.0),)),
    ]
    write_events_csv(tmp_path / "events.csv", events, video=3, game_half=GameHalf("=game", 1))
    read = read_events_csv(tmp_path / "events.csv")
    table = EVENTS.read(tmp_path / "events.csv")
    found = shortlist(read, CLASSES, 10, LearntOrder(likely) if likely else None)
    SHORTLIST.write(tmp_path / "list.csv", shortlist_table(table, found))
    assert read_shortlist(tmp_path / "list.csv") == {read[n]: one for n, one in found.items()}
    assert list(EVENTS.read(tmp_path / "list.csv")["said_by"]) == [
        "" if n == 0 else "a 70.3" for n in found
    ]


def test_empty_shortlist_is_a_table_without_lines(tmp_path):
    write_events_csv(tmp_path / "events.csv", [])
    table = shortlist_table(EVENTS.read(tmp_path / "events.csv"), {})
    SHORTLIST.write(tmp_path / "list.csv", table)
    assert read_shortlist(tmp_path / "list.csv") == {}
