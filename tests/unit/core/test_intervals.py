"""Tests of interval arithmetic against sets of whole seconds."""

from hypothesis import given
from hypothesis import strategies as st

from touchline.core.intervals import (
    contains,
    elapsed,
    from_records,
    gaps,
    intersection,
    length,
    to_records,
    union,
)

STRETCHES = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8)


def seconds(intervals):
    """Return the whole seconds inside the intervals, as a set."""
    return {second for start, end in intervals for second in range(int(start), int(end))}


@given(STRETCHES, STRETCHES)
def test_interval_arithmetic_equals_set_arithmetic(one, other):
    a, b = union(one), union(other)
    assert seconds(a) == seconds(one)
    assert seconds(intersection(a, b)) == seconds(a) & seconds(b)
    assert seconds(gaps(a, 50.0)) == set(range(50)) - seconds(a)
    assert length(a) == len(seconds(a))
    assert from_records(to_records(a)) == a
    assert all(contains(a, time + 0.5) == (time in seconds(a)) for time in range(50))


def test_elapsed_seconds_exclude_the_gaps():
    assert elapsed(((10.0, 20.0), (100.0, 120.0)), [10.0, 15.0, 20.0, 110.0]) == [0, 5, 10, 20]
