"""Test the order of moments in a review."""

from samples import event

from touchline.comparison.compare import Track
from touchline.evaluation.annotations import TrueEvent
from touchline.events.shortlist import LearntOrder, shortlist
from touchline.report.priority import priorities
from touchline.report.review_items import build_moments

CLASSES = ("Goal", "Foul")
ALL = ((0.0, 1000.0),)


def scored(time, label, score):
    return event(time, label, score=score, score_kind="context", known=label in CLASSES)


def looked_at(events, likely=None, truth=None, per_class=1):
    """Return label, time and priority of the moments, in the order of review."""
    tracks = {model: Track(mine, ALL) for model, mine in events.items()}
    moments = build_moments(tracks, 5, truth=truth)
    lists = {
        model: {mine[n]: one for n, one in found.items()}
        for model, mine in events.items()
        for found in [
            shortlist(mine, CLASSES, per_class, LearntOrder(likely[model]) if likely else None)
        ]
    }
    found = priorities(moments, lists, events, CLASSES)
    assert sorted(one.order for one in found) == list(range(len(moments)))
    pairs = sorted(zip(found, moments, strict=True), key=lambda pair: pair[0].order)
    return [(moment.claims[0].label, moment.time_s, one) for one, moment in pairs]


def rows(found):
    return [(label, time, one.listed, one.ranks) for label, time, one in found]


def test_best_events_of_every_class_come_first():
    events = {
        "a": [
            scored(10, "Foul", 0.9), scored(50, "Goal", 0.6), scored(90, "Aside", 0.95),
            scored(130, "Goal", 0.7), scored(170, "Foul", 0.4),
        ]
    }  # fmt: skip
    truth = [TrueEvent(300, "Goal"), TrueEvent(200, "Foul")]
    assert rows(looked_at(events, truth=truth)) == [
        ("Goal", 130, True, [1]),
        ("Foul", 10, True, [1]),
        ("Goal", 50, False, [2]),
        ("Foul", 170, False, [2]),
        ("Aside", 90, False, [None]),
        ("Foul", 200, False, [None]),
        ("Goal", 300, False, [None]),
    ]


def test_moment_has_the_best_rank_of_its_events():
    events = {
        "a": [scored(10, "Goal", 0.8), scored(50, "Goal", 0.7), scored(90, "Goal", 0.6)],
        "b": [scored(12, "Goal", 0.6), scored(52, "Goal", 0.6), scored(92, "Foul", 0.6)],
    }
    assert rows(looked_at(events)) == [
        ("Goal", 10, True, [1]),
        ("Goal", 90, True, [3, 1]),
        ("Goal", 50, False, [2]),
    ]


def test_most_probable_moments_come_first():
    events = {"a": [scored(10, "Goal", 0.6), scored(50, "Foul", 0.7), scored(90, "Foul", 0.6)]}
    found = looked_at(events, {"a": [0.55, 0.6, 0.9]})
    assert [(label, time) for label, time, _ in found] == [("Foul", 90), ("Foul", 50), ("Goal", 10)]
    assert [one.probability for *_, one in found] == [0.9, 0.6, 0.55]
