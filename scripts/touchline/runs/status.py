"""Read the progress of a run from its journals, its results and SLURM's queue.

Reading does not disturb the jobs. It needs neither Snakemake nor torch, so it works on a login
node, during the run and after it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError

from touchline.core.logs import read_tail
from touchline.core.paths import (
    DETECT_LOG,
    EVENTS,
    JOURNAL,
    LEDGER,
    MANIFEST,
    PAGE,
    Slice,
    list_slices,
)
from touchline.core.records import UNANSWERED, Manifest
from touchline.detection.journal import Line, read_lines
from touchline.inputs.settings import Settings
from touchline.inputs.videos import Video
from touchline.inputs.windows import watched_parts, windows_per_slice
from touchline.slurm.queue import QueuedJob, Stage, own_jobs

# The current speed is measured over these seconds.
RECENT_SECONDS = 120.0
# A slice is idle if it has been silent for this long and for _PAUSES times its longest pause.
SILENT_SECONDS = 20.0
_PAUSES = 4


@dataclass(frozen=True)
class SliceStatus:
    """The progress of one slice.

    Attributes:
        of: the slice.
        done: whether the slice is finished.
        total: number of windows; None before the video is probed.
        answered: number of finished windows, including skipped ones.
        events: number of events in the answers, including duplicates.
        skipped: number of skipped windows.
        rate: current speed in windows per second; 0 if no window was answered recently.
        failure: last error of the latest attempt; None if it did not fail, or if a new attempt
            began.
        log: log file of the latest attempt.
        job: latest job in SLURM's queue; None if there is none. The queue lists ended jobs for some
            minutes.
    """

    of: Slice
    done: bool
    total: int | None
    answered: int = 0
    events: int = 0
    skipped: int = 0
    rate: float = 0.0
    failure: str | None = None
    log: Path | None = None
    job: QueuedJob | None = None

    def is_in(self, stage: Stage) -> bool:
        """Return whether the slice is unfinished and its SLURM job is in the given stage."""
        return not self.done and self.job is not None and self.job.stage is stage


@dataclass(frozen=True)
class RunProgress:
    """The combined progress of some slices."""

    slices: Sequence[SliceStatus]

    @property
    def done(self) -> int:
        """Return the number of finished slices."""
        return sum(part.done for part in self.slices)

    @property
    def answered(self) -> int:
        """Return the number of finished windows."""
        return sum(part.answered for part in self.slices)

    @property
    def total(self) -> int | None:
        """Return the number of windows; None if any video is not probed yet."""
        totals = [part.total for part in self.slices if part.total is not None]
        return sum(totals) if len(totals) == len(self.slices) else None

    @property
    def rate(self) -> float:
        """Return the current speed in windows per second."""
        return sum(part.rate for part in self.slices)

    @property
    def percent(self) -> float | None:
        """Return the percentage of finished windows; None if there are none or their number is
        unknown.
        """
        return 100 * self.answered / self.total if self.total else None

    @property
    def seconds_left(self) -> float | None:
        """Return the seconds left at the current speed; None if no slice makes progress."""
        if self.total is None or not self.rate:
            return None
        return (self.total - self.answered) / self.rate

    @property
    def events(self) -> int:
        """Return the number of events in the answers."""
        return sum(part.events for part in self.slices)

    @property
    def skipped(self) -> int:
        """Return the number of skipped windows."""
        return sum(part.skipped for part in self.slices)

    def in_stage(self, stage: Stage) -> list[SliceStatus]:
        """Return the slices whose SLURM job is in the given stage."""
        return [part for part in self.slices if part.is_in(stage)]

    @property
    def failures(self) -> list[SliceStatus]:
        """Return the slices whose latest attempt failed."""
        return [part for part in self.slices if part.failure is not None]


@dataclass(frozen=True)
class VideoStatus(RunProgress):
    """The progress of one video for one model."""

    model: str
    video: int


@dataclass
class Observer:
    """A reader of a run's progress. It reads finished files only once.

    Attributes:
        settings: settings of the run.
        videos: numbers of the selected videos.
        folder: folder in which Snakemake was started.
        queue: function that returns the jobs in SLURM's queue.
        table: table of videos, by number.
    """

    settings: Settings
    videos: Sequence[int]
    folder: Path = field(default_factory=Path.cwd)
    queue: Callable[[], list[QueuedJob] | None] = own_jobs
    table: Mapping[int, Video] = field(default_factory=dict)

    def look(self, now: float | None = None) -> list[VideoStatus]:
        """Read the progress of every video and running model.

        Args:
            now: current time in seconds since 1970; None to read the clock.
        """
        now = time.time() if now is None else now
        models = self.settings.detect_with
        parts = list_slices(models, self.videos, self.settings.slices)
        jobs = _latest_jobs(self.queue() or [], Path(self.settings.results), self.folder)
        by_video: dict[tuple[int, str], list[SliceStatus]] = {}
        for part in parts:
            by_video.setdefault((part.video, part.model), []).append(self._slice(part, jobs, now))
        return [VideoStatus(each, model, video) for (video, model), each in by_video.items()]

    def later_steps(self, videos: Sequence[VideoStatus]) -> str:
        """Return a sentence on the progress of the steps after the slices; "" while slices run.

        Args:
            videos: progress of the slices.
        """
        if not videos or any(part.done < len(part.slices) for part in videos):
            return ""
        made = sum(self._has_page(video) for video in self.videos)
        return (
            f"All slices are done. The next steps merge, compare and draw pages: {made} of "
            f"{len(self.videos)} pages are drawn."
        )

    def _has_page(self, video: int) -> bool:
        """Return whether a video's page exists and is newer than the current events."""
        place = Path(self.settings.results)
        models = [name for name in self.settings.voting if name not in self.settings.compare_with]
        events = [EVENTS.format(model=name, video=video) for name in models]
        try:
            page = (place / PAGE.format(video=video)).stat().st_mtime_ns
            return all((place / file).stat().st_mtime_ns <= page for file in events)
        except OSError:
            return False

    def _slice(self, part: Slice, jobs: Mapping[str, QueuedJob], now: float) -> SliceStatus:
        """Read the progress of one slice."""
        results, total = self.settings.results, self._total(part)
        if part.is_done(results, self.settings.keep_partials):
            ledger = part.file(results, LEDGER)
            try:
                counts = _counts(ledger, ledger.stat().st_mtime_ns)
            except (OSError, ValueError):
                # The ledger was deleted after merging, or is being rewritten.
                counts = total or 0, 0, 0
            return SliceStatus(part, True, total, *counts)
        try:
            lines = list(_journal_lines(part.file(results, JOURNAL)))
        except OSError:
            # The journal was just deleted at the end of the run, or may not be read.
            lines = []
        windows = {line.window: line for line in lines}
        log = part.file(results, DETECT_LOG)
        latest = max((line.at for line in lines), default=0.0)
        job = jobs.get(f"{part.model}_{part.video}_{part.slice}")
        stands_still = job is not None and job.stage is not Stage.RUNNING
        return SliceStatus(
            part,
            False,
            total,
            len(windows),
            sum(len(line.events) for line in windows.values()),
            sum(line.status in UNANSWERED for line in windows.values()),
            0.0 if stands_still else _rate([line.at for line in lines], now),
            _failure(log, latest),
            log,
            job,
        )

    def _total(self, part: Slice) -> int | None:
        """Return the number of windows in a slice; None before the video is probed."""
        path = part.file(self.settings.results, MANIFEST)
        try:
            duration = _duration(path, path.stat().st_mtime_ns)
        except (OSError, ValidationError):
            return None
        settings, row = self.settings, self.table.get(part.video)
        stretches = watched_parts(duration, row.halves if row else (), settings.window)
        return _counts_of_windows(tuple(stretches), settings.slices, settings.window)[part.slice]


def is_under_way() -> bool:
    """Return whether a run holds the lock of this folder.

    A run that was killed still holds the lock until `snakemake --unlock`.
    """
    # Snakemake keeps its lock as a file in the folder where it was started.
    return any(Path().glob(".snakemake/locks/*.lock"))


def _latest_jobs(queue: Iterable[QueuedJob], results: Path, folder: Path) -> dict[str, QueuedJob]:
    """Return each slice's latest SLURM job for these results, by its wildcards."""
    ours = [job for job in queue if job.rule == "detect_slice" and job.is_for(results, folder)]
    return {job.wildcards: job for job in sorted(ours, key=lambda job: int(job.number))}


_counts_of_windows = cache(windows_per_slice)


@cache
def _duration(manifest: Path, changed: int) -> float:  # noqa: ARG001
    """Return the duration of a video in seconds, cached until its manifest changes."""
    return Manifest.model_validate_json(manifest.read_bytes()).duration


@cache
def _counts(ledger: Path, changed: int) -> tuple[int, int, int]:  # noqa: ARG001
    """Count the windows, events and skipped windows of a finished slice, cached until its ledger
    changes.
    """
    records = [json.loads(line) for line in ledger.read_bytes().splitlines()]
    events = sum(len(record["events"]) for record in records)
    return len(records), events, sum(record["status"] in UNANSWERED for record in records)


def _journal_lines(journal: Path) -> Iterator[Line]:
    """Yield the lines of a slice's journal. If it has several subfolders, use the newest."""
    try:
        keys = [(path.stat().st_mtime_ns, path) for path in journal.iterdir() if path.is_dir()]
    except OSError:
        return
    if keys:
        yield from read_lines(max(keys)[1])


def _rate(times: Sequence[float], now: float) -> float:
    """Compute the recent speed in windows per second from the times of the answers."""
    recent = sorted(at for at in times if now - at <= RECENT_SECONDS)
    if len(recent) < 2:
        return 0.0
    longest = max(later - earlier for earlier, later in pairwise(recent))
    if now - recent[-1] > max(SILENT_SECONDS, _PAUSES * longest):
        return 0.0
    # Measure from the first answer to the last, so that loading and a final pause do not count.
    return (len(recent) - 1) / max(recent[-1] - recent[0], 1.0)


def _failure(log: Path, since: float) -> str | None:
    """Return the final error of a log without control characters, or None.

    Return None if the log is older than `since`, or if its last line is not an error.
    """
    try:
        is_older = log.stat().st_mtime < since
    except OSError:
        return None
    lines = re.findall(r"^\S+ \S+ (ERROR|INFO|WARNING) (.*)$", read_tail(log), re.MULTILINE)
    if is_older or not lines or lines[-1][0] != "ERROR":
        return None
    return "".join(c if c.isprintable() else " " for c in lines[-1][1])[:200]
