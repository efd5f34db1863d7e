"""The figures of a run: what its charts are of, and the same as tables."""

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
    """A chart, and a table of what it shows.

    Attributes:
        name: of its file.
        draw: the chart's description, in the colours of a palette.
        columns, rows: of the table; each row begins with what it is about.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Palette], Spec]
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]

    def svg(self, palette: Palette) -> str:
        return vega.svg(self.draw(palette), palette, self.title)


def events_of_models(rows: Sequence[Row]) -> Chart:
    """How many events each model found."""
    models = list(dict.fromkeys(row.model for row in rows))
    counts = events_by_class(rows)
    # The most frequent first; of equals by name, as they are.
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    bars = [
        {"label": label, "model": model, "events": events}
        for label, *of_models in counts.itertuples()
        for model, events in zip(models, of_models, strict=True)
    ]
    return Chart(
        "counts",
        "Events by class",
        "How many events of each class each model found in all videos.",
        lambda palette: vega.counts(bars, models, palette),
        ["Class", *models],
        [[label, *of_models] for label, *of_models in counts.itertuples()],
    )


def agreement_by_class(reports: Iterable[ComparisonReport]) -> Chart:
    """How far each pair of models agrees, class by class over all videos."""
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
        "F1 of two models, each taken for the other's truth, beside what the same lists give when "
        "one is shifted in time.",
        lambda palette: vega.agreement(agreed, palette),
        ["Class", "Pair", "Events", "Matched", "F1", "F1 by chance"],
        [
            [row[name] for name in ("label", "pair", "events", "matched", "f1", "chance")]
            for row in agreed
        ],
    )


def precision_and_recall(
    reports: Sequence[EvaluationReport],
    curves: Mapping[str, DataFrame],
    tolerance: float,
) -> Chart:
    """How good each model is, at the tolerance of the evaluation that is nearest to one.

    Args:
        reports: at least one.
        curves: the curves table of each model.
        tolerance: seconds.
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
        f"By the least score that counts, against the labels at ±{nearest:g} s.",
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


def learning_of_models(reports: Sequence[LearningReport]) -> Chart:
    """What each model spots in games by what other games taught, by their number."""
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
        "What labels teach",
        f"Average precision{tolerance} of the events that are spotted in games, by the number of "
        "labelled games that were learnt from. No game is judged by what itself taught. Upright "
        f"lines are 95 % intervals over games.{rare}",
        lambda palette: vega.learning(points, models, palette),
        ["Model", "Labelled games", "Average precision", "Low", "High"],
        [[row[name] for name in ("model", "games", "value", "low", "high")] for row in points],
    )


def reliability_of_models(reports: Sequence[CalibrationReport]) -> Chart:
    """How far the signals that models give of their events can be trusted."""
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
        # What models state. The score and the number of hits are no probabilities.
        if one.signal in ("confidence", "label_probability")
        for bin_ in one.bins
    ]
    return Chart(
        "reliability",
        "Can the models' own word be trusted?",
        "What a model says of its events against the share of them that is right. On the dashed "
        "line its word can be taken; below it the model is too sure. Larger points stand for more "
        "events.",
        lambda palette: vega.reliability(bins, models, palette),
        ["Model", "Signal", "Says", "Right", "Events"],
        [[row[name] for name in ("model", "signal", "mean", "right", "events")] for row in bins],
    )
