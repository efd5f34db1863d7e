"""Evaluate NetVLAD's predictions of a real game. The tests need TOUCHLINE_REAL_DATA.

Source of the oracle: compute_class_scores and evaluate of SoccerNet.Evaluation.ActionSpotting.
"""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import mir_eval.util
import numpy as np
import pytest
from samples import event
from SoccerNet.Evaluation.ActionSpotting import compute_class_scores
from SoccerNet.Evaluation.ActionSpotting import evaluate as soccernets_evaluate

from clones import ROOT
from touchline.core.soccernet import SOCCERNET_CLASSES
from touchline.evaluation import soccernet_evaluator
from touchline.evaluation.annotations import read_truth
from touchline.evaluation.evaluate import evaluate
from touchline.evaluation.outcomes import Half
from touchline.events.exports import group_by_game, results_spotting
from touchline.inputs.labels import Labels
from touchline.inputs.videos import GameHalf, Video
from touchline.matching import pair_times, true_positives

LABELS = Labels.read(ROOT / "labels.yaml")
REAL = os.environ.get("TOUCHLINE_REAL_DATA")
pytestmark = pytest.mark.skipif(REAL is None, reason="TOUCHLINE_REAL_DATA is not set")

TOLERANCE = 5
WHOLE = ((0.0, 3000.0),)


@pytest.fixture(scope="module")
def labels():
    return next((Path(REAL) / "soccernet/labels").rglob("Labels-v2.json"))


@pytest.fixture(scope="module")
def halves(labels):
    """Return both halves with their annotations and the predictions of NetVLAD v2."""
    path = next((Path(REAL) / "soccernet/netvlad_v2").rglob("results_spotting.json"))
    spotted = json.loads(path.read_text())["predictions"]
    made = []
    for half in (1, 2):
        truth = read_truth(labels, LABELS, of=GameHalf(half=half))
        assert truth.problems == []
        events = [
            event(int(one["position"]) / 1000, one["label"], confidence=float(one["confidence"]))
            for one in spotted
            if one["half"] == str(half)
        ]
        made.append(Half(half, "game", truth.events, events, WHOLE))
    return made


def in_frames(events, label, rate):
    """Return the frames of one class's events, with at most one event per frame."""
    return sorted({int(rate * one.time_s + 1e-6) for one in events if one.label == label})


def soccernets(true, predicted, rate):
    """Count true positives with SoccerNet's function. All scores are equal."""
    target, detection = np.zeros(3000 * rate), np.full(3000 * rate, -1.0)
    target[true], detection[predicted] = 1, 0.5
    scores, _, _ = compute_class_scores(target, target, detection, 2 * TOLERANCE * rate)
    return int(scores[:, 1].sum())


def rounded(half, rate):
    """Return a half with times rounded to SoccerNet's frames."""

    def at_frame(one):
        return replace(one, time_s=int(rate * one.time_s + 1e-6) / rate)

    truth, events = (list(map(at_frame, these)) for these in (half.truth, half.events))
    return replace(half, truth=truth, events=events)


def test_real_game_has_243_events_of_which_41_are_not_shown(halves):
    truth = [one for half in halves for one in half.truth]
    assert (len(truth), sum(not one.visible for one in truth)) == (243, 41)


# 10 frames per second as in published figures, and 1000, at which rounding loses nothing.
@pytest.mark.parametrize("rate", [10, 1000])
def test_real_counts_equal_those_of_the_soccernet_evaluator_and_of_mir_eval(halves, rate):
    halves = [rounded(half, rate) for half in halves]
    report, _ = evaluate(halves, "netvlad", [TOLERANCE], resamples=1)
    figures = {one.label: one for one in report.classes}
    for label in SOCCERNET_CLASSES:
        true = predicted = by_soccernet = by_mir_eval = 0
        for half in halves:
            of_truth = in_frames(half.truth, label, rate)
            of_model = in_frames(half.events, label, rate)
            true, predicted = true + len(of_truth), predicted + len(of_model)
            by_soccernet += soccernets(of_truth, of_model, rate)
            by_mir_eval += len(
                mir_eval.util.match_events(
                    np.array(of_truth, float), np.array(of_model, float), TOLERANCE * rate
                )
            )
        if label not in figures:
            assert true == predicted == 0
            continue
        ours = figures[label]
        assert ours.true_positives == by_soccernet == by_mir_eval, label
        assert (ours.true, ours.predicted) == (true, predicted)
        assert ours.precision.value == (pytest.approx(by_soccernet / predicted, abs=1e-6))
        assert ours.recall.value == (pytest.approx(by_soccernet / true, abs=1e-6))


def test_greedy_pairing_by_score_never_finds_more_pairs(halves):
    lost = 0
    for label in SOCCERNET_CLASSES:
        for half in halves:
            truth = [one.time_s for one in half.truth if one.label == label]
            events = sorted(
                (one for one in half.events if one.label == label), key=lambda one: one.time_s
            )
            times = [one.time_s for one in events]
            greedy = sum(true_positives(truth, times, [one.strength for one in events], TOLERANCE))
            assert greedy <= len(pair_times(truth, times, TOLERANCE))
            lost += len(pair_times(truth, times, TOLERANCE)) - greedy
    assert lost == 0  # in this game; generated lists lose some


def test_export_gives_the_same_figures_in_the_soccernet_evaluator(halves, labels, tmp_path):
    game = "league/season/a game"
    videos = [
        (Video(video=half.video, path="x", game=game, half=half.video), half.events)
        for half in halves
    ]
    for folder in ("truth", "predicted"):
        (tmp_path / folder / game).mkdir(parents=True)
    shutil.copy(labels, tmp_path / "truth" / game)
    spotted = results_spotting(game, group_by_game(videos)[game])
    (tmp_path / "predicted" / game / "results_spotting.json").write_text(json.dumps(spotted))
    ours = soccernet_evaluator.evaluate([(half.truth, half.events) for half in halves])
    # The published predictions themselves give the same as our export of them.
    published = next((Path(REAL) / "soccernet/netvlad_v2").rglob("results_spotting.json"))
    (tmp_path / "published" / game).mkdir(parents=True)
    shutil.copy(published, tmp_path / "published" / game)
    for folder, metric in [("predicted", "tight"), ("predicted", "at5"), ("published", "at5")]:
        theirs = soccernets_evaluate(
            str(tmp_path / "truth"),
            str(tmp_path / folder),
            framerate=2,
            metric=metric,
            dataset=None,
            EVENT_DICTIONARY={name: number for number, name in enumerate(SOCCERNET_CLASSES)},
        )
        for key in ("a_mAP", "a_mAP_visible", "a_mAP_unshown"):
            assert ours[metric][key] == pytest.approx(theirs[key], abs=1e-9)
