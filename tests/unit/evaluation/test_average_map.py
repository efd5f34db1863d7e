"""Compare average-mAP with SoccerNet's evaluator."""

import sys

import numpy as np
import pytest
from halves import generated, half

from touchline.core.soccernet import SOCCERNET_CLASSES
from touchline.errors import InputError
from touchline.evaluation import soccernet_evaluator
from touchline.evaluation.average_map import compute_average_maps, mean_ap
from touchline.evaluation.average_precision import mean_over_deltas
from touchline.evaluation.metrics import by_label, game_names


@pytest.fixture(scope="module")
def maps():
    """Return three halves, their average-mAP, and the results of SoccerNet's evaluator."""
    halves = [generated(v, SOCCERNET_CLASSES[:6]) for v in (1, 2, 3)]
    theirs = soccernet_evaluator.evaluate([(one.truth, one.events) for one in halves])
    with pytest.MonkeyPatch.context() as patch:  # it takes seconds; once is enough
        patch.setattr(soccernet_evaluator, "evaluate", lambda halves: theirs)
        return halves, compute_average_maps(halves, resamples=200), theirs


def test_average_map_equals_the_value_of_the_soccernet_evaluator(maps):
    _, ours, theirs = maps
    assert set(ours) == {"loose", "tight", "at1", "at2", "at3", "at4", "at5"}
    for metric, figures in ours.items():
        assert figures.mean.value == pytest.approx(theirs[metric]["a_mAP"], abs=1e-6)
        assert 0 < figures.mean.by_chance < figures.mean.value
        assert figures.mean.low <= figures.mean.value <= figures.mean.high
        assert figures.classes["Penalty"] > 0
        assert figures.classes["Corner"] is None


def test_fast_mean_ap_equals_the_value_of_the_soccernet_evaluator(maps):
    halves, _, theirs = maps
    lists = by_label(halves, {name: name for name in SOCCERNET_CLASSES}, game_names(halves))
    at = {delta: mean_ap(lists, delta, np.ones((1, 3))) for delta in range(1, 61)}
    for metric, deltas in soccernet_evaluator.METRICS.items():
        mean = mean_over_deltas([at[delta] for delta in deltas])
        assert mean[0] == pytest.approx(theirs[metric]["a_mAP"], abs=1e-9)


def test_average_map_is_zero_without_predictions_and_null_without_annotations(monkeypatch):
    zeros = {"a_mAP": 0.0, "a_mAP_visible": 0.0, "a_mAP_unshown": 0.0}
    zeros |= {"a_mAP_per_class": [0.0] * 17}
    theirs = dict.fromkeys(soccernet_evaluator.METRICS, zeros)
    monkeypatch.setattr(soccernet_evaluator, "evaluate", lambda halves: theirs)
    unknown = compute_average_maps([half([], [(10, "Goal", 0.5)])], resamples=1)["loose"]
    assert (unknown.mean.value, unknown.visible, unknown.classes["Goal"]) == (None, None, None)
    nothing = compute_average_maps([half([(10, "Goal")], [])], resamples=1)["loose"]
    assert (nothing.mean.value, nothing.visible, nothing.classes["Goal"]) == (0, 0, 0)
    wrong = compute_average_maps([half([(10, "Goal")], [(900, "Goal", 0.5)])], resamples=1)["loose"]
    assert (wrong.mean.value, wrong.classes["Goal"], wrong.classes["Foul"]) == (0, 0, None)


def test_missing_evaluator_is_reported_with_the_install_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "SoccerNet.Evaluation.ActionSpotting", None)
    with pytest.raises(InputError, match=r"pip install --no-deps -r requirements\.no-deps\.txt"):
        compute_average_maps([half([(10, "Goal")], [])])
