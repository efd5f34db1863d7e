"""Test learning from games, and that a game is never used for its own model."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from touchline.evaluation.annotations import TrueEvent, Truth
from touchline.learning.curve import Judging, learning_curve
from touchline.learning.reduction import components, directions, standardize, with_context
from touchline.learning.report import learning_report
from touchline.learning.targets import SHOWS, SHOWS_NOT, UNCERTAIN, targets
from touchline.learning.training import LabelledVideo, Learner, group_games

COUNT, WIDTH, STEP = 150, 24, 2.0
HOW = Judging(radius=3.0, tolerance=5.0, resamples=50, seed=0)


def windows(count=COUNT):
    starts = STEP * np.arange(count)
    return np.column_stack([starts, starts + 4, starts, starts + 3])


def at(*times, label="Goal"):
    return [TrueEvent(time, label) for time in times]


def truth(events, undecided=()):
    judged = [(time, "Goal", False) for time in undecided]
    return Truth(sorted(events, key=lambda event: event.time_s), [], judged)


def labelled(number, events, states, game=None):
    reduced = standardize(states.astype(np.float16))
    return LabelledVideo(
        video=number,
        game=game or f"game {number}",
        stretches=((0.0, STEP * len(states)),),
        windows=windows(len(states)),
        answered=np.ones(len(states), bool),
        states=reduced @ directions(states.shape[1]),
        truth=truth(events),
        step=STEP,
    )


def moments(number, count=8):
    drawn = np.random.default_rng(number)
    return (8 + 36 * np.arange(count) + drawn.uniform(0, 20, count)).tolist()


def noise(number):
    return np.random.default_rng(1000 + number).normal(size=(COUNT, WIDTH))


def with_sign(number, direction, size=4.0):
    """Make a match in which windows with a goal differ in one direction."""
    events = at(*moments(number))
    states = noise(number)
    states[:, direction] += size * (targets(truth(events), windows(), ["Goal"], STEP)[:, 0] == 1)
    return labelled(number, events, states)


def quality(fit, video):
    """Compute the average precision of a fit on the windows of a video."""
    shows = targets(video.truth, video.windows, ["Goal"], STEP)[:, 0]
    logits = fit.logits(video)[:, fit.classes.index("Goal")]
    return average_precision_score(shows[shows >= 0], logits[shows >= 0])


# --- No game takes part in its own model ------------------------------------------------------


def test_feature_that_shows_the_label_in_every_game_is_learnt():
    learner = Learner([with_sign(n, 0) for n in range(5)], ["Goal"])
    for group in learner.groups:
        (video,) = [v for v in learner.videos if v.game in group]
        assert quality(learner.fit_without(group), video) > 0.8


def test_feature_that_shows_the_label_in_one_game_does_not_help():
    """Each game has its own direction that shows its labels."""
    leaking = Learner([with_sign(n, n, size=20.0) for n in range(5)], ["Goal"])
    clean = Learner([labelled(n, at(*moments(n)), noise(n)) for n in range(5)], ["Goal"])
    for group in leaking.groups:
        (video,) = [v for v in leaking.videos if v.game in group]
        assert quality(leaking.fit(leaking.games, 1.0), video) > 0.6
        assert quality(leaking.fit_without(group), video) < 0.4
        (video,) = [v for v in clean.videos if v.game in group]
        assert quality(clean.fit_without(group), video) < 0.4


@pytest.mark.parametrize("games", [2, 3, 5, 13])
def test_labels_of_a_game_do_not_change_its_own_model(games):
    videos = [with_sign(n, 0) for n in range(games)]
    learner = Learner(videos, ["Goal"])
    for changed in (0, games - 1):
        drawn = np.random.default_rng(changed)
        others = at(*drawn.uniform(0, 290, 40)) + at(*drawn.uniform(0, 290, 9), label="Foul")
        again = [
            replace(video, truth=truth(others)) if number == changed else video
            for number, video in enumerate(videos)
        ]
        other = Learner(again, ["Goal"])
        (group,) = [g for g in learner.groups if f"game {changed}" in g]
        before, after = learner.fit_without(group), other.fit_without(group)
        assert (before.classes, before.strength) == (after.classes, after.strength)
        assert (before.weights == after.weights).all()
        assert (before.components == after.components).all()
        assert (before.floors == after.floors).all()


def test_features_of_a_game_do_not_change_its_own_model():
    videos = [with_sign(n, 0) for n in range(4)]
    again = [labelled(0, at(*moments(0)), 9 * noise(77)), *videos[1:]]
    before, after = (Learner(each, ["Goal"]).fit_without(["game 0"]) for each in (videos, again))
    assert (before.weights == after.weights).all()


def test_both_halves_of_a_game_are_left_out_together():
    videos = [replace(with_sign(n, 0), game=f"game {n // 2}") for n in range(6)]
    learner = Learner(videos, ["Goal"])
    assert learner.groups == [["game 0"], ["game 1"], ["game 2"]]
    changed = [replace(videos[0], truth=truth([])), *videos[1:]]
    before = learner.fit_without(["game 0"])
    after = Learner(changed, ["Goal"]).fit_without(["game 0"])
    assert (before.weights == after.weights).all()


@given(st.integers(1, 60))
def test_each_game_is_in_one_group_of_the_cross_validation(count):
    games = [f"{n:03}" for n in range(count)]
    coarse, fine = group_games(games)
    for groups in (coarse, fine):
        assert sorted(game for group in groups for game in group) == games
    assert all(sum(set(one) <= set(whole) for whole in coarse) == 1 for one in fine)
    if count <= 10:
        assert all(len(group) == 1 for group in fine)


def test_random_labels_teach_no_more_than_chance():
    videos = [with_sign(n, 0) for n in range(5)]
    found = []
    for seed in range(10):
        drawn = np.random.default_rng(seed)
        wrong = [replace(v, truth=truth(at(*drawn.uniform(0, 290, 8)))) for v in videos[:4]]
        found.append(quality(Learner(wrong, ["Goal"]).fit_all(), videos[4]))
    # One window in ten shows a goal.
    assert np.mean(found) < 0.25


# --- Learnt classes and the learning curve ----------------------------------------------------


def test_rare_classes_are_left_out_and_reported():
    videos = [with_sign(n, 0) for n in range(3)]
    rare = [replace(v, truth=truth([*v.truth.events, *at(7.0, label="Own goal")])) for v in videos]
    learner = Learner(rare, ["Goal"])
    fit = learner.fit_all()
    assert fit.classes == ("Goal",)
    report = learning_report("m", learner, fit, tolerance=5.0, curve=[], problems=[])
    assert [(c.label, c.events, c.games, c.is_learnt) for c in report.classes] == [
        ("Goal", 24, 3, True), ("Own goal", 3, 3, False),
    ]  # fmt: skip
    assert report.left_out == "Too few events to learn, fewer than 5: Own goal (3)."
    assert report.summary == "Learnt 1 classes from 3 games with 450 windows: Goal."


def test_model_learnt_from_a_single_game_is_not_used_on_that_game():
    learner = Learner([with_sign(0, 0)], ["Goal"])
    assert learner.fit_all().classes == ("Goal",)
    alone = learner.fit_without(["game 0"])
    assert alone.classes == ()
    assert alone.log_odds(learner.videos[0]).shape == (COUNT, 0)
    assert learning_curve(learner, [(["game 0"], alone)], HOW) == []


def test_unanswered_windows_are_not_used_for_learning():
    video = with_sign(0, 0)
    answered = np.arange(COUNT) % 3 > 0
    some = replace(video, answered=answered, states=video.states[answered])
    videos = [some, *(with_sign(n, 0) for n in (1, 2))]
    fit = Learner(videos, ["Goal"]).fit_without(["game 1"])
    assert fit.logits(some).shape == (answered.sum(), 1)
    assert quality(fit, videos[1]) > 0.9


def test_learning_curve_rises_and_ends_with_all_other_games():
    learner = Learner([with_sign(n, 0, size=2.5) for n in range(6)], ["Goal"])
    parts = [(group, learner.fit_without(group)) for group in learner.groups]
    curve = learning_curve(learner, parts, HOW)
    assert [point.games for point in curve] == [1, 2, 4, 5]
    assert curve[-1].value > curve[0].value
    assert all(point.low <= point.high for point in curve)


# --- Targets ----------------------------------------------------------------------------------


def found(*arguments):
    return targets(*arguments, ["Goal", "Foul"], STEP).tolist()


def test_window_shows_moments_until_the_last_frame_of_the_window():
    """Windows start every 2 s, last 4 s, and have four frames at one frame per second."""
    goal = [row[0] for row in found(truth(at(8.5)), windows(8))]
    assert goal == [0, 0, 0, SHOWS, SHOWS, UNCERTAIN, 0, 0]
    late = [row[0] for row in found(truth(at(9.5)), windows(8))]
    assert late == [0, 0, 0, UNCERTAIN, SHOWS, UNCERTAIN, 0, 0]
    assert {row[1] for row in found(truth(at(8.5)), windows(8))} == {SHOWS_NOT}


def test_undecided_moments_make_windows_uncertain():
    rows = found(truth(at(20.5), undecided=[8.5]), windows(14))
    uncertain = [n for n, row in enumerate(rows) if row[1] == UNCERTAIN]
    assert uncertain == [3, 4, 5]
    assert [row[0] for row in rows[3:6]] == [UNCERTAIN] * 3
    assert rows[10][0] == SHOWS
    both = found(truth(at(8.5, label="Foul"), undecided=[8.5]), windows(8))
    assert both[4] == [UNCERTAIN, SHOWS]


def test_hidden_events_make_windows_uncertain():
    hidden = [TrueEvent(8.5, "Goal", visible=False)]
    assert {row[0] for row in found(truth(hidden), windows(8))} == {SHOWS_NOT, UNCERTAIN}


# --- Reduction --------------------------------------------------------------------------------


def test_standardized_states_have_mean_0_and_deviation_1():
    states = np.random.default_rng(0).normal(5, 3, (50, 4)).astype(np.float16)
    states[:, 2] = 7
    found = standardize(states)
    assert np.abs(found.mean(axis=0)).max() < 1e-5
    assert found.std(axis=0) == pytest.approx([1, 1, 0, 1], abs=1e-5)
    assert standardize(states[:0]).shape == (0, 4)


def test_projection_onto_random_directions_nearly_keeps_distances():
    points = np.random.default_rng(0).normal(size=(20, 4096)).astype(np.float32)
    projected = points @ directions(4096)
    assert projected.shape == (20, 512)
    before, after = (np.linalg.norm(p[0] - p[1:], axis=1) for p in (points, projected))
    assert (np.abs(after / before - 1) < 0.2).all()


def test_principal_components_have_mean_variance_1():
    data = np.random.default_rng(0).normal(size=(4000, 6)) * [9, 4, 1, 1, 0.5, 0]
    kept = components(data.T @ data, len(data))
    assert kept.shape == (6, 5)
    variances = (data @ kept).var(axis=0)
    assert variances.mean() == pytest.approx(1, abs=0.02)
    assert variances[0] / variances[2] == pytest.approx(9, rel=0.1)


def test_missing_neighbours_are_zero():
    reduced = np.arange(1.0, 5.0, dtype=np.float32)[:, None]
    answered = np.array([True, True, False, True, True])
    starts = np.array([0.0, 2, 4, 6, 30])
    found = with_context(reduced, answered, starts, STEP).tolist()
    assert found == [[0, 1, 2], [1, 2, 0], [0, 3, 0], [0, 4, 0]]
