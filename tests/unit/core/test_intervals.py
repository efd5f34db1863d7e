"""The arithmetic of intervals is that of sets of seconds."""

from hypothesis import given
from hypothesis import strategies as st

from touchline.core.intervals import (
    as_records,
    common,
    elapsed,
    gaps,
    intervals_of,
    joined,
    length,
    within,
)

STRETCHES = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8)


def seconds(intervals):
    """Whole seconds as a set, to check the arithmetic of intervals against."""
    return {second for start, end in intervals for second in range(int(start), int(end))}


@given(STRETCHES, STRETCHES)
def test_arithmetic_of_intervals(one, other):
    a, b = joined(one), joined(other)
    assert seconds(a) == seconds(one)
    assert seconds(common(a, b)) == seconds(a) & seconds(b)
    assert seconds(gaps(a, 50.0)) == set(range(50)) - seconds(a)
    assert length(a) == len(seconds(a))
    assert intervals_of(as_records(a)) == a
    assert all(within(a, time + 0.5) == (time in seconds(a)) for time in range(50))


def test_elapsed_leaves_out_what_lies_between():
    assert elapsed(((10.0, 20.0), (100.0, 120.0)), [10.0, 15.0, 20.0, 110.0]) == [0, 5, 10, 20]
