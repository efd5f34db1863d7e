"""Figures against the truth: equal to SoccerNet's evaluator and to mir_eval."""

import random
import sys
from importlib.metadata import version

import mir_eval.util
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import event
from SoccerNet.Evaluation.ActionSpotting import compute_class_scores

from clones import ROOT
from touchline.comparison.matching import matched_pairs
from touchline.core.soccernet import SOCCERNET_CLASSES
from touchline.errors import InputError
from touchline.evaluation import soccernet_evaluator
from touchline.evaluation.annotations import TrueEvent
from touchline.evaluation.average_map import average_maps, mean_ap
from touchline.evaluation.average_precision import found, over_deltas
from touchline.evaluation.evaluate import evaluate
from touchline.evaluation.metrics import by_label, games_of
from touchline.evaluation.outcomes import Half, annotated_classes, outcomes

WHOLE = ((0.0, 2700.0),)


def half(truth, events, video=0, game=None, looked_at=WHOLE):
    """A half of (time, label) pairs; predictions may have a score."""
    return Half(
        video,
        game or f"game {video}",
        [TrueEvent(*one) for one in truth],
        [event(time, label, score=score) for time, label, score in events],
        looked_at,
    )


def generated(video, labels=("Goal", "Foul", "Corner"), seed=0):
    """A half whose predictions are partly near the truth, on a grid of 2 s."""
    source = random.Random(f"{video} {seed}")
    truth = [(source.uniform(0, 2700), source.choice(labels)) for _ in range(60)]
    near = [(2 * round((t + source.gauss(0, 6)) / 2), name) for t, name in truth[::2]]
    noise = [(2.0 * source.randrange(1350), source.choice(labels)) for _ in range(60)]
    predicted = {(min(max(0.0, float(t)), 2698.0), name) for t, name in near + noise}
    return half(truth, [(t, name, source.random()) for t, name in sorted(predicted)], video)


def soccernets_hits(truth, times, scores, tolerance, rate=10):
    """True positives as SoccerNet's compute_class_scores counts them."""
    target, detection = np.zeros(2800 * rate), np.full(2800 * rate, -1.0)
    target[[int(rate * time) for time in truth]] = 1
    detection[[int(rate * time) for time in times]] = scores
    scores, visible, _ = compute_class_scores(target, target, detection, 2 * tolerance * rate)
    return int(scores[:, 1].sum()), len(scores), visible


@pytest.mark.parametrize("tolerance", [2, 5, 15, 30])
def test_counts_are_soccernets_and_mir_evals(tolerance):
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


FRAMES = st.lists(st.integers(0, 300).map(lambda n: n / 10), max_size=12, unique=True)


@given(FRAMES, FRAMES, st.sampled_from([2, 5]))
def test_with_equal_scores_soccernets_greedy_way_finds_as_many(truth, times, tolerance):
    times = sorted(times)
    scores = [0.5] * len(times)
    best = len(matched_pairs([10 * t for t in truth], [10 * t for t in times], 10 * tolerance))
    assert soccernets_hits(truth, times, scores, tolerance)[0] == best
    frames = [float(round(10 * time)) for time in times]
    assert sum(found([round(10 * t) for t in truth], frames, scores, 10 * tolerance)) == best


@given(FRAMES, FRAMES, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_with_scores_our_greedy_way_is_soccernets(truth, times, source):
    times = sorted(times)
    scores = [source.choice([0.2, 0.5, 0.9]) for _ in times]
    hits = found([round(10 * t) for t in truth], [float(round(10 * t)) for t in times], scores, 50)
    assert sum(hits) == soccernets_hits(truth, times, scores, 5)[0]


def test_by_score_a_pair_can_be_lost():
    # The best-scored prediction is within reach of both; the first true event takes it.
    truth, times, scores = [10.0, 16.0], [8.0, 12.0], [0.1, 0.9]
    assert sum(found(truth, times, scores, 5)) == 1
    assert soccernets_hits(truth, times, scores, 5)[0] == 1
    assert len(matched_pairs(truth, times, 5)) == 2


@pytest.fixture(scope="module")
def maps():
    """Three halves, SoccerNet's figures of them in our words, and in its own."""
    halves = [generated(v, SOCCERNET_CLASSES[:6]) for v in (1, 2, 3)]
    theirs = soccernet_evaluator.evaluate([(one.truth, one.events) for one in halves])
    with pytest.MonkeyPatch.context() as patch:  # it takes seconds; once is enough
        patch.setattr(soccernet_evaluator, "evaluate", lambda halves: theirs)
        return halves, average_maps(halves, resamples=200), theirs


def test_average_map_is_soccernets(maps):
    _, ours, theirs = maps
    assert set(ours) == {"loose", "tight", "at1", "at2", "at3", "at4", "at5"}
    for metric, figures in ours.items():
        assert figures.mean.value == pytest.approx(theirs[metric]["a_mAP"], abs=1e-6)
        assert 0 < figures.mean.by_chance < figures.mean.value
        assert figures.mean.low <= figures.mean.value <= figures.mean.high
        assert figures.classes["Penalty"] > 0
        assert figures.classes["Corner"] is None


def test_the_fast_way_that_chance_and_intervals_come_from_is_soccernets(maps):
    halves, _, theirs = maps
    lists = by_label(halves, {name: name for name in SOCCERNET_CLASSES}, games_of(halves))
    at = {delta: mean_ap(lists, delta, np.ones((1, 3))) for delta in range(1, 61)}
    for metric, deltas in soccernet_evaluator.METRICS.items():
        mean = over_deltas([at[delta] for delta in deltas])
        assert mean[0] == pytest.approx(theirs[metric]["a_mAP"], abs=1e-9)


def test_without_predictions_the_average_map_is_null(monkeypatch):
    zeros = {"a_mAP": 0.0, "a_mAP_visible": 0.0, "a_mAP_unshown": 0.0}
    zeros |= {"a_mAP_per_class": [0.0] * 17}
    theirs = dict.fromkeys(soccernet_evaluator.METRICS, zeros)
    monkeypatch.setattr(soccernet_evaluator, "evaluate", lambda halves: theirs)
    nothing = average_maps([half([(10, "Goal")], [])], resamples=1)["loose"]
    assert (nothing.mean.value, nothing.visible, nothing.classes["Goal"]) == (None, None, None)
    wrong = average_maps([half([(10, "Goal")], [(900, "Goal", 0.5)])], resamples=1)["loose"]
    assert (wrong.mean.value, wrong.classes["Goal"], wrong.classes["Foul"]) == (0, 0, None)


def test_without_soccernets_evaluator_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "SoccerNet.Evaluation.ActionSpotting", None)
    with pytest.raises(InputError, match=r"pip install --no-deps -r requirements\.no-deps\.txt"):
        average_maps([half([(10, "Goal")], [])])


def test_only_what_was_looked_at_counts():
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


def test_nothing_predicted_is_null_and_nothing_found_is_zero():
    report, _ = evaluate([half([(10, "Goal")], [(500, "Foul", 0.5)])], "m", [5])
    goal, foul = report.classes[1], report.classes[0]
    assert (goal.precision.value, goal.recall.value, goal.f1.value) == (None, 0, None)
    assert goal.average_precision.value is None
    assert (foul.precision.value, foul.recall.value, foul.misses) == (0, None, 0)
    nothing, _ = evaluate([half([(10, "Goal")], [])], "m", [5])
    assert nothing.overall[0].average_precision.value is None


def test_no_labels_at_all_is_null_throughout():
    report, _ = evaluate([half([], [])], "m", [5])
    assert report.classes == []
    assert report.overall[0].recall.value is None


def test_events_not_shown_are_counted_and_told_apart():
    truth = [TrueEvent(10, "Foul"), TrueEvent(50, "Foul", None, False)]
    one = Half(0, "g", truth, [event(50, "Foul"), event(90, "Foul")], WHOLE)
    report, _ = evaluate([one], "m", [5])
    (fouls,) = report.classes
    assert (fouls.true, fouls.not_shown, fouls.not_shown_found) == (2, 1, 1)
    found_ = outcomes([one], annotated_classes([one]), 5)
    assert [o.verdict for o in found_] == ["miss", "true positive", "false positive"]
    assert [o.true.visible for o in found_[:2]] == [True, False]


def test_free_kicks_are_also_one_class_with_those_that_are_not_told_apart():
    events = [event(10, "Direct free-kick"), event(50, "Free kick", known=False)]
    truth = [TrueEvent(11, "Indirect free-kick"), TrueEvent(51, "Direct free-kick")]
    report, _ = evaluate([Half(0, "g", truth, events, WHOLE)], "m", [5])
    assert report.overall[0].true_positives == 0
    assert report.any_free_kick[0].true_positives == 2
    assert report.unknown == 1


def test_a_class_that_nobody_annotates_is_not_held_against_a_model():
    one = half([(10, "Goal")], [(10, "Goal", 0.9), (30, "Goal kick", 0.9)])
    report, _ = evaluate([one], "m", [5])
    assert (report.overall[0].predicted, report.not_annotated) == (1, 1)
    # In a table of one's own it can be annotated.
    mine = half([(10, "Goal"), (31, "Goal kick")], [(30, "Goal kick", 0.9)])
    assert evaluate([mine], "m", [5])[0].overall[0].true_positives == 1


def test_chance_is_what_a_dense_list_reaches_without_knowing_anything():
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


def test_intervals_come_from_sampling_matches():
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


def test_the_evaluator_is_of_one_version_wherever_it_is_installed():
    root = ROOT
    stated = (root / "requirements.no-deps.txt").read_text().splitlines()[-1]
    assert stated == f"SoccerNet=={version('SoccerNet')}"
    assert stated in (root / "envs/analysis.post-deploy.sh").read_text()
