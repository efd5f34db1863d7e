"""Tests of the fusion of several models' events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import event

from touchline.comparison.ensemble import fuse
from touchline.core.records import Vote

PREDICTED = {
    "llava": [event(10.0, score=0.9), event(100.0, "Foul", score=0.4)],
    "qwen7b": [event(12.0, confidence=0.8, team="home"), event(300.0, "Foul", confidence=0.9)],
    "netvlad": [event(14.0, score=0.5), event(102.0, "Foul", score=0.6)],
}


def brief(events):
    return [(e.time_s, e.label, [vote.model for vote in e.said_by]) for e in events]


def test_union_keeps_every_moment_once():
    fused = fuse(PREDICTED, 5.0, "union")
    assert brief(fused) == [
        (10.0, "Goal", ["llava", "qwen7b", "netvlad"]),
        (102.0, "Foul", ["llava", "netvlad"]),
        (300.0, "Foul", ["qwen7b"]),
    ]
    goal = fused[0]
    assert goal.said_by == (
        Vote("llava", 10.0, 10.0),
        Vote("qwen7b", 12.0, 12.0),
        Vote("netvlad", 14.0, 14.0),
    )
    assert (goal.first_s, goal.last_s, goal.n_hits, goal.score) == (10.0, 14.0, 3, 0.9)


def test_intersection_needs_every_model():
    assert brief(fuse(PREDICTED, 5.0, "intersection")) == [
        (10.0, "Goal", ["llava", "qwen7b", "netvlad"])
    ]


def test_events_with_other_labels_are_not_fused():
    predicted = {"a": [event(1.0)], "b": [event(1.0, "Foul")]}
    assert len(fuse(predicted, 5.0, "union")) == 2
    assert fuse(predicted, 5.0, "intersection") == []


@pytest.mark.parametrize(
    ("weights", "threshold", "times"),
    [
        ({}, 1.0, [11.6, 101.2, 300.0]),
        ({}, 2.0, [11.6, 101.2]),
        ({}, 3.0, [11.6]),
        ({"qwen7b": 0.0}, 1.0, [11.4, 101.2]),
        ({"qwen7b": {"Foul": 2.0}}, 2.0, [11.6, 101.2, 300.0]),
        ({"llava": {"Foul": 0.5}, "netvlad": 0.25}, 1.0, [11.15, 300.0]),
    ],
)
def test_weighted_method_keeps_moments_that_reach_the_threshold(weights, threshold, times):
    fused = fuse(PREDICTED, 5.0, "weighted", weights=weights, threshold=threshold)
    assert [e.time_s for e in fused] == pytest.approx(times, abs=0.06)


def test_weighted_method_takes_the_mean_of_times_and_scores():
    predicted = {"a": [event(10.0, score=0.8)], "b": [event(13.0, score=0.4)], "c": []}
    (fused,) = fuse(predicted, 5.0, "weighted", weights={"c": 2.0})
    assert fused.time_s == 11.0
    assert fused.score == pytest.approx((0.8 + 0.4) / 4)
    (fused,) = fuse({"a": [event(10.0, score=0.0)]}, 5.0, "weighted")
    assert (fused.time_s, fused.score) == (10.0, 0.0)


def test_nms_keeps_the_strongest_event_of_all_models():
    predicted = {
        "a": [event(10.0, score=0.5), event(13.0, score=0.6)],
        "b": [event(12.0, score=0.7), event(30.0, score=0.1)],
    }
    fused = fuse(predicted, 3.0, "nms")
    assert brief(fused) == [(12.0, "Goal", ["a", "b", "a"]), (30.0, "Goal", ["b"])]
    assert [e.time_s for e in fuse(predicted, 3.0, "nms", weights={"b": 0.5})] == [13.0, 30.0]


def test_event_without_score_ranks_like_an_event_with_score_one():
    predicted = {"a": [event(10.0, score=0.9)], "b": [event(12.0)]}
    assert fuse(predicted, 5.0, "union")[0].time_s == 12.0


EVENTS = st.lists(
    st.builds(
        lambda time, label, score: event(float(time), label, score=score),
        st.integers(0, 80),
        st.sampled_from(["Goal", "Foul"]),
        st.sampled_from([None, 0.0, 0.5, 0.9]),
    ),
    max_size=12,
)


@given(EVENTS, EVENTS, EVENTS, st.sampled_from(["union", "weighted", "nms"]))
def test_every_vote_is_in_exactly_one_fused_event(a, b, c, method):
    predicted = {"a": a, "b": b, "c": c}
    fused = fuse(predicted, 4.0, method, threshold=0.0)
    voices = sorted((v.model, e.label, v.time_s) for e in fused for v in e.said_by)
    assert voices == sorted((m, e.label, e.time_s) for m, mine in predicted.items() for e in mine)
    assert [e.time_s for e in fused] == sorted(e.time_s for e in fused)
    for one in fused:
        assert one.first_s <= one.time_s <= one.last_s


@given(EVENTS, EVENTS)
def test_intersection_is_a_subset_of_the_union(a, b):
    predicted = {"a": a, "b": b}
    union = fuse(predicted, 4.0, "union")
    assert fuse(predicted, 4.0, "intersection") == [e for e in union if len(e.said_by) == 2]
