"""Test the average precision of several orders of the same events."""

import pytest
from halves import WHOLE, generated
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import event
from sklearn.metrics import average_precision_score

from touchline.evaluation.annotations import TrueEvent
from touchline.evaluation.calibration import calibrate
from touchline.evaluation.evaluate import evaluate
from touchline.evaluation.outcomes import Half
from touchline.evaluation.ranking import (
    average_precisions,
    learnt_scores,
    mean_ranking,
    rankings,
)
from touchline.evaluation.records import Ranking


def one_class(*events, truth=(100.0,)):
    return Half(0, "g", [TrueEvent(time, "Goal") for time in truth], list(events), WHOLE)


def test_each_order_has_its_own_average_precision():
    half = one_class(
        event(100.0, confidence=0.5, n_hits=2, score=0.9),
        event(500.0, confidence=0.9, n_hits=2, score=0.8),
        event(900.0, confidence=0.6, n_hits=1, score=0.7),
    )
    found = average_precisions(rankings([half]), ["Goal"], 5)["Goal"]
    # Third by confidence; of the two with two hits neither comes first.
    assert (found.plain, found.n_hits, found.score) == (pytest.approx(1 / 3, abs=1e-6), 0.5, 1.0)
    assert found.calibrated is None


def test_label_probability_takes_precedence_over_stated_confidence():
    half = one_class(
        event(100.0, confidence=0.1, label_probability=0.9, score=0.1),
        event(500.0, confidence=0.9, label_probability=0.8, score=0.2),
    )
    assert average_precisions(rankings([half]), ["Goal"], 5)["Goal"].plain == 1.0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=30))
def test_average_precision_equals_scikit_learn(these):
    events = [event(20.0 * k, n_hits=1 + hits) for k, (_, hits) in enumerate(these)]
    truth = [20.0 * k for k, (right, _) in enumerate(these) if right] + [2500.0]
    half = one_class(*events, truth=truth)
    found = average_precisions(rankings([half]), ["Goal"], 5)["Goal"].n_hits
    right = [right for right, _ in these]
    expected = average_precision_score(right, [hits for _, hits in these]) if any(right) else 0.0
    assert found == pytest.approx(expected * sum(right) / (sum(right) + 1), abs=1e-6)


def test_mean_ranking_averages_over_occurring_classes():
    assert mean_ranking([]) == Ranking()
    mean = mean_ranking([Ranking(plain=0.5, score=0.4), Ranking(plain=None, score=None)])
    assert (mean.plain, mean.score, mean.calibrated) == (0.25, 0.2, None)


def test_every_row_of_the_evaluation_has_the_result_of_every_ranking():
    halves = [generated(number) for number in range(3)]
    learnt = learnt_scores(halves, calibrate(halves, "m", 5))
    report, _ = evaluate(halves, "m", [5], calibrated=learnt)
    for one in [*report.classes, *report.overall]:
        ranked = one.ranked_by
        assert None not in (ranked.plain, ranked.n_hits, ranked.score, ranked.calibrated)
    # A single game has no other game to learn from.
    assert learnt_scores(halves[:1], calibrate(halves[:1], "m", 5)) is None
