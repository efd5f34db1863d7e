"""How far a run is, from its journals, its results and SLURM's queue: no Snakemake, no torch.

Nothing here waits for, asks or disturbs a worker, so it can be called on a login node, as often
as one likes, also after the run.
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
from touchline.inputs.windows import watched, windows_per_slice
from touchline.slurm.queue import QueuedJob, Stage, own_jobs

# The current speed is that of the last minutes.
RECENT_SECONDS = 120.0
# A slice stands still that has been silent for longer, and for some times its longest pause.
SILENT_SECONDS = 20.0
_PAUSES = 4


@dataclass(frozen=True)
class SliceStatus:
    """How far a slice is.

    Attributes:
        total: its windows; None before the video is probed.
        answered: windows that are done with, skipped ones too.
        events: in the answers, before repeats are dropped.
        rate: windows a second, of now; 0 if nothing was answered lately.
        failure: the last attempt's last word, if it failed and none has begun since.
        log: of that attempt.
        job: its latest in SLURM's queue, which knows those that ended for some minutes; None
            where there is none.
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
        """Whether its job is so far; a slice that is done has none to look at."""
        return not self.done and self.job is not None and self.job.stage is stage


@dataclass(frozen=True)
class RunProgress:
    """How far some slices are together."""

    slices: Sequence[SliceStatus]

    @property
    def done(self) -> int:
        return sum(part.done for part in self.slices)

    @property
    def answered(self) -> int:
        return sum(part.answered for part in self.slices)

    @property
    def total(self) -> int | None:
        totals = [part.total for part in self.slices if part.total is not None]
        return sum(totals) if len(totals) == len(self.slices) else None

    @property
    def rate(self) -> float:
        return sum(part.rate for part in self.slices)

    @property
    def percent(self) -> float | None:
        """Of the windows; None if it is not known how many there are, or if there are none."""
        return 100 * self.answered / self.total if self.total else None

    @property
    def seconds_left(self) -> float | None:
        """At the speed of now, of all the windows that lack; None if nothing moves."""
        if self.total is None or not self.rate:
            return None
        return (self.total - self.answered) / self.rate

    @property
    def events(self) -> int:
        return sum(part.events for part in self.slices)

    @property
    def skipped(self) -> int:
        return sum(part.skipped for part in self.slices)

    def in_stage(self, stage: Stage) -> list[SliceStatus]:
        """Those whose job in SLURM's queue is so far."""
        return [part for part in self.slices if part.is_in(stage)]

    @property
    def failures(self) -> list[SliceStatus]:
        return [part for part in self.slices if part.failure is not None]


@dataclass(frozen=True)
class VideoStatus(RunProgress):
    """How far a video is for one model."""

    model: str
    video: int


@dataclass
class Observer:
    """Looks at a run as often as one likes; files that are finished are read once.

    Attributes:
        settings: of the run.
        videos: the numbers of those selected.
        folder: that Snakemake was started in.
        queue: gives the jobs in SLURM's queue.
        table: of the videos, by number.
    """

    settings: Settings
    videos: Sequence[int]
    folder: Path = field(default_factory=Path.cwd)
    queue: Callable[[], list[QueuedJob] | None] = own_jobs
    table: Mapping[int, Video] = field(default_factory=dict)

    def look(self, now: float | None = None) -> list[VideoStatus]:
        """The state of every video and model that runs, by video.

        Args:
            now: seconds since 1970; None for the clock's.
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
        """Say how far the steps after the slices are; "" while slices run.

        Args:
            videos: the state of the slices.
        """
        if not videos or any(part.done < len(part.slices) for part in videos):
            return ""
        made = sum(self._has_page(video) for video in self.videos)
        return (
            f"All slices are done. Merging, comparing and drawing pages: {made} of "
            f"{len(self.videos)} pages."
        )

    def _has_page(self, video: int) -> bool:
        """Whether a video's page is there and was made from the events that are there."""
        place = Path(self.settings.results)
        models = [name for name in self.settings.voting if name not in self.settings.compare_with]
        events = [EVENTS.format(model=name, video=video) for name in models]
        try:
            page = (place / PAGE.format(video=video)).stat().st_mtime_ns
            return all((place / file).stat().st_mtime_ns <= page for file in events)
        except OSError:
            return False

    def _slice(self, part: Slice, jobs: Mapping[str, QueuedJob], now: float) -> SliceStatus:
        results, total = self.settings.results, self._total(part)
        if part.is_done(results, self.settings.keep_partials):
            ledger = part.file(results, LEDGER)
            try:
                counts = _counts(ledger, ledger.stat().st_mtime_ns)
            except (OSError, ValueError):
                # Thrown away once merged, or about to be written again.
                counts = total or 0, 0, 0
            return SliceStatus(part, True, total, *counts)
        try:
            lines = list(_lines_of(part.file(results, JOURNAL)))
        except OSError:
            # Thrown away at this moment, as the run has ended; or not ours to read.
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
        path = part.file(self.settings.results, MANIFEST)
        try:
            duration = _duration(path, path.stat().st_mtime_ns)
        except (OSError, ValidationError):
            return None
        settings, row = self.settings, self.table.get(part.video)
        stretches = watched(duration, row.halves if row else (), settings.window)
        return _counts_of_windows(tuple(stretches), settings.slices, settings.window)[part.slice]


def is_under_way() -> bool:
    """Whether a run has this folder. One that was killed outright has it still, until --unlock."""
    # Snakemake's lock is a file in the folder that it was started in, as long as it runs.
    return any(Path().glob(".snakemake/locks/*.lock"))


def _latest_jobs(queue: Iterable[QueuedJob], results: Path, folder: Path) -> dict[str, QueuedJob]:
    """Return the latest job of each slice that writes to these results, by wildcards."""
    ours = [job for job in queue if job.rule == "detect_slice" and job.is_for(results, folder)]
    return {job.wildcards: job for job in sorted(ours, key=lambda job: int(job.number))}


_counts_of_windows = cache(windows_per_slice)


@cache
def _duration(manifest: Path, changed: int) -> float:  # noqa: ARG001
    """Seconds of a video; read again when the file has changed."""
    return Manifest.model_validate_json(manifest.read_bytes()).duration


@cache
def _counts(ledger: Path, changed: int) -> tuple[int, int, int]:  # noqa: ARG001
    """Windows, events and skipped windows of a finished slice; read again when it has changed."""
    records = [json.loads(line) for line in ledger.read_bytes().splitlines()]
    events = sum(len(record["events"]) for record in records)
    return len(records), events, sum(record["status"] in UNANSWERED for record in records)


def _lines_of(journal: Path) -> Iterator[Line]:
    """What is in a slice's journal; of several keys, the one written to last."""
    try:
        keys = [(path.stat().st_mtime_ns, path) for path in journal.iterdir() if path.is_dir()]
    except OSError:
        return
    if keys:
        yield from read_lines(max(keys)[1])


def _rate(times: Sequence[float], now: float) -> float:
    """Windows a second in the last minutes, from the times that they were answered at."""
    recent = sorted(at for at in times if now - at <= RECENT_SECONDS)
    if len(recent) < 2:
        return 0.0
    longest = max(later - earlier for earlier, later in pairwise(recent))
    if now - recent[-1] > max(SILENT_SECONDS, _PAUSES * longest):
        return 0.0
    # From one answer to the last, so neither loading the model nor a lull at the end counts.
    return (len(recent) - 1) / max(recent[-1] - recent[0], 1.0)


def _failure(log: Path, since: float) -> str | None:
    """The last error in a log that is younger than a time, as one line without control codes."""
    try:
        is_older = log.stat().st_mtime < since
    except OSError:
        return None
    lines = re.findall(r"^\S+ \S+ (ERROR|INFO|WARNING) (.*)$", read_tail(log), re.MULTILINE)
    if is_older or not lines or lines[-1][0] != "ERROR":
        return None
    return "".join(c if c.isprintable() else " " for c in lines[-1][1])[:200]
