"""Test that a worker waits for its GPU, and learns from earlier answers."""

import pytest

from touchline.detection import worker
from touchline.detection.worker import Question, answer_windows
from touchline.errors import InputError
from touchline.inputs.settings import (
    BatchSettings,
    GenerationSettings,
    ImageSettings,
    WindowSettings,
)
from touchline.inputs.videos import Video
from touchline.inputs.windows import list_windows, whole_video
from touchline.models.families.base import VideoLanguageModel
from touchline.video.probe import probe

SETTINGS = WindowSettings()


def question(checkpoint, tokens):
    """Return a question about every window, with answers of up to `tokens` tokens."""
    return Question(
        prompt="What happens?",
        checkpoint=checkpoint,
        dtype="float32",
        image=ImageSettings(),
        generation=GenerationSettings(max_new_tokens=tokens),
        fps=SETTINGS.fps,
        frames=SETTINGS.frames,
        version=1,
    )


@pytest.mark.parametrize(
    ("refusing", "refusal"),
    [
        ("check_usable", InputError("This job has GPU 0, but torch cannot use it")),
        ("has_room_beside", RuntimeError("CUDA error: all devices are busy or unavailable")),
    ],
)
def test_worker_waits_for_a_busy_gpu(tmp_path, monkeypatch, clip, checkpoint, refusing, refusal):
    is_leased = False

    def refuse(*arguments):
        if not is_leased:
            raise refusal

    def lease(get_ready):
        nonlocal is_leased
        get_ready("0")
        is_leased = True

    monkeypatch.setattr(worker, "check_usable", lambda gpu: None)
    monkeypatch.setattr(worker, refusing, refuse)
    monkeypatch.setattr(worker, "lease_gpu", lease)
    windows = list(list_windows(0, 4, whole_video(4), SETTINGS))
    records = answer_windows(
        clip,
        probe(Video(video=0, path=clip)),
        windows,
        question(checkpoint, 2),
        journal_folder=tmp_path / "journal",
        batch=BatchSettings(windows=1),
        threads=1,
    )
    assert [record.window for record in records] == [window.index for window in windows]


def test_earlier_answers_save_steps_and_change_no_answer(tmp_path, monkeypatch, clip, checkpoint):
    steps = []
    windows = list(list_windows(0, 9, whole_video(9), SETTINGS))

    def counted(self, tokens, cache, step=VideoLanguageModel.step):
        steps[-1] += 1
        return step(self, tokens, cache)

    def answer(folder, earlier):
        steps.append(0)
        return answer_windows(
            clip,
            probe(Video(video=0, path=clip)),
            windows,
            question(checkpoint, 64),
            journal_folder=tmp_path / folder,
            batch=BatchSettings(windows=5),
            threads=1,
            earlier_answers=lambda: earlier,
        )

    monkeypatch.setattr(VideoLanguageModel, "step", counted)
    alone = [record.text for record in answer("alone", [])]
    primed = [record.text for record in answer("primed", alone)]
    assert primed == alone
    assert steps[1] < steps[0]
