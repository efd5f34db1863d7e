"""Compute the figures of a run, for its charts and for tables beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from pandas import DataFrame

from touchline.comparison.records import ComparisonReport
from touchline.comparison.summary import Row, events_by_class
from touchline.evaluation.records import CalibrationReport, EvaluationReport
from touchline.learning.records import LearningReport
from touchline.report import vega
from touchline.report.vega import Palette, Rows, Spec


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, and a table with the same figures.

    Attributes:
        name: name of the chart's file.
        title: title of the chart.
        caption: sentence below the title.
        draw: function that returns the chart's Vega-Lite description in the colours of a palette.
        columns, rows: columns and rows of the table.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Palette], Spec]
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]

    def svg(self, palette: Palette) -> str:
        """Draw the chart as SVG."""
        return vega.svg(self.draw(palette), palette, self.title)


def event_counts_chart(rows: Sequence[Row]) -> Chart:
    """Chart the number of events of each model, by class."""
    models = list(dict.fromkeys(row.model for row in rows))
    counts = events_by_class(rows)
    # Sort by frequency. The stable sort keeps equal counts in the order of their names.
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    bars = [
        {"label": label, "model": model, "events": events}
        for label, *of_models in counts.itertuples()
        for model, events in zip(models, of_models, strict=True)
    ]
    return Chart(
        "counts",
        "Events by class",
        "Number of events per class and model in all videos.",
        lambda palette: vega.counts(bars, models, palette),
        ["Class", *models],
        [[label, *of_models] for label, *of_models in counts.itertuples()],
    )


def agreement_chart(reports: Iterable[ComparisonReport]) -> Chart:
    """Chart the agreement of each pair of models, by class over all videos."""
    of_videos = DataFrame(
        [
            (
                f"{pair.model_a} and {pair.model_b}",
                one.label,
                one.events_a + one.events_b,
                one.matched,
                one.matched_by_chance,
            )
            for report in reports
            for pair in report.pairs
            for one in pair.classes
        ],
        columns=["pair", "label", "events", "matched", "by_chance"],
    )
    sums = of_videos.groupby(["pair", "label"], as_index=False).sum()
    sums = sums[sums["events"] > 0]
    sums["f1"] = (2 * sums["matched"] / sums["events"]).round(4)
    sums["chance"] = (2 * sums.pop("by_chance") / sums["events"]).round(4)
    agreed = sums.to_dict("records")
    return Chart(
        "agreement",
        "Agreement by class",
        "F1 of two models, with one model's events as the other's truth. The chance level is F1 "
        "after one list is shifted in time.",
        lambda palette: vega.agreement(agreed, palette),
        ["Class", "Pair", "Events", "Matched", "F1", "F1 by chance"],
        [
            [row[name] for name in ("label", "pair", "events", "matched", "f1", "chance")]
            for row in agreed
        ],
    )


def precision_recall_chart(
    reports: Sequence[EvaluationReport],
    curves: Mapping[str, DataFrame],
    tolerance: float,
) -> Chart:
    """Chart the precision and recall of each model.

    The chart uses the evaluation's tolerance that is nearest to the given one.

    Args:
        reports: evaluation reports, at least one.
        curves: table of precision-recall curves of each model.
        tolerance: the wanted tolerance in seconds.
    """
    models = [report.model for report in reports]
    nearest = min(
        (one.tolerance for one in reports[0].overall),
        key=lambda each: (abs(each - tolerance), each),
    )
    points = pd.concat([curve.assign(model=model) for model, curve in curves.items()])
    points = points.loc[points["tolerance_s"] == nearest, ["label", "model", "precision", "recall"]]
    drawn = points.to_dict("records")
    return Chart(
        "precision_recall",
        "Precision and recall",
        f"Each point is for one minimum score. The tolerance to the labels is ±{nearest:g} s.",
        lambda palette: vega.precision_recall(drawn, models, palette),
        ["Class", "Model", "True", "Found", "Precision", "Recall", "F1"],
        [
            [
                *(one.label, report.model, one.true, one.predicted),
                *(figure.value for figure in (one.precision, one.recall, one.f1)),
            ]
            for report in reports
            for one in report.classes
            if one.tolerance == nearest and (one.true or one.predicted)
        ],
    )


def learning_chart(reports: Sequence[LearningReport]) -> Chart:
    """Chart the average precision of learnt models, by the number of games they learnt from."""
    models = [report.model for report in reports]
    points: Rows = [
        {"model": report.model, "games": point.games, "value": point.value}
        | {"low": point.low, "high": point.high}
        for report in reports
        for point in report.curve
    ]
    tolerance = f" at ±{reports[0].tolerance:g} s" if reports else ""
    rare = "".join(f" {each.model}: {each.left_out}" for each in reports if each.left_out)
    return Chart(
        "learning",
        "Learning from labels",
        f"Average precision{tolerance} of spotted events, by the number of labelled games in the "
        "training. No game is tested with a model that learnt from it. Vertical lines are 95 % "
        f"intervals over games.{rare}",
        lambda palette: vega.learning(points, models, palette),
        ["Model", "Labelled games", "Average precision", "Low", "High"],
        [[row[name] for name in ("model", "games", "value", "low", "high")] for row in points],
    )


def reliability_chart(reports: Sequence[CalibrationReport]) -> Chart:
    """Chart the reliability of the probabilities that models state."""
    models = [report.model for report in reports]
    bins: Rows = [
        {
            "signal": one.signal,
            "model": report.model,
            "mean": bin_.mean,
            "right": bin_.right,
            "events": bin_.events,
        }
        for report in reports
        for one in report.reliability
        # The score and the number of hits are not probabilities.
        if one.signal in ("confidence", "label_probability")
        for bin_ in one.bins
    ]
    return Chart(
        "reliability",
        "Reliability of stated probabilities",
        "The probability that a model states for its events, against the share of them that is "
        "right. On the dashed line both agree. Below it the model is too sure. Larger points stand "
        "for more events.",
        lambda palette: vega.reliability(bins, models, palette),
        ["Model", "Signal", "Stated", "Right", "Events"],
        [[row[name] for name in ("model", "signal", "mean", "right", "events")] for row in bins],
    )
