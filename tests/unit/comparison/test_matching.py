"""Times are paired as often as possible, then as closely as possible."""

import math
import random

import mir_eval.util
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from touchline.comparison.matching import matched_pairs, moments

TIMES = st.lists(st.floats(0, 60) | st.integers(0, 30).map(float), max_size=12)
TOLERANCE = st.sampled_from([0.0, 1.0, 2.5, 5.0, 100.0])


def distance(pairs, a, b):
    return math.fsum(abs(a[i] - b[j]) for i, j in pairs)


def best_by_hungarian(a, b, tolerance):
    """Cardinality and distance of the best pairs, by scipy on the full matrix."""
    if not a or not b:
        return 0, 0.0
    apart = np.abs(np.subtract.outer(a, b))
    gain = np.where(apart <= tolerance, 1e6 - apart, 0.0)
    chosen = [(i, j) for i, j in zip(*linear_sum_assignment(-gain), strict=True) if gain[i, j]]
    return len(chosen), distance(chosen, a, b)


def test_cardinality_is_mir_evals_on_500_cases():
    source = random.Random(4)
    for _ in range(500):
        # On a grid as often as not: windows start on one, and ties are the hard part.
        step = source.choice([0.0, 0.5, 2.0])
        a, b = (
            sorted(
                round(time / step) * step if step else time
                for time in (source.uniform(0, 100) for _ in range(source.randrange(40)))
            )
            for _ in range(2)
        )
        tolerance = source.choice([0.5, 2.0, 5.0])
        expected = mir_eval.util.match_events(np.array(a), np.array(b), tolerance)
        assert len(matched_pairs(a, b, tolerance)) == len(expected)


@given(TIMES, TIMES, TOLERANCE)
def test_pairs_are_the_best_there_are(a, b, tolerance):
    pairs = matched_pairs(a, b, tolerance)
    count, least = best_by_hungarian(a, b, tolerance)
    assert len(pairs) == count
    assert distance(pairs, a, b) == pytest.approx(least, abs=1e-4)


@given(TIMES, TIMES, TOLERANCE)
def test_symmetric_one_to_one_and_within_the_tolerance(a, b, tolerance):
    pairs = matched_pairs(a, b, tolerance)
    assert sorted((j, i) for i, j in pairs) == sorted(matched_pairs(b, a, tolerance))
    assert all(abs(a[i] - b[j]) <= tolerance for i, j in pairs)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)


@given(TIMES, TIMES, TOLERANCE, st.randoms())
def test_the_order_of_the_lists_does_not_matter(a, b, tolerance, source):
    times = sorted((a[i], b[j]) for i, j in matched_pairs(a, b, tolerance))
    source.shuffle(a)
    assert sorted((a[i], b[j]) for i, j in matched_pairs(a, b, tolerance)) == times


def test_more_pairs_are_worth_more_than_near_ones():
    assert matched_pairs([4.0, 6.0], [1.0, 4.0], 4.0) == [(0, 0), (1, 1)]


def test_of_equals_the_earlier():
    assert matched_pairs([0.0, 2.0], [1.0], 5.0) == [(0, 0)]
    assert matched_pairs([1.0], [0.0, 2.0], 5.0) == [(0, 0)]


def test_a_list_without_pauses_takes_time_in_proportion():
    # 20,000 events a list that all hang together: the Hungarian method would need hours.
    times = [2.0 * k for k in range(20_000)]
    assert len(matched_pairs(times, [time + 1 for time in times], 5.0)) == len(times)


@given(TIMES, TIMES, TOLERANCE)
def test_moments_of_two_lists_are_their_pairs(a, b, tolerance):
    found = moments([a, b], tolerance)
    pairs = {(moment[0], moment[1]) for moment in found if len(moment) == 2}
    assert pairs == set(matched_pairs(a, b, tolerance))
    assert sorted(moment[0] for moment in found if 0 in moment) == list(range(len(a)))
    assert sorted(moment[1] for moment in found if 1 in moment) == list(range(len(b)))


def test_moments_of_three_lists_stay_near_the_first_that_has_them():
    found = moments([[10.0], [14.0, 50.0], [18.0, 52.0]], 5.0)
    assert found == [{0: 0, 1: 0}, {2: 0}, {1: 1, 2: 1}]
