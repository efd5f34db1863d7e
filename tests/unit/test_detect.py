"""Every window ends in the ledger, whatever happens to it."""

import pytest
import torch

from media import number_in, steady, write_video
from touchline.config import GenerationSettings, ImageSettings, WindowSettings
from touchline.detect import Question, detect, partial_of, window_seed
from touchline.generated import Generated
from touchline.llava import LlavaNextVideo
from touchline.probe import probe
from touchline.videos import Video
from touchline.windows import windows_of

QUESTION = Question("What?", ImageSettings(max_size=256), GenerationSettings(max_new_tokens=8))


class Spy:
    """Stands in for a model: tells what it is shown, and fails where it is told to."""

    def __init__(self, answers=None, memory=lambda call: True):
        self.answers, self.memory = answers or {}, memory
        self.seen, self.seeds, self.fitted, self.calls = [], [], 0, 0

    def pixels(self, picture, fit):
        self.fitted += 1
        return torch.tensor(number_in(picture))

    def answer(self, pixels, prompt, settings, seed):
        self.calls += 1
        if not self.memory(self.calls):
            raise torch.OutOfMemoryError("no")
        self.seen.append([int(p) for p in pixels])
        self.seeds.append(seed)
        return Generated(self.answers.get(int(pixels[0]), "none"), (1, 2), (-0.1, -0.1))

    def decode(self, tokens):
        return ""


def run(path, model, slices=1, index=0):
    manifest = probe(Video(video=3, path=path))
    bounds = (manifest.duration * index / slices, manifest.duration * (index + 1) / slices)
    windows = windows_of(*bounds, manifest.duration, WindowSettings())
    return list(detect(path, manifest, windows, QUESTION, model))


def test_each_window_shows_its_own_frames_and_each_frame_is_fitted_once(clip):
    spy = Spy()
    records = run(clip, spy)
    assert [r.start for r in records] == [0, 2, 4, 6, 8]
    assert spy.seen == [
        [0, 25, 50, 75], [50, 75, 100, 125], [100, 125, 150, 175], [150, 175, 200, 225], [200, 225]
    ]  # fmt: skip
    assert records[-1].end == 9.2
    assert records[-1].frame_times == [8.0, 9.0]
    assert spy.fitted == 10


def test_the_partial_has_every_answer_that_is_not_none(clip):
    goal = '[{"label": "Goal", "team": "home", "confidence": 0.9, "details": ""}]'
    records = run(clip, Spy({50: goal, 150: "well, hard to say"}))
    assert [r.status for r in records] == ["none", "events", "none", "unparsed", "none"]
    assert [(a.time, a.raw) for a in partial_of(records)] == [(2, goal), (6, "well, hard to say")]


@pytest.mark.parametrize(
    ("memory", "statuses", "attempts"),
    [
        (lambda call: call != 2, ["none"] * 5, [1, 2, 1, 1, 1]),
        (lambda call: call not in (2, 3), ["none", "skipped_oom"] + ["none"] * 3, [1, 2, 1, 1, 1]),
        (lambda call: False, ["skipped_oom"] * 5, [2] * 5),
    ],
)
def test_a_window_that_does_not_fit_is_tried_again_then_skipped(clip, memory, statuses, attempts):
    records = run(clip, Spy(memory=memory))
    assert [r.status for r in records] == statuses
    assert [r.attempts for r in records] == attempts


def test_a_hole_in_the_video_is_told_from_an_empty_window(tmp_path):
    # The pictures begin at 0 but the manifest is of a longer video: its end has no frames.
    path = write_video(tmp_path / "v.mkv", steady(5))
    manifest = probe(Video(video=0, path=path)).model_copy(update={"duration": 12.0})
    windows = windows_of(0, 12.0, 12.0, WindowSettings())
    records = list(detect(path, manifest, windows, QUESTION, Spy()))
    assert [r.status for r in records] == [
        "none",
        "none",
        "none",
        "no_frames",
        "no_frames",
        "no_frames",
    ]
    assert records[2].frame_times == [4.0]


def test_random_numbers_belong_to_the_window(clip):
    whole, half = Spy(), Spy()
    run(clip, whole)
    manifest = probe(Video(video=3, path=clip))
    later = windows_of(4.0, 9.2, 9.2, WindowSettings())
    list(detect(clip, manifest, later, QUESTION, half))
    assert half.seeds == whole.seeds[2:]
    assert len(set(whole.seeds)) == 5
    assert window_seed(0, 3, 4.0) != window_seed(0, 4, 4.0) != window_seed(1, 4, 4.0)


def test_a_real_model_answers_every_window(clip, checkpoint):
    records = run(clip, LlavaNextVideo(checkpoint))
    assert len(records) == 5
    assert all(1 <= r.tokens <= 8 and 0 <= r.score <= 1 for r in records)
    again = run(clip, LlavaNextVideo(checkpoint))
    assert [r.text for r in again] == [r.text for r in records]
