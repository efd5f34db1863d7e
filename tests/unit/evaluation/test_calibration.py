"""Test reliability, and probabilities learnt from other games."""

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
    judge_events,
)
from touchline.evaluation.learnt_gain import JudgedEvent, is_gain
from touchline.evaluation.outcomes import Half
from touchline.evaluation.ranking import average_precisions, learnt_scores, rankings
from touchline.evaluation.recalibration import (
    learnt_order,
    probabilities,
    probability,
    recalibrate_models,
    recalibrated,
)
from touchline.events.shortlist import shortlist

WHOLE = ((0.0, 3000.0),)


def halves(count=4, seed=0, words=0.0):
    """Make games whose events all state a confidence of 0.9.

    Events with higher scores, and goals, are more often right.

    Args:
        count: number of games.
        seed: seed of the random numbers.
        words: reduction of the precision of events without confirming words in their context.
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


def events_of(these, tolerance=5) -> list[JudgedEvent]:
    """Return all judged events of some halves, by time within each half."""
    return [
        one
        for half in judge_events(these, tolerance)
        for one in sorted(
            (one for mine in half.events.values() for one in mine), key=lambda j: j.event.time_s
        )
    ]


@pytest.fixture(scope="module")
def report():
    return calibrate(halves(), "m", 5)


def test_reliability_shows_that_only_the_score_separates_right_events(report):
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


def test_calibration_figures_equal_scikit_learn(report):
    events = events_of(halves())
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


def test_recalibration_improves_every_class_on_unseen_games(report):
    assert [one.label for one in report.quality] == [None, "Foul", "Goal"]
    for one in report.quality:
        assert one.recalibrated.brier < one.as_scored.brier
        assert one.recalibrated.log_loss < one.as_scored.log_loss
        assert one.recalibrated.error < one.as_scored.error
    fresh = events_of(halves(3, seed=1))
    learnt = [probability(one.event, one.features, report.from_all) for one in fresh]
    assert np.mean(learnt) == pytest.approx(np.mean([one.right for one in fresh]), abs=0.06)


def test_labels_of_a_game_do_not_change_its_own_scores():
    one = halves(6, words=0.9)
    # Annotations of game 0 do not change the function learnt for game 0.
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
def test_learning_from_the_score_keeps_the_order_of_a_class(these):
    """The order stays even if false events score higher than right ones."""
    events = [event(40.0 * k, label, score=score) for k, (score, _, label) in enumerate(these)]
    truth = [TrueEvent(40.0 * k, label) for k, (_, right, label) in enumerate(these) if right]
    by = fit(judge_events([Half(0, "g", truth, events, WHOLE)], 5), 5)
    for label in ("Goal", "Foul"):
        mine = sorted((e.score, probability(e, {}, by)) for e in events if e.label == label)
        learnt = [probability for _, probability in mine]
        assert learnt == sorted(learnt)
        assert len(set(learnt)) == len({score for score, _ in mine})


def test_few_events_change_the_score_less_than_many():
    few = fit_scores(events_of(halves(1))[:4])
    many = fit_scores(events_of(halves(8)))
    middle = event(1, "Foul", score=0.5)
    assert abs(probability(middle, {}, few) - 0.5) < abs(probability(middle, {}, many) - 0.5)
    assert probability(middle, {}, many) == pytest.approx(0.2, abs=0.08)


def test_features_reorder_only_classes_that_they_improve():
    assert fit(judge_events(halves(2, words=0.9), 5), 5).features == {}, "too few games"
    report = calibrate(halves(8, words=0.9), "m", 5)
    fits = [report.from_all, *report.without.values()]
    assert all(is_gain(by.list_gains.values()) and by.features["words"] > 0.2 for by in fits)
    assert all(by.classes["Goal"].uses_features for by in fits)
    made = halves(8, words=0.9)
    by_score = [
        probability(one.event, one.features, fit_scores([o for o in events if o.game != one.game]))
        for events in [events_of(made)]
        for one in events
    ]
    right = [one.right for one in events_of(made)]
    assert report.quality[0].recalibrated.log_loss < log_loss(right, by_score) - 0.02


def test_agreement_of_another_model_raises_the_probability():
    one = halves(6)
    # The other model has only the true events.
    agreeing = [
        Half(h.video, h.game, h.truth, h.events, WHOLE,
             [[event(true.time_s + 1, true.label) for true in h.truth]])
        for h in one
    ]  # fmt: skip
    by = fit_features(events_of(agreeing))
    assert by.features["agreement"] > 1
    report = calibrate(agreeing, "m", 5)
    first = agreeing[0]
    learnt = probabilities(first.events, report, first.game, first.others)
    true = {true.time_s for true in first.truth}
    right = [p for e, p in zip(first.events, learnt, strict=True) if e.time_s in true]
    false = [p for e, p in zip(first.events, learnt, strict=True) if e.time_s not in true]
    assert min(right) > max(false)


def test_event_with_the_best_score_is_right_and_its_duplicate_is_false():
    events = [event(100.0, score=0.9), event(112.0, score=0.3)]
    found = events_of([Half(0, "g", [TrueEvent(111.0, "Goal")], events, WHOLE)], 15)
    assert [(one.event.time_s, one.right) for one in found] == [(100.0, True), (112.0, False)]


def test_events_of_a_single_game_keep_their_scores():
    single = calibrate(halves(1), "m", 5)
    assert single.from_all is not None
    assert single.without == {"game 0": None}
    assert single.quality[0].recalibrated is None
    goal = event(1, score=0.7)
    assert probabilities([goal], single, "game 0") is None
    # One game cannot show whether its labels help in another game.
    assert single.from_all.list_gains == {}
    assert learnt_order([goal], single, "game 9") is None
    assert recalibrate_models({"m": [goal]}, {"m": single}, "game 9", {"m": []}) is None
    empty = calibrate([Half(0, "g", [], [], WHOLE)], "m", 5)
    assert (empty.events, empty.from_all, empty.reliability[2].error) == (0, None, None)


def test_probabilities_are_used_if_cross_validation_improved():
    report = calibrate(simulated(8)[0], "m", 5)
    goal, corner = event(1, score=0.7), event(2, "Corner", score=0.7)
    assert is_gain(report.from_all.list_gains.values())
    learnt = learnt_order([goal, corner], report, "game 9")
    (likely, unknown) = learnt.probabilities
    assert 0 < likely < 1
    # Nobody annotates corners, so nothing was learnt about them.
    assert unknown is None
    (scored,) = recalibrated([goal], [likely])
    assert (scored.score_kind, scored.time_s) == ("calibrated", 1)
    # The scores of models are compared, so every model needs a calibration.
    others = {"m": ["n"], "n": ["m"]}
    assert recalibrate_models({"m": [goal], "n": []}, {"m": report}, "game 9", others) is None
    both = recalibrate_models({"m": [goal], "n": []}, {"m": report, "n": report}, "game 9", others)
    assert set(both) == {"m", "n"}


@pytest.mark.parametrize("games", [2, 3, 4, 6])
@pytest.mark.parametrize("right_in", ["first", "none", "all"])
def test_calibration_accepts_folds_whose_events_are_all_right_or_all_false(games, right_in):
    """Right events in only one game leave nothing to learn from in the other games."""
    made = []
    for number in range(games):
        events = [event(40.0 * k, score=0.1 * k) for k in range(1, 9)]
        right = right_in == "all" or (right_in == "first" and number == 0)
        truth = [TrueEvent(e.time_s, "Goal") for e in (events if right_in == "all" else events[:1])]
        made.append(Half(number, f"game {number}", truth if right else [], events, WHOLE))
    report = calibrate(made, "m", 5)
    assert report.right == {"first": 1, "none": 0, "all": 8 * games}[right_in]
    assert (report.from_all is None) == (right_in != "first")
    if right_in == "first":
        assert report.without["game 0"] is None
        assert not is_gain(report.from_all.list_gains.values())


def simulated(games, seed=0, words=0.0):
    """Make games whose classes are as frequent and as hard to rank as in real predictions.

    Args:
        games: number of games.
        seed: seed of the random numbers.
        words: how much the context's words separate right events from false ones.
    """
    # By class: true events in a half, false predictions in it, and how well the score ranks.
    kinds = {"Goal": (1, 25, 1.3), "Yellow card": (2, 6, 1.5), "Substitution": (3, 6, 1.0),
             "Foul": (10, 30, 0.5), "Penalty": (0, 3, 1.2), "Red card": (0, 2, 1.2)}  # fmt: skip
    made = []
    for number in range(2 * games):
        source = random.Random(f"{number // 2} {number % 2} {seed}")
        times = [float(t) for t in range(10, 2990, 15)]
        source.shuffle(times)
        truth, events = [], []
        for label, (usual, false, rank) in kinds.items():
            # A rare class occurs once in a few games.
            true = usual or int(source.random() < 0.1)
            for is_right in [True] * true + [False] * false:
                strength = source.gauss(rank * is_right, 1)
                context = Context(1.0, 0.0, source.gauss(words * is_right, 1), 2.0, 30.0)
                score = 0.5 + 0.5 / (1 + np.exp(-strength))
                time = times.pop()
                events.append(
                    event(time, label, score=score, context=context, score_kind="context")
                )
                truth += [TrueEvent(time, label)] if is_right else []
        made.append(Half(number, f"game {number // 2}", truth, events, WHOLE))
    return made, list(kinds)


def listed_right(halves, classes, report=None):
    """Count the right events in the shortlists of some halves, by class."""
    counts = dict.fromkeys(classes, 0)
    for half in halves:
        learnt = learnt_order(half.events, report, half.game) if report else None
        true = {(one.time_s, one.label) for one in half.truth}
        for place in shortlist(half.events, classes, 5, learnt):
            one = half.events[place]
            counts[one.label] += (one.time_s, one.label) in true
    return counts


@pytest.mark.parametrize("games", [2, 4, 8, 20])
@pytest.mark.parametrize("words", [0.0, 1.5])
def test_learning_never_removes_right_events_from_the_shortlist(games, words):
    made, classes = simulated(games, seed=1, words=words)
    report = calibrate(made, "m", 5)
    plain, learnt = listed_right(made, classes), listed_right(made, classes, report)
    if not any(by.features for by in report.without.values() if by):
        assert all(learnt[label] >= plain[label] for label in classes)
    assert sum(learnt.values()) >= sum(plain.values())
    if words and games >= 8:
        assert learnt["Foul"] > plain["Foul"]
    # Rare classes keep their order and their places.
    for label in ("Penalty", "Red card"):
        assert learnt[label] >= plain[label]


@pytest.mark.parametrize("games", [2, 4, 8])
@pytest.mark.parametrize("words", [0.0, 1.5])
def test_learnt_scores_never_lower_average_precision(games, words):
    made, classes = simulated(games, seed=2, words=words)
    ranked = rankings(made, learnt_scores(made, calibrate(made, "m", 5)))
    for one in average_precisions(ranked, classes, 5).values():
        assert (one.calibrated or 0) >= (one.score or 0) - 1e-9


def test_nearly_perfect_model_is_recalibrated_in_an_ensemble():
    """A nearly perfect model gains nothing alone, but the ensemble of two models does."""
    made, _ = simulated(8)
    good = []
    for half in made:
        events = [event(t.time_s, "Foul", score=0.9) for t in half.truth if t.label == "Foul"]
        events.append(event(5.0, "Foul", score=0.6))
        good.append(Half(half.video, half.game, half.truth, events, WHOLE))
    reports = {"m": calibrate(made, "m", 5), "good": calibrate(good, "good", 5)}
    assert not is_gain(reports["good"].from_all.list_gains.values())
    events = {"m": made[0].events, "good": good[0].events}
    others = {"m": ["good"], "good": ["m"]}
    assert recalibrate_models(events, reports, "game 0", others) is not None


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([0.1, 0.2], False),
        ([0.1, 0.2, 0.15], True),
        ([0.1, 0.1, 0.1], True),
        ([0.0, 0.0, 0.0], False),
        ([0.5, -0.1, 0.0, 0.1], False),
        ([-0.1, -0.2, -0.15], False),
    ],
)
def test_gain_is_used_only_if_significant_over_games(gains, expected):
    assert is_gain(gains) is expected


def test_class_is_reordered_only_if_every_game_agrees():
    """Scores and probabilities cannot be compared across games."""
    made, _ = simulated(8, seed=1, words=1.5)
    report = calibrate(made, "m", 5)
    assert report.without["game 3"].classes["Foul"].uses_features
    doubtful = report.without["game 3"].classes | {
        "Foul": report.without["game 3"].classes["Foul"].model_copy(update={"uses_features": False})
    }
    other = report.without["game 3"].model_copy(update={"classes": doubtful})
    split = report.model_copy(update={"without": report.without | {"game 3": other}})
    for scored, half in zip(learnt_scores(made, split), made, strict=True):
        assert [e for e in scored if e.label == "Foul"] == [
            e for e in half.events if e.label == "Foul"
        ]


@pytest.mark.parametrize("value", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
def test_score_on_an_edge_falls_into_the_upper_bin(value):
    truth = [TrueEvent(1.0, "Goal")]
    report = calibrate([Half(0, "g", truth, [event(1.0, score=value)], WHOLE)], "m", 5)
    (bin_,) = report.reliability[2].bins
    assert (bin_.low, bin_.high) == (value, round(value + 0.1, 1))


def test_calibration_uses_only_the_stated_classes():
    report = calibrate(halves(), "m", 5, ["Goal"])
    assert [one.label for one in report.quality] == [None, "Goal"]
    assert report.events < 280
