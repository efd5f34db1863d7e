"""Compare counts with SoccerNet's evaluator and mir_eval."""

import mir_eval.util
import numpy as np
import pytest
from halves import WHOLE, generated, half, soccernets_hits
from samples import event

from touchline.evaluation.annotations import TrueEvent
from touchline.evaluation.evaluate import evaluate
from touchline.evaluation.outcomes import Half, annotated_classes, outcomes


@pytest.mark.parametrize("tolerance", [2, 5, 15, 30])
def test_counts_equal_those_of_the_soccernet_evaluator_and_of_mir_eval(tolerance):
    report, _ = evaluate([generated(1)], "m", [tolerance], resamples=1)
    one = generated(1)
    assert {figures.label for figures in report.classes} == {"Goal", "Foul", "Corner"}
    for figures in report.classes:
        # Rounded to SoccerNet's frames, so that all see the same times.
        truth = [e.time_s for e in one.truth if e.label == figures.label]
        times = [e.time_s for e in one.events if e.label == figures.label]
        by_soccernet, predicted, true = soccernets_hits(truth, times, [0.5] * len(times), tolerance)
        assert (figures.predicted, figures.true) == (predicted, true)
        pairs = mir_eval.util.match_events(np.array(truth), np.array(times), tolerance)
        assert figures.true_positives == len(pairs)
        assert abs(figures.true_positives - by_soccernet) <= 1  # a frame of rounding
        assert figures.precision.value == pytest.approx(len(pairs) / predicted, abs=1e-6)
        assert figures.recall.value == pytest.approx(len(pairs) / true, abs=1e-6)


def test_only_events_within_the_coverage_count():
    one = half(
        [(100, "Goal"), (900, "Goal"), (1500, "Foul")],
        [(101, "Goal", 0.9), (905, "Goal", 0.9), (1000, "Foul", 0.5)],
        looked_at=((0.0, 500.0), (1200.0, 2700.0)),
    )
    report, _ = evaluate([one], "m", [5])
    goals = next(f for f in report.classes if f.label == "Goal")
    assert (goals.true, goals.predicted, goals.true_positives) == (1, 1, 1)
    fouls = next(f for f in report.classes if f.label == "Foul")
    assert (fouls.true, fouls.predicted) == (1, 0)
    assert (report.not_looked_at, report.seconds) == (1, 2000)


def test_precision_is_null_without_predictions_and_zero_without_hits():
    report, _ = evaluate([half([(10, "Goal")], [(500, "Foul", 0.5)])], "m", [5])
    goal, foul = report.classes[1], report.classes[0]
    assert (goal.precision.value, goal.recall.value, goal.f1.value) == (None, 0, None)
    assert goal.average_precision.value is None
    assert (foul.precision.value, foul.recall.value, foul.misses) == (0, None, 0)
    nothing, _ = evaluate([half([(10, "Goal")], [])], "m", [5])
    assert nothing.overall[0].average_precision.value is None


def test_figures_without_annotations_are_null():
    report, _ = evaluate([half([], [])], "m", [5])
    assert report.classes == []
    assert report.overall[0].recall.value is None


def test_events_not_shown_are_counted_separately():
    truth = [TrueEvent(10, "Foul"), TrueEvent(50, "Foul", None, False)]
    one = Half(0, "g", truth, [event(50, "Foul"), event(90, "Foul")], WHOLE)
    report, _ = evaluate([one], "m", [5])
    (fouls,) = report.classes
    assert (fouls.true, fouls.not_shown, fouls.not_shown_found) == (2, 1, 1)
    found_ = outcomes([one], annotated_classes([one]), 5)
    assert [o.verdict for o in found_] == ["miss", "true positive", "false positive"]
    assert [o.true.visible for o in found_[:2]] == [True, False]


def test_all_kinds_of_free_kick_form_a_combined_class():
    events = [event(10, "Direct free-kick"), event(50, "Free kick", known=False)]
    truth = [TrueEvent(11, "Indirect free-kick"), TrueEvent(51, "Direct free-kick")]
    report, _ = evaluate([Half(0, "g", truth, events, WHOLE)], "m", [5])
    assert report.overall[0].true_positives == 0
    assert report.any_free_kick[0].true_positives == 2
    assert report.unknown == 1


def test_predictions_of_unannotated_classes_are_left_out():
    one = half([(10, "Goal")], [(10, "Goal", 0.9), (30, "Goal kick", 0.9)])
    report, _ = evaluate([one], "m", [5])
    assert (report.overall[0].predicted, report.not_annotated) == (1, 1)
    # In a table of one's own it can be annotated.
    mine = half([(10, "Goal"), (31, "Goal kick")], [(30, "Goal kick", 0.9)])
    assert evaluate([mine], "m", [5])[0].overall[0].true_positives == 1


def test_stated_classes_limit_the_evaluation():
    one = half([(10, "Goal")], [(10, "Goal", 0.9), (30, "Corner", 0.9), (50, "Foul", 0.9)])
    everything, _ = evaluate([one], "m", [5])
    assert (everything.overall[0].predicted, everything.not_annotated) == (3, 0)
    few, _ = evaluate([one], "m", [5], classes=["Goal", "Corner"])
    assert (few.overall[0].predicted, few.not_annotated) == (2, 1)
    assert [figures.label for figures in few.classes] == ["Corner", "Goal"]
