"""Test that every window gets a record."""

import logging
from dataclasses import replace

import pytest
import torch

from media import number_in, sample_frames, steady, write_video
from touchline.answers.parsing import parse_prompt
from touchline.detection.detect import SliceProgress, detect
from touchline.detection.scoring import Generated
from touchline.events.partials import partial_answers
from touchline.inputs.settings import GenerationSettings, WindowSettings
from touchline.inputs.videos import Video
from touchline.inputs.windows import list_windows, slice_bounds, whole_video
from touchline.video.probe import probe

GOAL = '[{"label": "Goal", "team": "home", "confidence": 0.9, "details": ""}]'
DEFAULT = WindowSettings()


class Eye:
    """A model that sees only the number of a frame."""

    def __init__(self, frames_per_picture=1):
        self.fitted = 0
        self.frames_per_picture = frames_per_picture

    def pixels(self, picture):
        self.fitted += 1
        return torch.tensor(number_in(picture))

    def decode(self, tokens):
        return ""


class Answers:
    """A stand-in for a batch. It answers windows in pairs, the later window first."""

    rows = 2

    def __init__(self, answers=None, skipped=None):
        self.texts, self.skipped, self.tasks = answers or {}, skipped or {}, []

    def answers(self, tasks):
        pair = []
        for task in tasks:
            self.tasks.append(task)
            pair.append(task)
            if len(pair) == 2:
                yield from map(self._answer, reversed(pair))
                pair = []
        yield from map(self._answer, pair)

    def _answer(self, task):
        if task.index in self.skipped:
            return task, self.skipped[task.index]
        text = self.texts.get(task.index, "none")
        return task, Generated(text, (1, 2), (-0.1, -0.1))

    @property
    def seen(self):
        return {t.index: [n for p in t.pictures for n in p.pixels.tolist()] for t in self.tasks}


def run(path, answers, eye=None, bounds=None, duration=None, seed=0, rule=DEFAULT):
    manifest = probe(Video(video=3, path=path))
    duration = duration or manifest.duration
    windows = list_windows(*(bounds or (0, duration)), whole_video(duration), rule)
    times = sorted({time for window in windows for time in window.times})
    frames = sample_frames(path, times, manifest.start_time, 4096)
    settings = GenerationSettings(seed=seed, max_new_tokens=8)
    asked = parse_prompt("Which of these happen?\nGoal, Foul")
    eye = eye or Eye()
    fitted = (replace(frame, picture=eye.pixels(frame.picture)) for frame in frames)
    how = {"settings": settings, "video": 3, "asked": asked}
    done = detect(windows, fitted, eye, answering=answers, **how)
    return sorted(done, key=lambda record: record.window)


def test_each_window_has_its_frames_and_each_frame_is_resized_once(clip):
    eye, answers = Eye(), Answers()
    records = run(clip, answers, eye)
    assert [r.start for r in records] == [0, 2, 4, 6, 8]
    assert answers.seen == {
        0: [0, 25, 50, 75],
        1: [50, 75, 100, 125],
        2: [100, 125, 150, 175],
        3: [150, 175, 200, 225],
        4: [200, 225],
    }
    assert records[-1].end == 9.2
    assert records[-1].frame_times == [8.0, 9.0]
    assert eye.fitted == 10


def test_overlapping_windows_share_pictures(clip):
    answers = Answers()
    run(clip, answers)
    first, second = answers.tasks[:2]
    assert first.pictures[2:] == second.pictures[:2]
    assert first.pictures[2] is second.pictures[0]


def test_windows_share_pictures_of_identical_frame_pairs(clip):
    answers = Answers()
    records = run(clip, answers, Eye(frames_per_picture=2))
    assert answers.seen[1] == [50, 75, 100, 125]
    first, second = answers.tasks[:2]
    assert first.pictures[1] is second.pictures[0]
    assert records[1].frame_times == [2.0, 3.0, 4.0, 5.0]
    # With a step of one second, the same frames form other pairs.
    answers = Answers()
    run(clip, answers, Eye(frames_per_picture=2), rule=WindowSettings(step=1))
    assert answers.seen[1] == [25, 50, 75, 100]
    assert answers.tasks[0].pictures[1] is answers.tasks[2].pictures[0]


def test_last_odd_frame_is_paired_with_its_copy(clip):
    answers = Answers()
    records = run(clip, answers, Eye(frames_per_picture=2), rule=WindowSettings(frames=3))
    assert answers.seen[0] == [0, 25, 50, 50]
    assert records[0].frame_times == [0.0, 1.0, 2.0]


def test_partial_result_leaves_out_windows_without_an_event(clip):
    records = run(clip, Answers({1: GOAL, 3: "well, hard to say"}))
    assert [r.status for r in records] == ["none", "events", "none", "unparsed", "none"]
    assert [(a.time, a.raw) for a in partial_answers(records)] == [
        (2, GOAL),
        (6, "well, hard to say"),
    ]


def test_window_that_exceeds_memory_is_recorded_and_logged(clip, caplog):
    records = run(clip, Answers(skipped={2: "skipped_oom"}))
    assert [r.status for r in records] == ["none", "none", "skipped_oom", "none", "none"]
    assert "Window 2 (4.000-8.000 s) does not fit" in caplog.text


def test_windows_without_frames_are_not_recorded_as_none(tmp_path):
    path = write_video(tmp_path / "v.mkv", steady(5))
    records = run(path, Answers(), duration=12.0)
    assert [r.status for r in records] == ["none"] * 3 + ["no_frames"] * 3
    assert records[2].frame_times == [4.0]


def test_random_numbers_depend_only_on_seed_and_window(clip):
    whole, part, other = Answers(), Answers(), Answers()
    run(clip, whole)
    run(clip, part, bounds=(4.0, 9.2))
    run(clip, other, seed=1)
    for mine, same in zip(part.tasks, whole.tasks[2:], strict=True):
        assert torch.equal(mine.uniforms, same.uniforms)
    assert not torch.equal(whole.tasks[0].uniforms, whole.tasks[1].uniforms)
    assert not torch.equal(whole.tasks[0].uniforms, other.tasks[0].uniforms)


@pytest.mark.parametrize("slices", [1, 4])
def test_windows_of_a_long_video_reach_its_end(tmp_path, slices):
    # One frame per second, 3,247 in all: as long as the longest real half.
    path = write_video(tmp_path / "half.mkv", steady(3247, rate=1), size=(208, 32), gop=50)
    ledgers = [
        run(path, Answers(), bounds=slice_bounds(whole_video(3247.0), slices, s), duration=3247.0)
        for s in range(slices)
    ]
    records = [record for ledger in ledgers for record in ledger]
    assert {r.status for r in records} == {"none"}
    assert records[-1].end == 3247.0
    # 811.75 s have 406 windows, and the whole video has 1,624.
    assert [len(ledger) for ledger in ledgers] == ([1624] if slices == 1 else [406] * 4)
    reached = 0.0
    for record in records:
        assert record.start <= reached
        assert len(record.frame_times) >= 1
        reached = max(reached, record.end)


def test_progress_of_a_slice_is_logged(clip, caplog):
    answers = Answers({0: GOAL}, skipped={1: "not_finite"})
    records = run(clip, answers)[:2]
    caplog.clear()
    progress = SliceProgress(total=12, done=2, every=0.0)
    with caplog.at_level(logging.INFO):
        for record in records:
            progress.count(record, answers)
    lines = [each.getMessage() for each in caplog.records if "of 12 windows" in each.getMessage()]
    first, second = lines
    assert first.startswith("3 of 12 windows, ")
    assert second.startswith("4 of 12 windows, ")
    for part in (
        " per second, ",
        " s left, ",
        " 1 events, 1 skipped, 2 at a time, peak ",
        " GB of ",
    ):
        assert part in second
