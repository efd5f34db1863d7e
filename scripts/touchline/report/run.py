"""What the page of a run shows: every video, every model, every slice, and what is missing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from touchline.benchmarks import Benchmark
from touchline.records import CalibrationReport, ComparisonReport, EvaluationReport
from touchline.report.match import Name
from touchline.summary import Row


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
class Slice:
    """A slice of a video: how many windows it has, and what they took."""

    number: int
    windows: int
    took: Benchmark

    @property
    def windows_per_second(self) -> float | None:
        return self.windows / self.took.seconds if self.took.seconds else None


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
    slices: Sequence[Slice] = ()

    @property
    def seconds(self) -> float | None:
        """Of all slices together; None if any was not measured."""
        times = [one.took.seconds for one in self.slices]
        known = [time for time in times if time is not None]
        return sum(known) if times and len(known) == len(times) else None

    @property
    def windows_per_second(self) -> float | None:
        """Of one job, the mean over the slices."""
        seconds = self.seconds
        return sum(one.windows for one in self.slices) / seconds if seconds else None


@dataclass(frozen=True, slots=True)
class VideoRow:
    """A video of the run; its length in seconds, if known."""

    video: int
    name: Name
    duration: float | None
    models: list[VideoModel] = field(default_factory=list)


def scores(outcomes: Iterable[Mapping[str, str]]) -> dict[int, Score]:
    """By video, what became of the events; from the rows of an outcomes table."""
    verdicts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row in outcomes:
        verdicts[int(row["video"])][row["verdict"]] += 1
    return {
        video: Score(counter["true positive"], counter["false positive"], counter["miss"])
        for video, counter in verdicts.items()
    }


def warnings(rows: Sequence[Row], reports: Sequence[EvaluationReport]) -> list[str]:
    """A sentence for everything that is missing, lost or left out."""
    lines = [f"{path} is missing." for row in rows for path in row.missing]
    for row in rows:
        if row.coverage is None:
            continue
        lines += [
            f"{row.model} has nothing from {lost.start:g} to {lost.end:g} s of video {row.video}; "
            "that slice was likely lost."
            for lost in row.coverage.likely_lost
        ]
        skipped = row.coverage.counts.skipped
        if skipped:
            lines.append(
                f"{row.model} skipped {skipped} windows of video {row.video}; delete the slice's "
                "partial to try them again."
            )
        share = row.share_looked_at
        if not row.coverage.likely_lost and not skipped and share is not None and share < 0.999:
            lines.append(f"{row.model} looked at {share:.1%} of video {row.video}.")
    return [*lines, *dict.fromkeys(problem for report in reports for problem in report.problems)]


def count_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """How many events of each class each model has in all videos: label, model, events."""
    totals: Counter[tuple[str, str]] = Counter()
    for row in rows:
        totals.update((event.label, row.model) for event in row.events if event.known)
    labels = Counter[str]()
    for (label, _), events in totals.items():
        labels[label] += events
    models = dict.fromkeys(row.model for row in rows)
    return [
        {"label": label, "model": model, "events": totals[label, model]}
        for label, _ in sorted(labels.items(), key=lambda item: (-item[1], item[0]))
        for model in models
    ]


def agreement_rows(reports: Iterable[ComparisonReport]) -> list[dict[str, Any]]:
    """F1 of each pair and class over all videos, beside chance: pair, label, f1, chance, counts."""
    sums: defaultdict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for report in reports:
        for pair in report.pairs:
            for one in pair.classes:
                these = sums[f"{pair.model_a} and {pair.model_b}", one.label]
                these[0] += one.events_a + one.events_b
                these[1] += one.matched
                these[2] += one.matched_by_chance
    return [
        {
            "pair": pair,
            "label": label,
            "events": int(events),
            "matched": int(matched),
            "f1": round(2 * matched / events, 4),
            "chance": round(2 * by_chance / events, 4),
        }
        for (pair, label), (events, matched, by_chance) in sorted(sums.items())
        if events
    ]


def curve_rows(
    curves: Mapping[str, Sequence[Mapping[str, str]]], tolerance: float
) -> list[dict[str, Any]]:
    """Precision and recall by least score, from the curves tables, at one tolerance.

    Args:
        curves: rows of a table, by model.
    """
    return [
        {
            "label": row["label"],
            "model": model,
            "precision": float(row["precision"]),
            "recall": float(row["recall"]),
        }
        for model, rows in curves.items()
        for row in rows
        if float(row["tolerance_s"]) == tolerance
    ]


def reliability_rows(reports: Iterable[CalibrationReport]) -> list[dict[str, Any]]:
    """What models say and what is right, bin by bin: signal, model, mean, right, events."""
    return [
        {
            "signal": one.signal,
            "model": report.model,
            "mean": bin_.mean,
            "right": bin_.right,
            "events": bin_.events,
        }
        for report in reports
        for one in report.reliability
        # The number of hits is no probability.
        if one.signal != "n_hits"
        for bin_ in one.bins
    ]


def nearest(tolerances: Sequence[float], wanted: float) -> float:
    """The tolerance of the evaluation that is nearest to the comparison's."""
    return min(tolerances, key=lambda tolerance: (abs(tolerance - wanted), tolerance))
