"""Reliability shows what to trust, and recalibration learns it from other matches only."""

import random

import numpy as np
import pytest
from samples import event
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from touchline.errors import InputError
from touchline.evaluation.annotations import TrueEvent, check_games
from touchline.evaluation.calibration import calibrate, fit, judged
from touchline.evaluation.outcomes import Half
from touchline.evaluation.recalibration import probability, recalibrated

WHOLE = ((0.0, 3000.0),)


def halves(count=4, seed=0):
    """Matches whose events say 0.9 throughout; long runs and goals are right more often."""
    made = []
    for number in range(count):
        source = random.Random(f"{number} {seed}")
        truth, events = [], []
        for k in range(70):
            time, label = 40.0 * k + 20, source.choice(["Goal", "Foul"])
            hits = source.choice([1, 2, 5])
            right = source.random() < {1: 0.15, 2: 0.4, 5: 0.8}[hits] * (
                1 if label == "Goal" else 0.5
            )
            score = min(0.99, max(0.01, source.gauss(0.7 if right else 0.5, 0.15)))
            events.append(event(time, label, n_hits=hits, confidence=0.9, score=score))
            truth += [TrueEvent(time, label)] if right else []
        made.append(Half(number, f"game {number}", truth, events, WHOLE))
    return made


@pytest.fixture(scope="module")
def report():
    return calibrate(halves(), "m", 5)


def test_reliability_tells_which_signal_ranks(report):
    confidence, score, n_hits = report.reliability
    assert (confidence.events, len(confidence.bins)) == (280, 1)
    assert confidence.bins[0].mean == 0.9
    assert confidence.error == pytest.approx(abs(0.9 - report.right / report.events), abs=1e-4)
    assert confidence.area == 0.5
    assert score.area > 0.7
    assert n_hits.error is None
    assert [bin_.low for bin_ in n_hits.bins] == [1, 2, 4]
    shares = [bin_.right for bin_ in n_hits.bins]
    assert shares == sorted(shares)
    assert sum(bin_.events for bin_ in score.bins) == score.events == 280


def test_figures_are_scikit_learns(report):
    events = judged(halves(), 5)
    right = [one.right for one in events]
    score = [one.event.score for one in events]
    assert report.reliability[1].area == pytest.approx(roc_auc_score(right, score), abs=1e-4)
    assert report.as_said.brier == pytest.approx(brier_score_loss(right, score), abs=1e-4)
    assert report.as_said.log_loss == pytest.approx(log_loss(right, score), abs=1e-4)
    learnt = [probability(one.event, report.without[one.game]) for one in events]
    assert report.recalibrated.brier == pytest.approx(brier_score_loss(right, learnt), abs=1e-4)


def test_recalibration_is_better_on_matches_that_it_has_not_seen(report):
    assert report.recalibrated.brier < report.as_said.brier - 0.03
    assert report.recalibrated.error < report.as_said.error
    fresh = judged(halves(3, seed=1), 5)
    probabilities = [probability(one.event, report.from_all) for one in fresh]
    assert np.mean(probabilities) == pytest.approx(np.mean([o.right for o in fresh]), abs=0.06)


def test_a_matchs_own_labels_do_not_reach_its_scores():
    one = halves()
    # Whatever is true in game 0, what is learnt for game 0 stays the same.
    other = [Half(0, "game 0", [], one[0].events, WHOLE), *one[1:]]
    first, second = calibrate(one, "m", 5), calibrate(other, "m", 5)
    assert first.without["game 0"] == second.without["game 0"]
    assert first.without["game 1"] != second.without["game 1"]
    mine = recalibrated(one[0].events, first, "game 0")
    assert mine == recalibrated(one[0].events, second, "game 0")
    assert {e.time_s for e in mine} == {e.time_s for e in one[0].events}
    assert len({e.score for e in mine}) > 50


def test_probability_is_the_logistic_regression_that_was_fitted():
    events = judged(halves(), 5)
    by = fit(events)
    assert set(by.classes) == {"Goal", "Foul"}
    assert by.n_hits > 0
    assert by.score > 0
    assert by.confidence == pytest.approx(0, abs=0.5)
    # An intercept makes the mean probability the share that is right.
    mean = np.mean([probability(one.event, by) for one in events])
    assert mean == pytest.approx(np.mean([one.right for one in events]), abs=1e-3)


def test_what_cannot_be_learnt_is_null_and_asking_for_it_an_error():
    single = calibrate(halves(1), "m", 5)
    assert single.from_all is not None
    assert single.without == {"game 0": None}
    assert single.recalibrated is None
    with pytest.raises(InputError, match="m cannot be calibrated for game 0"):
        recalibrated([event(1)], single, "game 0")
    # A match without labels learns from all that have them.
    assert 0 < recalibrated([event(1)], single, "game 9")[0].score < 1
    empty = calibrate([Half(0, "g", [], [], WHOLE)], "m", 5)
    assert (empty.events, empty.from_all, empty.reliability[1].error) == (0, None, None)
    with pytest.raises(InputError, match="1 of the selected matches have labels"):
        check_games({"game 0"})
