"""Show the progress of a run, as a table on a screen or as lines in a file."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from touchline.runs.status import Observer, RunProgress, VideoStatus, is_under_way
from touchline.slurm.queue import Stage, obstacle

COLUMNS = ["video", "model", "slices", "done", "windows/s", "left", "events", "skipped", "failed"]
# A run without progress for this long may wait for a GPU or a download, or was killed.
QUIET_SECONDS = 600


def table(videos: Sequence[VideoStatus], most_rows: int) -> Group:
    """Build a table with the progress of each video and model, the total, and the failures.

    Args:
        videos: progress of each video and model.
        most_rows: most rows to show. With more videos, show only rows that need attention.
    """
    shown = videos
    if len(videos) > most_rows:
        shown = [v for v in videos if v.rate or v.failures or v.skipped or _idle_jobs([v])]
        shown = shown[:most_rows]
    rows = Table(*COLUMNS, box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for column in [*rows.columns[:1], *rows.columns[2:]]:
        column.justify = "right"
    for video in shown:
        rows.add_row(str(video.video), video.model, *_cells(video))
    rows.add_section()
    rows.add_row("all", "", *_cells(_combined(videos)))
    notes = [Text(line) for line in [*_failures(shown), *_queue(videos), *_idle_jobs(shown)]]
    if len(shown) < len(videos):
        notes.append(Text(f"{len(videos) - len(shown)} more rows are waiting or done."))
    return Group(rows, *notes)


def watch(observer: Observer, console: Console, pause: float) -> None:
    """Show the progress repeatedly until no run holds the folder.

    Redraw the table on a terminal. Otherwise print a line when something changes.

    Args:
        observer: reader of the run's progress.
        console: console to write to.
        pause: seconds between two readings.
    """
    was_under_way = is_under_way()
    videos: Sequence[VideoStatus] = []
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            for videos, notes in _readings(observer, pause):
                view = table(videos, max(5, console.height - 8))
                live.update(Group(view, *notes), refresh=True)
    else:
        last: list[str] = []
        for videos, notes in _readings(observer, pause):
            lines = [_line(videos), *_failures(videos), *_queue(videos)]
            lines += [*_idle_jobs(videos), *notes]
            for line in lines:
                if line not in last:
                    print(time.strftime("%H:%M:%S"), line, flush=True)
            last = lines
    all_slices = _combined(videos)
    done, total = all_slices.done, len(all_slices.slices)
    state = "The run has ended" if was_under_way else "No run is under way here"
    further = "." if done == total else ". To resume, type the command that started it."
    print(f"{state}: {done} of {total} slices are done{further}")


def _readings(observer: Observer, pause: float) -> Iterator[tuple[list[VideoStatus], list[str]]]:
    """Yield progress and notes repeatedly until the run ends, and once afterwards.

    Notes give the progress of the steps after the slices, and say if nothing has changed for a long
    time.
    """
    last: object = None
    changed = time.monotonic()
    while True:
        goes_on = is_under_way()
        videos = observer.look()
        later = observer.later_steps(videos) if goes_on else ""
        state = [(v.done, v.answered) for v in videos], later
        if state != last:
            last, changed = state, time.monotonic()
        quiet = int((time.monotonic() - changed) / QUIET_SECONDS) * QUIET_SECONDS // 60
        note = (
            f"No progress for {quiet} minutes: the run waits (for a GPU, a download) or was killed."
        )
        yield videos, [*filter(None, [later, note if quiet else ""])]
        if not goes_on:
            return
        time.sleep(max(0.1, pause))


def _line(videos: Sequence[VideoStatus]) -> str:
    """Return the total of the table as text."""
    cells = _cells(_combined(videos))
    return ", ".join(f"{name} {cell}" for name, cell in zip(COLUMNS[2:], cells, strict=True))


def _queue(videos: Sequence[VideoStatus]) -> list[str]:
    """Return a line that counts slices in SLURM's queue by stage; no line if the queue has none."""
    slices = _combined(videos)
    counts = [f"{len(parts)} {stage.value}" for stage in Stage if (parts := slices.in_stage(stage))]
    return [f"in SLURM's queue: {', '.join(counts)}"] if counts else []


def _idle_jobs(videos: Sequence[VideoStatus]) -> list[str]:
    """Return a line for each state of unfinished jobs that are not running, with their slices."""
    slices: dict[str, list[str]] = {}
    for video in videos:
        for part in video.slices:
            if part.job is None or part.done or part.job.stage in (Stage.RUNNING, Stage.DONE):
                continue
            if part.is_in(Stage.DEAD):
                why = f"{part.job.state} in SLURM"
            else:
                reason = f" ({part.job.reason})" if part.job.reason not in ("", "None") else ""
                advice = obstacle(part.job.reason) if part.is_in(Stage.PENDING) else None
                why = f"{part.job.state.lower()} in SLURM{reason}"
                why += f": {advice}" if advice else ""
            slices.setdefault(why, []).append(f"{video.model} {video.video}/{part.of.slice}")
    lines = []
    for why, names in slices.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        lines.append(f"{', '.join(names[:3])}{more}: {why}")
    return lines


def _failures(videos: Sequence[VideoStatus]) -> list[str]:
    """Return a line for each slice whose last attempt failed."""
    return [
        f"{v.model}, video {v.video}, slice {part.of.slice}: {part.failure} ({part.log})"
        for v in videos
        for part in v.failures
    ]


def _combined(videos: Sequence[VideoStatus]) -> RunProgress:
    """Combine the progress of several videos."""
    return RunProgress([part for video in videos for part in video.slices])


def _cells(progress: RunProgress) -> list[str]:
    """Return the figures of one table row."""
    return [
        f"{progress.done}/{len(progress.slices)}",
        "?" if progress.percent is None else f"{progress.percent:.0f}%",
        f"{progress.rate:.2f}" if progress.rate else "-",
        "-" if progress.seconds_left is None else _duration(progress.seconds_left),
        str(progress.events),
        str(progress.skipped),
        str(len(progress.failures)),
    ]


def _duration(seconds: float) -> str:
    """Format a duration as minutes or hours."""
    minutes = round(seconds / 60)
    if not minutes:
        return "< 1 min"
    return f"{minutes // 60}:{minutes % 60:02d} h" if minutes >= 60 else f"{minutes} min"
