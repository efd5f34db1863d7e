"""Test the progress read from incomplete files, torn lines and earlier attempts."""

import io
import os
import time
from pathlib import Path

import pytest
from rich.console import Console

from touchline.core.files import write_json, write_json_lines
from touchline.core.paths import DETECT_LOG, JOURNAL, LEDGER, MANIFEST, PARTIAL, PREDICTIONS, Slice
from touchline.core.records import Manifest, ParsedEvent, WindowRecord
from touchline.detection.journal import Journal
from touchline.inputs.settings import Settings
from touchline.runs.status import Observer
from touchline.runs.status_display import COLUMNS, table
from touchline.slurm.queue import QueuedJob, Stage, results_mark


def record(number, status="none"):
    return WindowRecord(
        window=number, start=2 * number, end=2 * number + 4, frame_times=[], status=status,
        attempts=1, events=[ParsedEvent(label="Goal")] if status == "events" else [],
    )  # fmt: skip


@pytest.fixture
def settings(tmp_path):
    return Settings(
        results=str(tmp_path / "results"),
        slices=2,
        models={"llava": {"checkpoint": "a"}},
        compare_with=[],
    )


@pytest.fixture
def files(settings):
    """Return a function that gives the path of a slice's file by its pattern."""

    def of(pattern, index=0):
        path = Slice("llava", 0, index).file(settings.results, pattern)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    write_json(
        of(MANIFEST),
        Manifest(
            video=0, path="a", bytes=1, fingerprint="b", duration=40, start_time=0, frame_rate=25,
            width=1, height=1, rotation=0, codec="h264",
        ).model_dump(),
    )  # fmt: skip
    return of


def journal(files, *records, index=0, key="key"):
    with Journal(files(JOURNAL, index), key).writing() as writer:
        for each in records:
            writer.add(each)


def finish(files, index):
    records = [record(n, "events" if n == 3 else "none") for n in range(10)]
    write_json_lines(files(LEDGER, index), [each.model_dump() for each in records])
    write_json(files(PARTIAL, index), [])


def look(settings, **options):
    (video,) = Observer(settings, [0]).look(**options)
    return video


def queued(*jobs):
    """Return a function that returns a queue with the given jobs."""
    return lambda: [
        QueuedJob(str(number), state, reason, "detect_slice", of, Path("/run"))
        for number, of, state, reason in jobs
    ]


def test_unprobed_video_has_unknown_progress(settings):
    video = look(settings)
    assert (video.done, video.total, video.percent, video.seconds_left) == (0, None, None, None)


def test_progress_sums_finished_and_running_slices(settings, files):
    finish(files, 0)
    journal(files, record(0, "events"), record(1), record(2, "skipped_oom"), index=1)
    video = look(settings)
    assert (video.done, video.answered, video.total) == (1, 13, 20)
    assert video.percent == 65
    assert (video.events, video.skipped) == (2, 1)


def test_speed_is_measured_over_recent_windows(settings, files):
    folder = files(JOURNAL) / "key"
    folder.mkdir(parents=True)
    now = time.time()
    lines = [
        record(n).model_dump_json()[:-1] + f', "at": {at}}}'
        for n, at in enumerate([now - 4000, now - 60, now - 50, now - 40, now - 30])
    ]
    (folder / "a.jsonl").write_text("\n".join(lines) + '\n{"torn": ')
    video = look(settings, now=now)
    assert video.rate == pytest.approx(0.1, rel=0.01)
    assert video.seconds_left == pytest.approx(15 / 0.1, rel=0.01)
    assert look(settings, now=now + 4000).rate == 0


def test_window_answered_twice_counts_once(settings, files):
    journal(files, record(0), record(1, "events"))
    journal(files, record(1, "events"), record(2))
    video = look(settings)
    assert (video.answered, video.events) == (3, 1)


def test_only_the_journal_with_the_latest_settings_counts(settings, files):
    journal(files, record(0), record(1), key="old")
    os.utime(files(JOURNAL) / "old", (1, 1))
    journal(files, record(0), key="new")
    assert look(settings).answered == 1


def test_failure_is_shown_until_the_next_attempt_answers(settings, files):
    log = files(DETECT_LOG)
    log.write_text("2026-01-01 10:00:00,000 ERROR x.mkv \x1b[31mis gone\n")
    (failure,) = look(settings).failures
    assert failure.failure == "x.mkv  [31mis gone"
    os.utime(log, (1, 1))
    journal(files, record(0))
    assert look(settings).failures == []


def test_slices_with_deleted_partial_results_count_as_done(settings, files):
    files(PREDICTIONS).write_text("[]")
    assert look(settings).done == 0
    video = look(settings.model_copy(update={"keep_partials": False}))
    assert (video.done, video.percent) == (2, 100)


def test_slice_without_recent_answers_has_no_speed(settings, files):
    folder = files(JOURNAL) / "key"
    folder.mkdir(parents=True)
    now = time.time()
    lines = [record(n).model_dump_json()[:-1] + f', "at": {now - 48 + n}}}' for n in range(4)]
    (folder / "a.jsonl").write_text("\n".join(lines) + "\n")
    assert look(settings, now=now).rate == 0
    assert look(settings, now=now - 35).rate == 1


def test_slices_show_their_state_in_slurm_s_queue(settings, files):
    journal(files, record(0), record(1))
    queue = queued(
        (8, "llava_0_0", "RUNNING", "None"),
        (10, "llava_0_0", "TIMEOUT", "TimeLimit"),
        (11, "llava_0_1", "PENDING", "PartitionTimeLimit"),
        (12, "qwen_0_1", "RUNNING", "None"),
    )
    (video,) = Observer(settings, [0], Path("/run"), queue).look()
    assert [part.of.slice for part in video.in_stage(Stage.DEAD)] == [0]
    assert [part.of.slice for part in video.in_stage(Stage.PENDING)] == [1]
    assert video.rate == 0
    console = Console(width=160, file=io.StringIO())
    console.print(table([video], 1))
    shown = console.file.getvalue()
    assert "1 pending, 1 dead" in shown
    assert "llava 0/0: TIMEOUT in SLURM" in shown
    assert "llava 0/1: pending in SLURM (PartitionTimeLimit): it requests more time" in shown
    (elsewhere,) = Observer(settings, [0], Path("/other"), queue).look()
    assert not elsewhere.in_stage(Stage.DEAD)


def shown_in_queue(settings, *jobs):
    """Return the printed progress of a run whose jobs are in the queue."""
    console = Console(width=160, file=io.StringIO())
    console.print(table(Observer(settings, [0], Path("/run"), queued(*jobs)).look(), 1))
    return console.file.getvalue()


def test_state_and_reason_of_each_waiting_job_are_shown(settings, files):
    shown = shown_in_queue(
        settings,
        (8, "llava_0_0", "SUSPENDED", "None"),
        (9, "llava_0_1", "PENDING", "Priority"),
    )
    assert "1 pending, 1 suspended" in shown
    assert "running" not in shown
    assert "llava 0/0: suspended in SLURM\n" in shown.replace(" \n", "\n")
    assert "llava 0/1: pending in SLURM (Priority)" in shown


def test_held_and_completing_jobs_are_explained(settings, files):
    shown = shown_in_queue(
        settings,
        (8, "llava_0_0", "PENDING", "job requeued in held state"),
        (9, "llava_0_1", "COMPLETING", "None"),
    )
    assert (
        "pending in SLURM (job requeued in held state): it is held: `scontrol release` it" in shown
    )
    assert "llava 0/1: completing in SLURM" in shown


def test_table_fits_on_a_screen_of_80_columns(settings, files):
    journal(files, *map(record, range(3)))
    finish(files, 1)
    queue = queued((8, "llava_0_0", "RUNNING", "None"), (9, "llava_0_1", "PENDING", "Priority"))
    console = Console(width=80, file=io.StringIO())
    console.print(table(Observer(settings, [0], Path("/run"), queue).look(), 1))
    shown = console.file.getvalue()
    assert "…" not in shown
    heading, _, row, *_ = (line.split() for line in shown.splitlines() if line.strip())
    assert heading == COLUMNS
    assert row[:3] == ["0", "llava", "1/2"]


def test_jobs_of_another_run_in_the_folder_are_not_shown(settings):
    def queue():
        mark = results_mark("/run/other")
        job = ("8", "RUNNING", "None", "detect_slice", "llava_0_0", Path("/run"), mark)
        return [QueuedJob(*job)]

    (video,) = Observer(settings, [0], Path("/run"), queue).look()
    assert video.in_stage(Stage.RUNNING) == []


def test_steps_that_follow_the_slices_are_shown_until_the_page_is_made(settings, files):
    observer = Observer(settings, [0])
    finish(files, 0)
    assert observer.later_steps(observer.look()) == ""
    finish(files, 1)
    events, page = (Path(settings.results, name) for name in ("events", "report"))
    for folder in (events, page):
        folder.mkdir()
    # A page of an earlier run does not count.
    (page / "video_0.html").touch()
    os.utime(page / "video_0.html", (1, 1))
    (events / "events_llava_video_0.csv").touch()
    assert observer.later_steps(observer.look()).endswith("draw pages: 0 of 1 pages are drawn.")
    (page / "video_0.html").touch()
    assert observer.later_steps(observer.look()).endswith("draw pages: 1 of 1 pages are drawn.")
