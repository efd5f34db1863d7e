"""Reliability shows what to trust, and recalibration learns it from other matches only."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import event
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from touchline.core.records import Context
from touchline.evaluation.annotations import TrueEvent
from touchline.evaluation.calibration import (
    calibrate,
    fit,
    fit_features,
    fit_scores,
    judged,
)
from touchline.evaluation.outcomes import Half
from touchline.evaluation.recalibration import (
    learnt_probabilities,
    probabilities,
    probability,
    recalibrate_all,
    recalibrated,
)

WHOLE = ((0.0, 3000.0),)


def halves(count=4, seed=0, words=0.0):
    """Matches whose events state 0.9 throughout; their score ranks them, and goals are easier.

    Args:
        words: how much more often an event is right whose context has words.
    """
    made = []
    for number in range(count):
        source = random.Random(f"{number} {seed}")
        truth, events = [], []
        for k in range(70):
            time, label = 40.0 * k + 20, source.choice(["Goal", "Foul"])
            score, confirmed = source.random(), source.random() < 0.5
            chance = score * (0.8 if label == "Goal" else 0.4) * (1 - words * (not confirmed))
            right = source.random() < chance
            context = Context(1.0, 0.0, 5.0 if confirmed else 0.0, 2.0, 30.0)
            events.append(
                event(time, label, n_hits=2, confidence=0.9, score=score, context=context)
            )
            truth += [TrueEvent(time, label)] if right else []
        made.append(Half(number, f"game {number}", truth, events, WHOLE))
    return made


@pytest.fixture(scope="module")
def report():
    return calibrate(halves(), "m", 5)


def test_reliability_tells_which_signal_ranks(report):
    confidence, label_probability, score, n_hits = report.reliability
    assert (confidence.events, len(confidence.bins)) == (280, 1)
    assert confidence.bins[0].mean == 0.9
    assert confidence.error == pytest.approx(abs(0.9 - report.right / report.events), abs=1e-4)
    assert confidence.area == 0.5
    assert score.area > 0.7
    assert (label_probability.events, label_probability.area) == (0, None)
    assert n_hits.error is None
    assert [bin_.low for bin_ in n_hits.bins] == [2]
    assert sum(bin_.events for bin_ in score.bins) == score.events == 280
    shares = [bin_.right for bin_ in score.bins]
    assert shares[0] < 0.15 < 0.4 < shares[-1]


def test_figures_are_scikit_learns(report):
    events = judged(halves(), 5)
    right = [one.right for one in events]
    score = [one.event.score for one in events]
    overall = report.quality[0]
    assert report.reliability[2].area == pytest.approx(roc_auc_score(right, score), abs=1e-4)
    assert overall.as_scored.brier == pytest.approx(brier_score_loss(right, score), abs=1e-4)
    assert overall.as_scored.log_loss == pytest.approx(
        log_loss(right, np.clip(score, 0.001, 0.999)), abs=1e-4
    )
    learnt = [probability(one.event, one.features, report.without[one.game]) for one in events]
    assert overall.recalibrated.brier == pytest.approx(brier_score_loss(right, learnt), abs=1e-4)


def test_recalibration_is_better_on_matches_that_it_has_not_seen_in_every_class(report):
    assert [one.label for one in report.quality] == [None, "Foul", "Goal"]
    for one in report.quality:
        assert one.recalibrated.brier < one.as_scored.brier
        assert one.recalibrated.log_loss < one.as_scored.log_loss
        assert one.recalibrated.error < one.as_scored.error
    fresh = judged(halves(3, seed=1), 5)
    learnt = [probability(one.event, one.features, report.from_all) for one in fresh]
    assert np.mean(learnt) == pytest.approx(np.mean([one.right for one in fresh]), abs=0.06)


def test_a_matchs_own_labels_do_not_reach_its_scores():
    one = halves(6, words=0.9)
    # Whatever is true in game 0, what is learnt for game 0 stays the same.
    other = [Half(0, "game 0", [], one[0].events, WHOLE), *one[1:]]
    first, second = calibrate(one, "m", 5), calibrate(other, "m", 5)
    assert first.without["game 0"].features
    assert first.without["game 0"] == second.without["game 0"]
    assert first.without["game 1"] != second.without["game 1"]
    mine = probabilities(one[0].events, first, "game 0")
    assert mine == probabilities(one[0].events, second, "game 0")
    assert len(set(mine)) > 50


SCORES = st.lists(
    st.tuples(
        st.integers(1, 99).map(lambda n: n / 100), st.booleans(), st.sampled_from(["Goal", "Foul"])
    ),
    min_size=2,
    max_size=30,
).filter(lambda these: len({right for _, right, _ in these}) == 2)


@settings(max_examples=50, deadline=None)
@given(SCORES)
def test_by_score_alone_the_order_of_a_class_stays_whatever_is_right(these):
    """Even where the false ones score higher than the right ones."""
    events = [event(40.0 * k, label, score=score) for k, (score, _, label) in enumerate(these)]
    truth = [TrueEvent(40.0 * k, label) for k, (_, right, label) in enumerate(these) if right]
    by = fit(judged([Half(0, "g", truth, events, WHOLE)], 5))
    for label in ("Goal", "Foul"):
        mine = sorted((e.score, probability(e, {}, by)) for e in events if e.label == label)
        learnt = [probability for _, probability in mine]
        assert learnt == sorted(learnt)
        assert len(set(learnt)) == len({score for score, _ in mine})


def test_the_fewer_events_the_nearer_to_the_score_as_it_is():
    few = fit_scores(judged(halves(1), 5)[:4])
    many = fit_scores(judged(halves(8), 5))
    middle = event(1, "Foul", score=0.5)
    assert abs(probability(middle, {}, few) - 0.5) < abs(probability(middle, {}, many) - 0.5)
    assert probability(middle, {}, many) == pytest.approx(0.2, abs=0.08)


def test_features_count_where_they_help_and_are_left_out_where_they_do_not():
    assert fit(judged(halves(3, words=0.9), 5)).features == {}, "too few games"
    helped = fit(judged(halves(6, words=0.9), 5))
    assert helped.features["words"] > 0.2
    plain = calibrate(halves(6, words=0.9), "m", 5)
    by_score = [
        probability(one.event, one.features, fit_scores([o for o in events if o.game != one.game]))
        for events in [judged(halves(6, words=0.9), 5)]
        for one in events
    ]
    right = [one.right for one in judged(halves(6, words=0.9), 5)]
    assert plain.quality[0].recalibrated.log_loss < log_loss(right, by_score) - 0.02


def test_the_other_models_agreement_is_a_feature():
    one = halves(6)
    # The other model has only the true events.
    agreeing = [
        Half(h.video, h.game, h.truth, h.events, WHOLE,
             [[event(true.time_s + 1, true.label) for true in h.truth]])
        for h in one
    ]  # fmt: skip
    by = fit_features(judged(agreeing, 5))
    assert by.features["agreement"] > 1
    report = calibrate(agreeing, "m", 5)
    first = agreeing[0]
    learnt = probabilities(first.events, report, first.game, first.others)
    true = {true.time_s for true in first.truth}
    right = [p for e, p in zip(first.events, learnt, strict=True) if e.time_s in true]
    false = [p for e, p in zip(first.events, learnt, strict=True) if e.time_s not in true]
    assert min(right) > max(false)


def test_a_repeat_beside_the_best_event_is_not_the_right_one():
    events = [event(100.0, score=0.9), event(112.0, score=0.3)]
    found = judged([Half(0, "g", [TrueEvent(111.0, "Goal")], events, WHOLE)], 15)
    assert [(one.event.time_s, one.right) for one in found] == [(100.0, True), (112.0, False)]


def test_what_cannot_be_learnt_is_null_and_events_keep_their_scores():
    single = calibrate(halves(1), "m", 5)
    assert single.from_all is not None
    assert single.without == {"game 0": None}
    assert single.quality[0].recalibrated is None
    goal = event(1, score=0.7)
    assert probabilities([goal], single, "game 0") is None
    assert recalibrate_all({"m": [goal]}, {"m": single}, "game 0") is None
    # A match without labels learns from all that have them.
    (learnt,) = probabilities([goal], single, "game 9")
    assert 0 < learnt < 1
    # Of a class that nobody annotates, nothing.
    corner = event(2, "Corner", score=0.7)
    assert learnt_probabilities([goal, corner], single, "game 9") == [learnt, None]
    assert learnt_probabilities([goal, corner], single, "game 0") is None
    (scored,) = recalibrated([goal], [learnt])
    assert (scored.score_kind, scored.time_s) == ("calibrated", 1)
    # Of two models both must have learnt: their scores are compared.
    assert recalibrate_all({"m": [goal], "n": []}, {"m": single}, "game 9") is None
    assert set(recalibrate_all({"m": [goal], "n": []}, {"m": single, "n": single}, "game 9")) == {
        "m", "n",
    }  # fmt: skip
    empty = calibrate([Half(0, "g", [], [], WHOLE)], "m", 5)
    assert (empty.events, empty.from_all, empty.reliability[2].error) == (0, None, None)


def test_only_the_classes_that_are_stated_count():
    report = calibrate(halves(), "m", 5, ["Goal"])
    assert [one.label for one in report.quality] == [None, "Goal"]
    assert report.events < 280
