"""Collect the data for the page of a run: its videos, models, slices and warnings."""

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
from touchline.inputs.windows import watched_parts, windows_per_slice


@dataclass(frozen=True, slots=True)
class Score:
    """Number of true positives, false positives and misses of a model in one video."""

    right: int = 0
    false: int = 0
    missed: int = 0

    @property
    def precision(self) -> float | None:
        """Return the precision; None without predicted events."""
        return self.right / (self.right + self.false) if self.right + self.false else None

    @property
    def recall(self) -> float | None:
        """Return the recall; None without true events."""
        return self.right / (self.right + self.missed) if self.right + self.missed else None

    @property
    def f1(self) -> float | None:
        """Return F1, or None if there are no true or no predicted events, as in the evaluation."""
        if self.precision is None or self.recall is None:
            return None
        return 2 * self.right / (2 * self.right + self.false + self.missed)


@dataclass(frozen=True, slots=True)
class SliceRow:
    """The measurements of one slice.

    Attributes:
        number: number of the slice in its video.
        windows: number of windows.
        seconds, memory_mb: see `read_benchmark`.
    """

    number: int
    windows: int
    seconds: float | None
    memory_mb: float | None

    @property
    def windows_per_second(self) -> float | None:
        """Return the speed in windows per second; None if it was not measured."""
        return self.windows / self.seconds if self.seconds else None


@dataclass(frozen=True, slots=True)
class VideoModel:
    """A model, or the ensemble, in one video.

    Attributes:
        model: name of the model.
        events: number of events; None if they are missing.
        row: row of the summary; None for the ensemble.
        score: score of the model in the video; None without annotations.
        slices: measurements of the slices; empty for models that do not run here.
    """

    model: str
    events: int | None
    row: Row | None = None
    score: Score | None = None
    slices: Sequence[SliceRow] = ()

    @property
    def seconds(self) -> float | None:
        """Return the total seconds of all slices; None if any slice was not measured."""
        times = [one.seconds for one in self.slices]
        known = [time for time in times if time is not None]
        return sum(known) if times and len(known) == len(times) else None

    @property
    def windows_per_second(self) -> float | None:
        """Return the mean speed of one job in windows per second; None if any slice was not
        measured.
        """
        seconds = self.seconds
        return sum(one.windows for one in self.slices) / seconds if seconds else None


@dataclass(frozen=True, slots=True)
class VideoRow:
    """One video of the run.

    Attributes:
        video: number of the video.
        name: game, half and teams of the video.
        duration: duration in seconds; None if unknown.
        models: running models, then given models, then the ensemble if there is one.
    """

    video: int
    name: Name
    duration: float | None
    models: Sequence[VideoModel]


def scores(outcomes: DataFrame) -> dict[int, Score]:
    """Count the outcomes of each video, from a table of outcomes."""
    counts = pd.crosstab(outcomes["video"], outcomes["verdict"])
    counts = counts.reindex(columns=["true positive", "false positive", "miss"], fill_value=0)
    return {video: Score(*verdicts) for video, *verdicts in counts.itertuples()}


def read_benchmark(path: str | Path) -> tuple[float | None, float | None]:
    """Read Snakemake's measurements of a job's last attempt.

    No result depends on the measurements. Therefore a missing or damaged file must not make a job
    fail or repeat.

    Returns:
        Wall-clock seconds and peak memory in MB; None for values that were not measured.
    """
    try:
        rows = pd.read_csv(path, sep="\t", index_col=False)
    except (OSError, ValueError):
        rows = DataFrame()
    # Snakemake writes NA or - for values that it could not measure.
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
    """Return the measurements of each slice of a video.

    Args:
        manifest: manifest of the video.
        model: name of the model.
        slices: number of slices per video.
        window: settings of the windows.
        halves: where halves begin in the video.
        benchmarks: path of the measurements, with {model}, {video} and {slice}.
    """
    found = []
    stretches = watched_parts(manifest.duration, halves, window)
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
    """Combine the results of each video into a row.

    Args:
        names: game, half and teams of the videos, in order.
        rows: rows of the summary.
        scored: scores by model (and ensemble) and video, where annotations exist.
        fused: number of the ensemble's events, by video.
        slices: measurements by video and running model.
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
    """Return one sentence per missing, lost or skipped part."""
    lines = [f"{path} is missing." for row in rows for path in row.missing]
    lines += without_pictures(rows)
    for row in rows:
        if row.coverage is None:
            continue
        lines += row.lost_slices
        skipped = row.coverage.counts.skipped
        if skipped:
            lines.append(
                f"{row.model} skipped {skipped} windows of video {row.video}. Its ledgers give the "
                "reasons. To try them again, delete the partials of these slices and run again."
            )
        share = row.share_looked_at
        if not row.coverage.likely_lost and not skipped and share is not None and share < 0.999:
            lines.append(f"{row.model} looked at {share:.1%} of video {row.video}.")
    return [*lines, *dict.fromkeys(problem for report in reports for problem in report.problems)]
