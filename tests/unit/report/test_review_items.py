"""Test the grouping of events into moments."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from samples import event

from touchline.comparison.compare import Track, compare
from touchline.evaluation.annotations import TrueEvent
from touchline.report.review_items import build_moments

ALL = ((0.0, 1000.0),)


def shown(moments):
    """Return the status of each moment, and the models of each label."""
    return [
        (moment.status, {claim.label: sorted(claim.models) for claim in moment.claims})
        for moment in moments
    ]


def track(*events, looked_at=ALL):
    return Track([event(time, label) for time, label in events], looked_at)


def test_moment_status_shows_how_three_models_agree():
    tracks = {
        "a": track((10, "Goal"), (50, "Foul"), (90, "Corner"), (130, "Foul")),
        "b": track((12, "Goal"), (51, "Foul"), (92, "Penalty")),
        "c": track((11, "Goal"), (91, "Corner")),
    }
    assert shown(build_moments(tracks, 5)) == [
        ("agreed", {"Goal": ["a", "b", "c"]}),
        ("some", {"Foul": ["a", "b"]}),
        ("conflict", {"Corner": ["a", "c"], "Penalty": ["b"]}),
        ("only", {"Foul": ["a"]}),
    ]


def test_model_that_did_not_look_does_not_disagree():
    tracks = {
        "a": track((10, "Goal"), (600, "Goal")),
        "b": track((11, "Goal"), looked_at=((0.0, 500.0),)),
        "c": track(looked_at=((700.0, 900.0),)),
    }
    assert shown(build_moments(tracks, 5)) == [
        ("agreed", {"Goal": ["a", "b"]}),
        ("alone", {"Goal": ["a"]}),
    ]
    assert shown(build_moments({"a": track((10, "Goal"))}, 5)) == [("alone", {"Goal": ["a"]})]
    assert build_moments({"a": track()}, 5) == []
    assert shown(build_moments({}, 5, truth=[TrueEvent(9, "Goal")])) == [("missed", {"Goal": []})]


def test_annotations_join_the_claims_of_their_predictions():
    tracks = {"a": track((10, "Goal"), (50, "Foul")), "b": track((11, "Goal"), (52, "Foul"))}
    truth = [TrueEvent(12, "Goal"), TrueEvent(70, "Corner")]
    goal, foul, corner = build_moments(tracks, 5, truth=truth)
    assert [one.right for one in goal.claims[0].predictions] == [True, True]
    assert goal.claims[0].true == truth[:1]
    assert [one.right for one in foul.claims[0].predictions] == [False, False]
    assert (corner.status, corner.time_s, corner.claims[0].true) == ("missed", 70, truth[1:])
    # Missing annotations differ from annotations without events.
    assert build_moments(tracks, 5)[0].claims[0].predictions[0].right is None
    assert build_moments(tracks, 5, truth=[])[0].claims[0].predictions[0].right is False


def test_ensemble_event_is_in_the_moment_of_its_model_events():
    tracks = {"a": track((10, "Goal"), (40, "Goal")), "b": track((12, "Goal"))}
    fused = [event(11, "Goal"), event(40, "Goal")]
    assert [m.claims[0].fused for m in build_moments(tracks, 5, fused=fused)] == [
        fused[:1],
        fused[1:],
    ]


events = st.lists(
    st.tuples(st.integers(0, 120), st.sampled_from(["Goal", "Foul", "Corner"])), max_size=25
)
spans = st.sampled_from([ALL, ((0.0, 60.0),), ((30.0, 200.0),), ((0.0, 20.0), (50.0, 90.0))])


@given(events, events, spans, spans, st.integers(0, 12))
def test_moments_of_two_models_have_the_counts_of_their_comparison(
    one, two, looked, also, tolerance
):
    tracks = {
        name: Track([event(t, label) for t, label in sorted(predicted) if covers(span, t)], span)
        for name, predicted, span in (("a", one, looked), ("b", two, also))
    }
    report, _ = compare(tracks, tolerance)
    (pair,) = report.pairs
    moments = build_moments(tracks, tolerance)
    found = Counter(moment.status for moment in moments)
    assert found["agreed"] == pair.both
    assert found["conflict"] == pair.other_label
    assert found["only"] == pair.only_a + pair.only_b
    assert found["alone"] == pair.not_compared_a + pair.not_compared_b
    # Every event occurs exactly once.
    claims = [claim for moment in moments for claim in moment.claims]
    predicted = [(one.model, one.event) for claim in claims for one in claim.predictions]
    assert Counter(predicted) == Counter((name, e) for name, t in tracks.items() for e in t.events)


def covers(span, time):
    return any(start <= time <= end for start, end in span)


def test_event_of_an_unannotated_class_has_no_outcome():
    tracks = {"a": Track([event(10.0), event(50.0, "Foul")], ((0.0, 100.0),))}
    truth = [TrueEvent(11.0, "Goal")]
    verdicts = {
        classes: [
            m.claims[0].predictions[0].right
            for m in build_moments(tracks, 5, truth=truth, classes=classes)
        ]
        for classes in (None, ("Goal",))
    }
    assert verdicts == {None: [True, False], ("Goal",): [True, None]}


@given(st.lists(events, min_size=3, max_size=4), st.integers(0, 12))
def test_no_moment_is_longer_than_the_tolerance(lists, tolerance):
    tracks = {
        str(number): Track([event(t, label) for t, label in sorted(predicted)], ALL)
        for number, predicted in enumerate(lists)
    }
    found = build_moments(tracks, tolerance)
    for moment in found:
        times = [one.event.time_s for claim in moment.claims for one in claim.predictions]
        assert max(times) - min(times) <= tolerance
        # One claim per label can be judged separately.
        assert len({claim.label for claim in moment.claims}) == len(moment.claims)
    count = Counter(
        (one.model, one.event)
        for moment in found
        for claim in moment.claims
        for one in claim.predictions
    )
    assert count == Counter((name, e) for name, t in tracks.items() for e in t.events)
