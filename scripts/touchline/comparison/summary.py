"""The summary of a run: one row per video and model, with warnings below."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from pandas import DataFrame

from touchline.comparison.records import Agreement, ComparisonReport
from touchline.core.files import read_record
from touchline.core.intervals import from_records, length
from touchline.core.params import MissingPredictions, PredictedVideo
from touchline.core.records import Coverage
from touchline.core.tables import Dtype, Table, columns
from touchline.core.text_table import text_table
from touchline.events.predictions import EVENTS
from touchline.inputs.labels import Labels
from touchline.inputs.videos import ranges

# Number of intervals without pictures that a sentence names. A damaged file can have hundreds.
_MOST_GAPS = 5
_COUNTS = (
    *("answers", "none", "unparsed", "skipped", "invalid", "duplicates"),
    *("prompt_tokens", "answer_tokens"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """The results of one model for one video.

    Attributes:
        video: number of the video.
        model: name of the model.
        events: a table with the columns of `touchline.events.predictions.EVENTS`.
        coverage: coverage of the model; None if its events are missing.
        agreement: agreement with each other model, by its name.
        missing: paths of the missing files.
    """

    video: int
    model: str
    events: DataFrame = field(default_factory=lambda: EVENTS.frame(()))
    coverage: Coverage | None = None
    agreement: Mapping[str, Agreement] = field(default_factory=dict)
    missing: Sequence[str] = ()

    @property
    def looked_at_s(self) -> float:
        """Return the number of seconds of video that the model looked at."""
        return length(from_records(self.coverage.looked_at)) if self.coverage else 0.0

    @property
    def events_per_minute(self) -> float | None:
        """Return the number of events per minute of video that the model looked at."""
        return 60 * len(self.events) / self.looked_at_s if self.looked_at_s else None

    @property
    def share_looked_at(self) -> float | None:
        """Return the share of the video that the model looked at, between 0 and 1."""
        duration = self.coverage.duration if self.coverage else None
        return min(1.0, self.looked_at_s / duration) if duration else None

    @property
    def known(self) -> Counter[str]:
        """Count the events of each class."""
        return Counter(self.events.loc[self.events["known"], "label"])

    @property
    def unknown(self) -> Counter[str]:
        """Count the events of each label that is no class."""
        return Counter(self.events.loc[~self.events["known"], "label"])

    @property
    def lost_slices(self) -> list[str]:
        """Return a sentence for each interval that was likely lost."""
        return [
            f"{self.model} has nothing from {lost.start:g} to {lost.end:g} s of video {self.video}."
            " The slice was likely lost."
            for lost in (self.coverage.likely_lost if self.coverage else ())
        ]


def agreement_with_others(model: str, report: ComparisonReport) -> dict[str, Agreement]:
    """Return the agreement of one model with each other model, by the other model's name."""
    found = {}
    for pair in report.pairs:
        if model == pair.model_a:
            found[pair.model_b] = pair.overall
        elif model == pair.model_b:
            found[pair.model_a] = pair.overall
    return found


def read_rows(
    there: Iterable[PredictedVideo],
    events: Iterable[str],
    coverage: Iterable[str],
    *,
    missing: Iterable[MissingPredictions],
    reports: Iterable[ComparisonReport],
) -> list[Row]:
    """Return one row per video and model, ordered by video.

    Args:
        there: videos and models that have events.
        events: paths of their event tables, in the same order.
        coverage: paths of their coverage files, in the same order.
        missing: videos and models without events, with the expected path.
        reports: comparisons of the videos with events of at least two models.
    """
    by_video = {report.video: report for report in reports}
    rows = [
        Row(
            video=one.video,
            model=one.model,
            events=EVENTS.read(events_path),
            coverage=read_record(coverage_path, Coverage),
            agreement=agreement_with_others(one.model, by_video[one.video])
            if one.video in by_video
            else {},
        )
        for one, events_path, coverage_path in zip(there, events, coverage, strict=True)
    ]
    rows += [Row(video=one.video, model=one.model, missing=[one.path]) for one in missing]
    return sorted(rows, key=lambda row: row.video)


def events_by_class(rows: Iterable[Row]) -> DataFrame:
    """Count the events of each class over all videos, with one column per model."""
    models, events = [], []
    for row in rows:
        models.append(row.model)
        known = row.events.loc[row.events["known"], ["label"]]
        events.append(known.assign(model=row.model))
    all_events = pd.concat([DataFrame({"label": [], "model": []}, dtype="str"), *events])
    counts = pd.crosstab(all_events["label"], all_events["model"])
    return counts.reindex(columns=list(dict.fromkeys(models)), fill_value=0)


def without_pictures(rows: Iterable[Row]) -> list[str]:
    """Return a sentence for each video with intervals that have no picture."""
    gaps_of = {row.video: row.coverage.no_pictures for row in rows if row.coverage}
    lines = []
    for video, gaps in gaps_of.items():
        named = ", ".join(f"{gap.start:g} to {gap.end:g} s" for gap in gaps[:_MOST_GAPS])
        more = f" and {len(gaps) - _MOST_GAPS} more intervals" if len(gaps) > _MOST_GAPS else ""
        if gaps:
            lines.append(f"Video {video} has no picture from {named}{more}.")
    return lines


def summary_columns(others: Iterable[str], classes: Iterable[str]) -> Table:
    """Return the columns of summary/summary.csv: the totals, then one column per class.

    Each other model has three columns: paired events, F1, and F1 by chance.
    """
    return Table(
        [
            ("video", "int64"),
            ("model", "str"),
            ("events", "Int64"),
            ("events_per_minute", "Float64"),
            ("share_looked_at", "Float64"),
            ("likely_lost_s", "Float64"),
            ("no_pictures_s", "Float64"),
            ("answers", "Int64"),
            ("none", "Int64"),
            ("unparsed", "Int64"),
            ("skipped_windows", "Int64"),
            ("invalid_items", "Int64"),
            ("duplicates", "Int64"),
            ("prompt_tokens", "Int64"),
            ("answer_tokens", "Int64"),
            ("unknown_events", "int64"),
            ("unknown_labels", "str"),
            ("missing_files", "str"),
            *(column for other in others for column in _agreement_columns(other)),
            *columns("Int64", classes),
        ]
    )


def _agreement_columns(other: str) -> list[tuple[str, Dtype]]:
    """Return the columns for the agreement with another model."""
    return [
        (f"matched_{other}", "Int64"),
        (f"f1_{other}", "Float64"),
        (f"f1_by_chance_{other}", "Float64"),
    ]


def write_summary_csv(path: str | Path, rows: Sequence[Row], labels: Labels) -> None:
    """Write one line per video and model."""
    others = _others(rows)
    table = summary_columns(others, labels.classes)
    table.write(path, table.frame(_cells(row, others, labels) for row in rows))


def summary_table(rows: Sequence[Row], labels: Labels) -> str:
    """Format the summary as text for the terminal.

    Below the rows are the events by class and model, the labels that are no class (most frequent
    first), and warnings about missing or lost data.
    """
    others = _others(rows)
    head = ["video", "model", "events", "per min", "looked at", "unparsed", "skipped", "unknown"]
    head += [f"{other}: matched, F1 (chance)" for other in others]
    body = []
    for row in rows:
        counts = row.coverage.counts if row.coverage else None
        cells = [
            str(row.video),
            row.model,
            str(len(row.events)) if row.coverage else "missing",
            _number(row.events_per_minute, 1),
            "–" if row.share_looked_at is None else f"{row.share_looked_at:.0%}",
            str(counts.unparsed) if counts else "–",
            str(counts.skipped) if counts else "–",
            str(row.unknown.total()),
        ]
        for other in others:
            pair = row.agreement.get(other)
            cells.append(
                f"{pair.matched}, {_number(pair.f1, 2)} ({_number(pair.f1_by_chance, 2)})"
                if pair
                else "–"
            )
        body.append(cells)
    return "\n".join([*text_table(head, body), *_by_class(rows, labels), *_notes(rows, labels)])


def _cells(row: Row, others: Sequence[str], labels: Labels) -> list[object]:
    """Return the cells of a row of summary.csv."""
    coverage = row.coverage
    counts = coverage.counts if coverage else None
    cells: list[object] = [
        row.video,
        row.model,
        len(row.events) if coverage else None,
        _rounded(row.events_per_minute),
        _rounded(row.share_looked_at),
        length(from_records(coverage.likely_lost)) if coverage else None,
        length(from_records(coverage.no_pictures)) if coverage else None,
        *(getattr(counts, name, None) for name in _COUNTS),
        row.unknown.total(),
        "; ".join(f"{label}: {count}" for label, count in _by_count(row.unknown)),
        "; ".join(row.missing),
    ]
    for other in others:
        pair = row.agreement.get(other)
        cells += (
            [pair.matched, _rounded(pair.f1), _rounded(pair.f1_by_chance)] if pair else [None] * 3
        )
    known = row.known
    return cells + [known[name] if coverage else None for name in labels.classes]


def _by_class(rows: Sequence[Row], labels: Labels) -> list[str]:
    """Return lines with the number of events per class, with one column per model."""
    counts = events_by_class(rows)
    found = [name for name in labels.classes if name in counts.index]
    if not found:
        return []
    table = [[*map(str, counts.loc[name]), name] for name in found]
    return ["", *text_table([*counts.columns, "class"], table, left=len(counts.columns))]


def _notes(rows: Sequence[Row], labels: Labels) -> list[str]:
    """Return the lines below the table."""
    lines = []
    unknown = sum((row.unknown for row in rows), Counter[str]())
    if unknown:
        lines += ["", "Labels that are no class and were kept:"]
        for label, count in _by_count(unknown):
            reason = labels.reason(label)
            # A model's text must not print control characters in a terminal.
            lines.append(f"{count:7d}  {label!a}" + (f" ({reason})" if reason else ""))
    if tokens := list(_tokens(rows)):
        lines += ["", *tokens]
    warnings = [f"warning: {line}" for row in rows for line in row.lost_slices]
    warnings += [f"warning: {line}" for line in _invalid_or_cut_off(rows)]
    warnings += [f"warning: {line}" for line in without_pictures(rows)]
    warnings += [f"warning: {path} is missing." for row in rows for path in row.missing]
    return [*lines, "", *warnings] if warnings else lines


def _tokens(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a sentence for each server model with its token count over all videos."""
    for model in dict.fromkeys(row.model for row in rows):
        counts = [row.coverage.counts for row in rows if row.model == model and row.coverage]
        if any(each.prompt_tokens is not None for each in counts):
            sent = sum(each.prompt_tokens or 0 for each in counts)
            received = sum(each.answer_tokens or 0 for each in counts)
            yield f"Tokens of {model}, counted by its server: {sent:,} sent, {received:,} received."


def _invalid_or_cut_off(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a sentence per model with invalid items, and per model with cut-off answers."""
    for model in dict.fromkeys(row.model for row in rows):
        counts = {
            row.video: row.coverage.counts for row in rows if row.model == model and row.coverage
        }
        invalid = {video: each.invalid for video, each in counts.items() if each.invalid}
        cut_off = {video: each.cut_off for video, each in counts.items() if each.cut_off}
        if invalid:
            yield (
                f"{sum(invalid.values())} invalid items of {model} were left out (video "
                f"{ranges(invalid)}). logs/given/ has the reasons."
            )
        if cut_off:
            yield (
                f"{sum(cut_off.values())} answers of {model} were cut off (video "
                f"{ranges(cut_off)}). The events read in them were used."
            )


def _others(rows: Iterable[Row]) -> list[str]:
    """Return all models with which any row is compared, in the order of their first occurrence."""
    return list(dict.fromkeys(other for row in rows for other in row.agreement))


def _by_count(counter: Counter[str]) -> list[tuple[str, int]]:
    """Sort the items of a counter, most frequent first."""
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def _number(value: float | None, digits: int) -> str:
    """Format a number with a fixed number of digits, or a dash for None."""
    return "–" if value is None else f"{value:.{digits}f}"


def _rounded(value: float | None) -> float | None:
    """Round a number to four digits. None stays None."""
    return None if value is None else round(value, 4)
