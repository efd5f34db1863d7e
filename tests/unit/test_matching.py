"""Tests of the tolerance rule in every stage, and of the pairing of times."""

import math
import random
import re
from pathlib import Path

import mir_eval.util
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from samples import event
from scipy.optimize import linear_sum_assignment

from touchline.comparison.compare import Track, compare
from touchline.comparison.ensemble import fuse
from touchline.evaluation.annotations import TrueEvent, Truth
from touchline.evaluation.evaluate import evaluate
from touchline.evaluation.outcomes import Half, is_undecided
from touchline.evaluation.recalibration import features
from touchline.events.merge import merge_events
from touchline.matching import (
    group_moments,
    is_within,
    neighbours,
    pair_times,
    reach,
    suppress,
    true_positives,
)
from touchline.report import pages
from touchline.report.review_items import build_moments

TIMES = st.lists(st.floats(0, 60) | st.integers(0, 30).map(float), max_size=12)
TOLERANCE = st.sampled_from([0.0, 1.0, 2.5, 5.0, 100.0])


def distance(pairs, a, b):
    """Return the total distance of the pairs, in seconds."""
    return math.fsum(abs(a[i] - b[j]) for i, j in pairs)


def best_by_hungarian(a, b, tolerance):
    """Return the number and total distance of the best pairs, by scipy on the full matrix."""
    if not a or not b:
        return 0, 0.0
    apart = np.abs(np.subtract.outer(a, b))
    gain = np.where(apart <= reach(tolerance), 1e6 - apart, 0.0)
    chosen = [(i, j) for i, j in zip(*linear_sum_assignment(-gain), strict=True) if gain[i, j]]
    return len(chosen), distance(chosen, a, b)


def test_number_of_pairs_equals_mir_eval():
    source = random.Random(4)
    for _ in range(500):
        # Two of three cases lie on a grid, as windows do. Ties are the difficult cases.
        step = source.choice([0.0, 0.5, 2.0])
        a, b = (
            sorted(
                round(time / step) * step if step else time
                for time in (source.uniform(0, 100) for _ in range(source.randrange(40)))
            )
            for _ in range(2)
        )
        tolerance = source.choice([0.5, 2.0, 5.0])
        expected = mir_eval.util.match_events(np.array(a), np.array(b), reach(tolerance))
        assert len(pair_times(a, b, tolerance)) == len(expected)


@given(TIMES, TIMES, TOLERANCE)
def test_pairs_equal_the_hungarian_optimum(a, b, tolerance):
    pairs = pair_times(a, b, tolerance)
    count, least = best_by_hungarian(a, b, tolerance)
    assert len(pairs) == count
    assert distance(pairs, a, b) == pytest.approx(least, abs=1e-4)


@given(TIMES, TIMES, TOLERANCE)
def test_pairing_is_symmetric_and_within_the_tolerance(a, b, tolerance):
    pairs = pair_times(a, b, tolerance)
    assert sorted((j, i) for i, j in pairs) == sorted(pair_times(b, a, tolerance))
    assert all(is_within(a[i], b[j], tolerance) for i, j in pairs)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)


@given(TIMES, TIMES, TOLERANCE, st.randoms())
def test_order_within_a_list_does_not_change_the_pairs(a, b, tolerance, source):
    times = sorted((a[i], b[j]) for i, j in pair_times(a, b, tolerance))
    source.shuffle(a)
    assert sorted((a[i], b[j]) for i, j in pair_times(a, b, tolerance)) == times


def test_two_pairs_are_preferred_to_one_closer_pair():
    assert pair_times([4.0, 6.0], [1.0, 4.0], 4.0) == [(0, 0), (1, 1)]


def test_ties_go_to_the_earlier_time():
    assert pair_times([0.0, 2.0], [1.0], 5.0) == [(0, 0)]
    assert pair_times([1.0], [0.0, 2.0], 5.0) == [(0, 0)]


def test_pairing_twenty_thousand_events_is_fast():
    # 20,000 events per list without a pause. The Hungarian method would need hours.
    times = [2.0 * k for k in range(20_000)]
    assert len(pair_times(times, [time + 1 for time in times], 5.0)) == len(times)


@given(TIMES, TIMES, TOLERANCE)
def test_moments_of_two_lists_equal_the_pairs_that_matching_finds(a, b, tolerance):
    shared = group_moments([a, b], tolerance)
    pairs = {(moment[0], moment[1]) for moment in shared if len(moment) == 2}
    assert pairs == set(pair_times(a, b, tolerance))
    assert sorted(moment[0] for moment in shared if 0 in moment) == list(range(len(a)))
    assert sorted(moment[1] for moment in shared if 1 in moment) == list(range(len(b)))


def test_times_of_a_moment_are_within_the_tolerance_of_its_first_time():
    shared = group_moments([[10.0], [14.0, 50.0], [18.0, 52.0]], 5.0)
    assert shared == [{0: 0, 1: 0}, {2: 0}, {1: 1, 2: 1}]


# Pairs of decimal times whose distance is close to the tolerance.
DECIMALS = st.integers(1000, 60_000).map(lambda n: n / 1000)
EDGES = st.tuples(
    DECIMALS,
    st.sampled_from([0.0, 0.1, 0.3, 1.1, 2.2, 3.0, 5.0, 15.0]),
    st.sampled_from([-2, -1, 0, 1, 2]),
).map(lambda edge: (edge[0], round(edge[0] + edge[1] + edge[2] / 1000, 3), edge[1]))


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "expected"),
    [
        (5.3, 10.3, 5.0, True),
        (10.3, 5.3, 5.0, True),
        (5.3, 10.301, 5.0, True),
        (5.3, 10.302, 5.0, False),
        (1.1, 3.3, 2.2, True),
        (7.0, 7.0, 0.0, True),
        (7.0, 7.002, 0.0, False),
    ],
)
def test_times_match_up_to_a_millisecond_above_the_tolerance(one, other, tolerance, expected):
    assert is_within(one, other, tolerance) is expected


@given(EDGES)
@example((5.3, 10.3, 5.0))
def test_every_stage_applies_the_same_tolerance(edge):
    one, other, tolerance = edge
    expected = abs(round(1000 * (other - one))) <= 1000 * tolerance + 1
    early, late = sorted((one, other))
    goal = event(one)
    true = TrueEvent(other, "Goal")
    half = Half(0, "a", [true], [goal], ((0.0, 100.0),))
    report, _ = evaluate([half], "m", [tolerance], shifts=1, resamples=1)
    (goals,) = [each for each in report.classes if each.label == "Goal"]
    tracks = {"a": Track([goal], half.looked_at), "b": Track([event(other)], half.looked_at)}
    fused = {"a": [goal], "b": [event(other)]}
    outcomes = {
        "is_within": is_within(one, other, tolerance),
        "pairs": bool(pair_times([one], [other], tolerance)),
        "found": any(true_positives([one], [other], [0.5], tolerance)),
        "neighbours": neighbours([other], one, tolerance) == (0, 1),
        "moments": len(group_moments([[one], [other]], tolerance)) == 1,
        "suppression": suppress([early, late], [0, 1], tolerance) == [0, 0],
        "merging": {
            keep: len(merge_events([goal, event(other)], tolerance, keep)[0]) == 1
            for keep in ("first", "best", "run")
        },
        "comparison": compare(tracks, tolerance, shifts=1)[0].pairs[0].overall.matched == 1,
        "ensembles": {
            method: len(fuse(fused, tolerance, method)) == 1 for method in ("union", "nms")
        },
        "f1": goals.f1.value == 1,
        "average precision": goals.average_precision.value == 1,
        "ranking": goals.ranked_by.score == 1,
        "agreement": features(goal, [[event(other)]], tolerance)["agreement"] == 1,
        "undecided": is_undecided(goal, Truth([], [], [(other, "Goal", False)]), tolerance),
        "page": len(build_moments(tracks, tolerance)) == 1,
    }
    flat = {
        (stage, case): value
        for stage, values in outcomes.items()
        for case, value in (values.items() if isinstance(values, dict) else [("", values)])
    }
    assert flat == dict.fromkeys(flat, expected)


@given(st.lists(DECIMALS, max_size=12).map(sorted), DECIMALS, st.sampled_from([0.0, 1.1, 5.0, 9.9]))
def test_neighbours_are_the_times_within_the_tolerance(times, time, tolerance):
    first, last = neighbours(times, time, tolerance)
    near = [place for place, other in enumerate(times) if is_within(other, time, tolerance)]
    assert list(range(first, last)) == near


@given(EDGES)
def test_pages_apply_the_tolerance_of_the_matching(edge):
    one, other, tolerance = edge
    assert reach_on_pages(tolerance) == pytest.approx(reach(tolerance), abs=1e-9)
    assert (abs(one - other) <= reach_on_pages(tolerance)) == is_within(one, other, tolerance)


def reach_on_pages(tolerance):
    """Return the largest difference within a tolerance, as assets/matching.js defines it."""
    text = Path(pages.__file__).with_name("assets").joinpath("matching.js").read_text()
    return tolerance + float(re.search(r"const SLACK = ([0-9.]+);", text)[1])


def test_suppression_equals_a_plain_double_loop():
    source = random.Random(2)
    for _ in range(200):
        times = sorted(source.choices(range(40), k=source.randrange(30)))
        order = source.sample(range(len(times)), len(times))
        kept = []
        for index in order:
            if all(abs(times[index] - times[other]) > 3 for other in kept):
                kept.append(index)
        kept_by = suppress(times, order, 3)
        assert sorted(kept) == [i for i, leader in enumerate(kept_by) if i == leader]
        assert all(abs(times[i] - times[leader]) <= 3 for i, leader in enumerate(kept_by))
