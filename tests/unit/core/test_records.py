"""Tests that every stage ranks events by the same score."""

from samples import event

from touchline.comparison.ensemble import fuse
from touchline.evaluation.annotations import TrueEvent
from touchline.evaluation.evaluate import evaluate
from touchline.evaluation.outcomes import Half
from touchline.events.exports import results_spotting
from touchline.events.merge import merge_events

# All three events lie within the merge radius, so only one is kept. Most certain first.
UNSCORED = event(11.0)
SURE = event(12.0, score=0.9)
STATED = event(10.0, confidence=0.2)


def test_event_without_score_wins_when_merging_and_fusing():
    for other in (SURE, STATED):
        ((merged,), _) = merge_events([other, UNSCORED], 3.0, "best")
        (fused,) = fuse({"a": [other], "b": [UNSCORED]}, 3.0, "nms")
        assert merged.time_s == fused.time_s == UNSCORED.time_s


def test_event_without_score_is_exported_with_confidence_one():
    confidences = [
        float(one["confidence"])
        for one in results_spotting("game", {1: [UNSCORED, SURE, STATED]})["predictions"]
    ]
    assert (
        confidences
        == [UNSCORED.ranking_score, SURE.ranking_score, STATED.ranking_score]
        == [1.0, 0.9, 0.2]
    )


def test_event_without_score_ranks_first_in_average_precision():
    far = event(500.0, score=0.95)
    truth = [TrueEvent(UNSCORED.time_s, "Goal")]
    half = Half(0, "game", truth, [UNSCORED, far], ((0.0, 900.0),))
    report, _ = evaluate([half], "model", [3.0], shifts=1, resamples=1)
    (goal,) = (one for one in report.classes if one.label == "Goal")
    assert goal.average_precision.value == 1.0
