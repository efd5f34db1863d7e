"""What the page of a run shows: every video, every model, every slice, and what is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pandas import DataFrame

from touchline.comparison.summary import Row, without_pictures
from touchline.core.records import Manifest
from touchline.evaluation.records import EvaluationReport
from touchline.inputs.clock import HalfStart
from touchline.inputs.settings import WindowSettings
from touchline.inputs.videos import Name
from touchline.inputs.windows import watched, windows_per_slice


@dataclass(frozen=True, slots=True)
class Score:
    """True positives, false positives and misses of a model in one video."""

    right: int = 0
    false: int = 0
    missed: int = 0

    @property
    def precision(self) -> float | None:
        return self.right / (self.right + self.false) if self.right + self.false else None

    @property
    def recall(self) -> float | None:
        return self.right / (self.right + self.missed) if self.right + self.missed else None

    @property
    def f1(self) -> float | None:
        """None without a true or without a predicted event, as in the evaluation."""
        if self.precision is None or self.recall is None:
            return None
        return 2 * self.right / (2 * self.right + self.false + self.missed)


@dataclass(frozen=True, slots=True)
class SliceRow:
    """A slice of a video: how many windows it has, and what they took.

    Attributes:
        seconds, memory_mb: as of `read_benchmark`.
    """

    number: int
    windows: int
    seconds: float | None
    memory_mb: float | None

    @property
    def windows_per_second(self) -> float | None:
        return self.windows / self.seconds if self.seconds else None


@dataclass(frozen=True, slots=True)
class VideoModel:
    """A model, or the ensemble, in one video.

    Attributes:
        events: None if they are missing.
        row: as the summary has it; None for the ensemble.
        score: None without labels.
        slices: empty for what does not run here.
    """

    model: str
    events: int | None
    row: Row | None = None
    score: Score | None = None
    slices: Sequence[SliceRow] = ()

    @property
    def seconds(self) -> float | None:
        """Of all slices together; None if any was not measured."""
        times = [one.seconds for one in self.slices]
        known = [time for time in times if time is not None]
        return sum(known) if times and len(known) == len(times) else None

    @property
    def windows_per_second(self) -> float | None:
        """Of one job, the mean over the slices."""
        seconds = self.seconds
        return sum(one.windows for one in self.slices) / seconds if seconds else None


@dataclass(frozen=True, slots=True)
class VideoRow:
    """A video of the run.

    Attributes:
        duration: seconds, if known.
        models: those that run, those given, then the ensemble, where there is one.
    """

    video: int
    name: Name
    duration: float | None
    models: Sequence[VideoModel]


def scores(outcomes: DataFrame) -> dict[int, Score]:
    """By video, what became of the events; from an outcomes table."""
    counts = pd.crosstab(outcomes["video"], outcomes["verdict"])
    counts = counts.reindex(columns=["true positive", "false positive", "miss"], fill_value=0)
    return {video: Score(*verdicts) for video, *verdicts in counts.itertuples()}


def read_benchmark(path: str | Path) -> tuple[float | None, float | None]:
    """Read Snakemake's measurements of the last attempt at a job.

    No result depends on them: a file that was deleted or cut off is no reason to fail or to run the
    job again.

    Returns:
        seconds of wall clock, and most memory held at a time, MB; None is what was not measured.
    """
    try:
        rows = pd.read_csv(path, sep="\t", index_col=False)
    except (OSError, ValueError):
        rows = DataFrame()
    # Snakemake writes NA or - for what it missed.
    measured = rows.reindex(columns=["s", "max_rss"]).apply(pd.to_numeric, errors="coerce")
    last = measured.where((measured > 0) & (measured < math.inf)).tail(1).to_dict("records")
    seconds, memory = last[0].values() if last else (math.nan, math.nan)
    return (None if math.isnan(seconds) else seconds, None if math.isnan(memory) else memory)


def slices_of(
    manifest: Manifest,
    model: str,
    *,
    slices: int,
    window: WindowSettings,
    halves: Sequence[HalfStart],
    benchmarks: str,
) -> list[SliceRow]:
    """What each slice of a video took.

    Args:
        slices: how many slices the video has.
        halves: where halves begin in it.
        benchmarks: path of the measurements, with {model}, {video} and {slice}.
    """
    found = []
    stretches = watched(manifest.duration, halves, window)
    for number, windows in enumerate(windows_per_slice(stretches, slices, window)):
        path = benchmarks.format(model=model, video=manifest.video, slice=number)
        found.append(SliceRow(number, windows, *read_benchmark(path)))
    return found


def video_rows(
    names: Mapping[int, Name],
    rows: Sequence[Row],
    *,
    scored: Mapping[str, Mapping[int, Score]],
    fused: Mapping[int, int],
    slices: Mapping[tuple[int, str], Sequence[SliceRow]],
) -> list[VideoRow]:
    """Put together what is known of each video.

    Args:
        names: of the videos, in order.
        scored: by model (and ensemble) and video, where labels are known.
        fused: how many events the ensemble has, by video.
        slices: by video and model that runs here.
    """
    found = []
    for video, name in names.items():
        mine = [row for row in rows if row.video == video]
        lengths = [row.coverage.duration for row in mine if row.coverage]
        models = [
            VideoModel(
                row.model,
                len(row.events) if row.coverage else None,
                row,
                scored.get(row.model, {}).get(video),
                slices.get((video, row.model), ()),
            )
            for row in mine
        ]
        if video in fused:
            score = scored.get("ensemble", {}).get(video)
            models.append(VideoModel("ensemble", fused[video], score=score))
        found.append(VideoRow(video, name, next(iter(lengths), None), models))
    return found


def warnings(rows: Sequence[Row], reports: Sequence[EvaluationReport]) -> list[str]:
    """A sentence for everything that is missing, lost or left out."""
    lines = [f"{path} is missing." for row in rows for path in row.missing]
    lines += without_pictures(rows)
    for row in rows:
        if row.coverage is None:
            continue
        lines += row.lost_slices
        skipped = row.coverage.counts.skipped
        if skipped:
            lines.append(
                f"{row.model} skipped {skipped} windows of video {row.video}; its ledgers say why. "
                "Delete the slice's partial to try them again."
            )
        share = row.share_looked_at
        if not row.coverage.likely_lost and not skipped and share is not None and share < 0.999:
            lines.append(f"{row.model} looked at {share:.1%} of video {row.video}.")
    return [*lines, *dict.fromkeys(problem for report in reports for problem in report.problems)]
