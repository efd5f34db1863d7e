"""Tests of the chance level against analytic values."""

import math
import random
from statistics import fmean

import pytest
from halves import half
from hypothesis import given
from hypothesis import strategies as st
from samples import event

from touchline.comparison.chance_level import shifts
from touchline.comparison.compare import Track, compare
from touchline.evaluation.evaluate import evaluate

SPAN = 2700.0
TIMES = st.lists(st.integers(0, 2_700_000).map(lambda n: n / 1000), min_size=1, max_size=40)


@given(
    TIMES | TIMES.map(lambda times: [2.0 * round(time / 2) for time in times]),
    st.sampled_from([3.0, 20.0, 100.0, SPAN]),
    st.sampled_from([0.0, 0.5, 5.0, 60.0]),
    st.integers(0, 1000),
)
def test_shifts_keep_a_distance_from_zero_and_from_the_span(times, span, tolerance, seed):
    margin = min(4 * tolerance, span / 4)
    drawn = shifts([time % span for time in times], span, tolerance, count=20, seed=seed)
    assert len(drawn) == 20
    assert all(margin - 1e-9 <= shift <= span - margin + 1e-9 for shift in drawn)


def by_comparison(ones, others, span=SPAN, tolerance=5.0):
    """Return the chance level of F1 for two lists of goals: the mean over many seeds."""
    looked_at = ((0.0, span),)
    a, b = (Track([event(time) for time in times], looked_at) for times in (ones, others))
    return fmean(
        compare({"a": a, "b": b}, tolerance, shifts=50, seed=seed)[0].pairs[0].overall.f1_by_chance
        for seed in range(80)
    )


def by_evaluation(ones, others, span=SPAN, tolerance=5.0):
    """Return the F1 by chance of predictions and labels, from `evaluate`."""
    truth, events = [(time, "Goal") for time in ones], [(time, "Goal", 0.5) for time in others]
    this = half(truth, events, looked_at=((0.0, span),))
    reports = (
        evaluate([this], "m", [tolerance], shifts=50, resamples=1, seed=seed, classes=["Goal"])[0]
        for seed in range(80)
    )
    return fmean(report.overall[0].f1.by_chance for report in reports)


WAYS = pytest.mark.parametrize("by_chance", [by_comparison, by_evaluation])


@WAYS
def test_chance_of_one_event_is_twice_the_tolerance_over_the_span(by_chance):
    # 2 * tolerance / span is 0.004, but shifts close to 0 are never drawn.
    assert by_chance([1501.5], [1501.5]) <= 2 * 5 / SPAN
    assert by_chance([1501.5], [700.0]) == pytest.approx(2 * 5 / (SPAN - 40), abs=0.003)


@WAYS
def test_chance_of_two_common_events_equals_the_analytic_value(by_chance):
    # Each event meets the other at shifts of ±600 s, within ±5 s.
    analytic = 2 * (2 * 5 / (SPAN - 40)) / 2
    assert by_chance([1500.0, 2100.0], [1500.0, 2100.0]) == pytest.approx(analytic, abs=0.003)


@WAYS
def test_events_a_minute_apart_do_not_form_a_grid(by_chance):
    minutes = [60.0 * k for k in range(1, 45)]
    # On a grid of one minute, all events would meet at each shift. Off the grid, 2 * 5 / 60 meet.
    assert by_chance(minutes, minutes) == pytest.approx(2 * 5 / 60, abs=0.03)


@WAYS
def test_chance_of_events_on_a_grid_equals_the_analytic_value(by_chance):
    source = random.Random(3)
    ones, others = ([2.0 * k for k in source.sample(range(1350), 25)] for _ in range(2))
    # ±4 s contain five places of the grid. Few of the 25 events compete for the same place.
    analytic = 25 * 5 * 2 / SPAN
    assert by_chance(ones, others, tolerance=4.0) == pytest.approx(analytic, abs=0.03)
    # ±0.5 s contain only one place of the grid. Off the grid, they would contain none.
    assert by_chance(ones, others, tolerance=0.5) == pytest.approx(25 * 2 / SPAN, abs=0.008)


@WAYS
@pytest.mark.parametrize("span", [60.0, 120.0])
def test_chance_in_a_short_video_equals_the_analytic_value(by_chance, span):
    # On the circle, the events are a quarter of the span apart, at the edge of the margin.
    ones, others = [span / 4], [span / 2 + 3]
    margin = min(20.0, span / 4)
    # The shift that moves the second event onto the first wraps around the end.
    needed = ones[0] - others[0] + span
    low, high = max(margin, needed - 5), min(span - margin, needed + 5)
    assert by_chance(ones, others, span) == pytest.approx(
        max(0.0, high - low) / (span - 2 * margin), abs=0.03
    )


def test_shifts_are_multiples_of_the_grid_step_for_any_start_of_the_grid():
    source = random.Random(3)
    times = [0.04 + 2.0 * k for k in source.sample(range(1300), 30)]
    assert all(
        math.isclose(s % 2, 0, abs_tol=1e-9) for s in shifts(times, SPAN, 5.0, count=50, seed=0)
    )
