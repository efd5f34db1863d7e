"""Test files of learnt models, which contain no code and know their training games."""

from dataclasses import replace

import numpy as np
import pytest
from test_training import STEP, labelled, moments, noise, windows, with_sign

from touchline.errors import InputError
from touchline.evaluation.annotations import Truth
from touchline.evidence.features import VideoFeatures
from touchline.evidence.origin import FeatureOrigin
from touchline.evidence.tables import read_probabilities, write_evidence
from touchline.learning.model import LearntModel
from touchline.learning.note import check_learnt, read_note
from touchline.learning.records import LearntGame
from touchline.learning.training import Learner

ORIGIN = FeatureOrigin(
    checkpoint="some/model at commit 1",
    weights="commit 1",
    family="llava_next_video",
    quantization="nf4",
    prompt="What happens?",
    window={"fps": 1.0, "frames": 4.0, "seconds": 4.0, "step": STEP},
    image={"max_size": 384, "fit": "pad"},
)
WIDTH = 700  # beyond the number of directions


def wide(number):
    """Make float16 states that show goals."""
    goal = with_sign(number, 0).states[:, :1]
    others = np.random.default_rng(number).normal(size=(len(goal), WIDTH - 100))
    # A hundred components show goals, because a single one would be lost among the others.
    return np.hstack([goal.repeat(100, axis=1), others]).astype(np.float16)


def features(number):
    states = wide(number)
    return VideoFeatures(ORIGIN, windows(), np.ones(len(states), bool), states)


@pytest.fixture(scope="module")
def learner():
    videos = [labelled(n, with_sign(n, 0).truth.events, wide(n).astype(float)) for n in range(3)]
    return Learner(videos, ["Goal"])


@pytest.fixture(scope="module")
def model(learner):
    games = [LearntGame(game=f"game {n}", fingerprints=[f"print {n}"]) for n in range(3)]
    fits = [((), learner.fit_all())]
    fits += [(group, learner.fit_without(group)) for group in learner.groups]
    return LearntModel.of(ORIGIN, games, fits, WIDTH)


@pytest.fixture(scope="module")
def file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("learned") / "learned_m.safetensors"
    model.write(path)
    return path


def odds(evidence):
    return evidence.log_odds[:, 0]


def test_saved_and_loaded_model_gives_the_same_probabilities(file, learner):
    found = LearntModel.read(file).probabilities(features(7), "game 7", "print 7")
    video = labelled(7, with_sign(7, 0).truth.events, wide(7).astype(float))
    assert odds(found) == pytest.approx(learner.fit_all().log_odds(video)[:, 0], abs=1e-3)
    assert found.kind == "learned"
    assert np.exp(found.weights).sum(axis=1).min() > 0


@pytest.mark.parametrize(
    ("game", "fingerprint"), [("game 1", "print 9"), ("another name", "print 1")]
)
def test_training_game_is_recognized_by_name_or_footage(file, learner, game, fingerprint):
    found = LearntModel.read(file).probabilities(features(1), game, fingerprint)
    expected = learner.fit_without(["game 1"]).log_odds(learner.videos[1])[:, 0]
    assert odds(found) == pytest.approx(expected, abs=1e-3)


def test_video_that_matches_two_training_games_gets_no_events(file):
    found = LearntModel.read(file).probabilities(features(1), "game 0", "print 1")
    assert found.classes == ()


def test_low_odds_are_raised_to_the_floor(file, learner):
    found = odds(LearntModel.read(file).probabilities(features(7), "g", "p"))
    floor = float(learner.fit_all().floors[0])
    assert found.min() == pytest.approx(floor, abs=1e-4)
    assert (np.abs(found - floor) < 1e-4).sum() > 50


def test_unanswered_windows_have_empty_cells(file, tmp_path):
    whole = features(7)
    answered = np.arange(len(whole.windows)) != 5
    some = replace(whole, answered=answered, states=whole.states[answered])
    found = LearntModel.read(file).probabilities(some, "g", "p")
    assert np.flatnonzero(~found.weighed).tolist() == [5]
    none = replace(whole, answered=answered & False, states=np.zeros((0, 0), np.float16))
    assert not LearntModel.read(file).probabilities(none, "g", "p").weighed.any()
    write_evidence(tmp_path / "table.csv", found)
    again = read_probabilities(tmp_path / "table.csv")
    assert (again.classes, again.kind) == (("Goal",), "learned")
    assert np.array_equal(again.weights, found.weights, equal_nan=True)


def test_learnt_probabilities_of_no_class_are_saved_and_read(tmp_path, file):
    found = LearntModel.read(file).probabilities(features(1), "game 0", "print 1")
    write_evidence(tmp_path / "table.csv", found)
    assert read_probabilities(tmp_path / "table.csv").classes == ()


def test_description_of_a_learnt_model_is_read_without_its_weights(file, model):
    assert read_note(file) == model.note
    assert [part.without for part in model.note.parts] == [[], ["game 0"], ["game 1"], ["game 2"]]


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}"])
def test_invalid_learnt_model_is_refused(tmp_path, content):
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(InputError, match="not a learnt model"):
        read_note(tmp_path / "other")
    with pytest.raises(InputError, match="cannot be read"):
        read_note(tmp_path / "absent")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": "commit 2", "checkpoint": "some/model at commit 2"}, "the checkpoint (some/"),
        ({"weights": "commit 2"}, "the checkpoint."),
        ({"prompt": "Which?"}, "the text of the prompt"),
        ({"quantization": "none"}, "quantization (nf4 before, none now)"),
        ({"window": ORIGIN.window | {"step": 1.0}}, "window.step (2 before, 1 now)"),
        ({"image": {"max_size": 384, "fit": "crop"}}, "image.fit (pad before, crop now)"),
    ],
)
def test_features_with_other_settings_are_refused_with_the_difference(change, words):
    other = ORIGIN.model_copy(update=change)
    with pytest.raises(InputError) as raised:
        check_learnt("kept.safetensors", ORIGIN, other)
    assert words in str(raised.value)
    assert "kept.safetensors" in str(raised.value)
    assert ORIGIN.key != other.key or "checkpoint" in change


def test_renamed_checkpoint_folder_is_accepted():
    moved = ORIGIN.model_copy(update={"checkpoint": "/elsewhere"})
    check_learnt("kept.safetensors", ORIGIN, moved)
    assert ORIGIN.key == moved.key


def test_game_without_answers_teaches_no_class():
    video = labelled(0, [], noise(0))
    empty = replace(video, answered=np.zeros(len(video.windows), bool), states=video.states[:0])
    learner = Learner([empty, replace(with_sign(1, 0), truth=Truth([], []))], ["Goal"])
    assert learner.fit_all().classes == ()
    assert len(moments(0)) == 8
