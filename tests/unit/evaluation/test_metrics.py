"""Test chance levels, and intervals from resampled games."""

import random

import pytest
from halves import half

from touchline.evaluation.evaluate import evaluate


def test_dense_predictions_reach_only_the_chance_level():
    source = random.Random(5)
    truth = [(source.uniform(0, 2700), "Foul") for _ in range(30)]
    # A prediction every 10 s finds everything at ±5 s, and so it does when shifted.
    everywhere = half(truth, [(10.0 * k, "Foul", 0.9) for k in range(270)])
    report, _ = evaluate([everywhere], "m", [5])
    recall = report.classes[0].recall
    assert recall.by_chance == pytest.approx(recall.value, abs=0.05)
    sharp = half(truth, [(time, name, 0.9) for time, name in truth])
    recall = evaluate([sharp], "m", [5])[0].classes[0].recall
    assert recall.value == 1
    assert recall.by_chance < 0.25


def test_intervals_come_from_resampled_games():
    good = [half([(t, "Goal") for t in range(0, 900, 90)], [(t, "Goal", 0.9) for t in
            range(0, 900, 90)], v) for v in range(4)]  # fmt: skip
    bad = [half([(t, "Goal") for t in range(0, 900, 90)], [(t + 40, "Goal", 0.9) for t in
           range(0, 900, 90)], v) for v in range(4, 8)]  # fmt: skip
    precision = evaluate(good + bad, "m", [5], resamples=400)[0].classes[0].precision
    assert precision.value == 0.5
    # Half of eight matches are right: a binomial with a standard deviation of 0.177.
    assert precision.low == pytest.approx(0.5 - 1.96 * 0.177, abs=0.09)
    assert precision.high == pytest.approx(0.5 + 1.96 * 0.177, abs=0.09)
    one_match = evaluate(good[:1], "m", [5])[0].classes[0].precision
    assert (one_match.low, one_match.high) == (None, None)
    # Two halves of one match are one draw, not two.
    same = [half([(9, "Goal")], [(9, "Goal", 0.9)], v, "one game") for v in (0, 1)]
    assert evaluate(same, "m", [5])[0].matches == 1
    assert evaluate(same, "m", [5])[0].classes[0].recall.low is None
