"""Write the figures of all models side by side, as a CSV table and as text for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from touchline.core.tables import Table, columns
from touchline.core.text_table import text_table
from touchline.evaluation.records import ClassFigures, Estimate, EvaluationReport, Ranking

_COUNTS = ("true", "not_shown", "predicted", "true_positives", "false_positives", "misses")
_FIGURES = ("precision", "recall", "f1", "average_precision")
_PARTS = ("", "_by_chance", "_low", "_high")
_ORDERS = tuple(Ranking.model_fields)

# evaluation/evaluation.csv: one line per model, tolerance and class.
EVALUATION = Table(
    [
        ("model", "str"),
        ("label", "str"),
        ("tolerance_s", "Float64"),
        *columns("Int64", _COUNTS),
        *columns("Float64", [name + part for name in _FIGURES for part in _PARTS]),
        *columns("Float64", [f"ranked_by_{order}" for order in _ORDERS]),
    ]
)


def write_evaluation_csv(path: str | Path, reports: Iterable[EvaluationReport]) -> None:
    """Write one line per model, tolerance and class. Figures that cannot be computed are empty.

    SoccerNet's average-mAP follows with one line per metric, in the columns of average precision.
    The tolerance of these lines is half the delta, or empty for a metric of several deltas.
    """
    EVALUATION.write(path, EVALUATION.frame(row for report in reports for row in _rows(report)))


def evaluation_text(reports: Sequence[EvaluationReport]) -> str:
    """Return the figures as text for the terminal: overall, SoccerNet's metrics, and by class.

    Each figure is followed by its chance level in brackets and, with two games or more, its
    interval.
    """
    parts = []
    for tolerance in dict.fromkeys(one.tolerance for report in reports for one in report.overall):
        head = [f"±{tolerance:g} s", "model", "true", "found", "right"]
        rows = [
            ["", report.model, str(one.true), str(one.predicted), str(one.true_positives)]
            + [_format_estimate(getattr(one, name)) for name in _FIGURES[:3]]
            for report in reports
            for one in report.overall
            if one.tolerance == tolerance
        ]
        parts.append(text_table([*head, *_FIGURES[:3]], rows))
    rows = [
        ["", metric, *(_format_estimate(report.soccernet[metric].mean) for report in reports)]
        for metric in reports[0].soccernet
    ]
    parts.append(
        [
            *text_table(["average-mAP", "delta", *(report.model for report in reports)], rows),
            "(SoccerNet's evaluator: events may be half a delta away, and each of its 17 classes "
            f"that does not occur counts 0. {reports[0].highest_average_map})",
        ]
    )
    parts += map(_by_class, reports)
    parts += map(_by_order, reports)
    problems = dict.fromkeys(problem for report in reports for problem in report.problems)
    parts.append([f"warning: {problem}" for problem in problems])
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _by_class(report: EvaluationReport) -> list[str]:
    """Return one line per class with its counts and its F1 at each tolerance."""
    tolerances = [one.tolerance for one in report.overall]
    figures = [*report.classes, *report.any_free_kick]
    by_label: dict[str, list[ClassFigures]] = {}
    for one in figures:
        by_label.setdefault(one.label, []).append(one)
    head = [report.model, "class", "true", "not shown", "found"]
    rows = [
        ["", label, str(these[0].true), str(these[0].not_shown), str(these[0].predicted)]
        + [_format_estimate(one.f1) for one in these]
        for label, these in by_label.items()
    ]
    return text_table([*head, *(f"F1 ±{tolerance:g} s" for tolerance in tolerances)], rows)


def _by_order(report: EvaluationReport) -> list[str]:
    """Return one line per occurring class with the average precision of each order.

    The lines use the widest tolerance, where timing errors matter least.
    """
    widest = max(one.tolerance for one in report.overall)
    head = [report.model, f"average precision ±{widest:g} s by", *_ORDERS]
    rows = [
        ["", one.label, *("–" if value is None else f"{value:.2f}" for _, value in one.ranked_by)]
        for one in [*report.classes, *report.overall]
        if one.tolerance == widest and one.true
    ]
    return text_table(head, rows) if rows else []


def _rows(report: EvaluationReport) -> Iterable[list[object]]:
    """Yield the table rows of a report."""
    for one in [*report.overall, *report.classes, *report.any_free_kick]:
        yield [
            report.model,
            one.label,
            one.tolerance,
            *(getattr(one, name) for name in _COUNTS),
            *(cell for name in _FIGURES for cell in _cells(getattr(one, name))),
            *(getattr(one.ranked_by, order) for order in _ORDERS),
        ]
    for metric, figures in report.soccernet.items():
        alone = figures.deltas[0] / 2 if len(figures.deltas) == 1 else None
        empty: list[None] = [None] * (len(_COUNTS) + 4 * (len(_FIGURES) - 1))
        row = [report.model, f"average-mAP {metric}", alone, *empty, *_cells(figures.mean)]
        yield [*row, *([None] * len(_ORDERS))]


def _cells(figure: Estimate) -> list[float | None]:
    """Return the cells of an estimate."""
    return [figure.value, figure.by_chance, figure.low, figure.high]


def _format_estimate(figure: Estimate) -> str:
    """Format a figure with chance level and interval, as in "0.31 (0.07) 0.25-0.38"."""
    if figure.value is None:
        return "–"
    chance = "" if figure.by_chance is None else f" ({figure.by_chance:.2f})"
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = f" {figure.low:.2f}-{figure.high:.2f}"
    return f"{figure.value:.2f}{chance}{interval}"
