"""Evaluate a model's events against annotations, with chance levels and intervals."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from touchline.core.intervals import length
from touchline.core.records import Event
from touchline.core.tables import Table
from touchline.evaluation.average_precision import Floats, ratio
from touchline.evaluation.metrics import (
    ClassMetrics,
    by_label,
    combine_classes,
    game_names,
    game_weights,
    measure,
    shifted_halves,
)
from touchline.evaluation.outcomes import Half, annotated_classes, restrict_to_coverage
from touchline.evaluation.ranking import average_precisions, mean_ranking, rankings
from touchline.evaluation.records import ClassFigures, Estimate, EvaluationReport, Ranking
from touchline.inputs.labels import Labels

# evaluation/curves_{model}.csv: one line per class, tolerance and least score (200 of them).
CURVES = Table(
    [
        ("label", "str"),
        ("tolerance_s", "float64"),
        ("least_score", "float64"),
        ("precision", "float64"),
        ("recall", "float64"),
    ]
)

ALL = "all"
ANY_FREE_KICK = "Any free-kick"
# Models often do not say which kind, so their label "free kick" counts for the combined class.
_FREE_KICKS = Labels(
    {
        ANY_FREE_KICK: [
            "Free-kick",
            *("Direct free-kick", "Free-kick direct"),
            *("Indirect free-kick", "Free-kick indirect"),
        ]
    }
)


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision and recall of one class and tolerance, for 200 minimum scores, [200] each."""

    label: str
    tolerance: float
    precision: Floats
    recall: Floats


def evaluate(
    halves: Sequence[Half],
    model: str,
    tolerances: Sequence[float],
    *,
    shifts: int = 20,
    resamples: int = 1000,
    seed: int = 0,
    classes: Collection[str] | None = None,
    calibrated: Sequence[Sequence[Event]] | None = None,
) -> tuple[EvaluationReport, list[Curve]]:
    """Evaluate a model's events against annotations.

    The number of true positives is the largest possible number of pairs of the same class within
    the tolerance (`touchline.matching.pair_times`). Average precision ranks by score. For average
    precision, as in SoccerNet's evaluator, each true event is paired with the prediction that has
    the highest score (`touchline.matching.true_positives`).

    Args:
        halves: at least one half. No two halves are the same part of the same video.
        model: name of the model.
        tolerances: largest distance between an event and the annotation that it is paired with, in
            seconds.
        shifts: number of time shifts for the chance level.
        resamples: number of resamples of the games for intervals; one game has no interval.
        seed: seed of the shifts and the resamples.
        classes: classes to evaluate; None for all annotated classes.
        calibrated: events of each half, scored with probabilities learnt from other games.

    Returns:
        The report, without SoccerNet's figures (see `touchline.evaluation.average_map`), and the
        precision-recall curve of each class and tolerance.
    """
    covered = [restrict_to_coverage(half) for half in halves]
    annotated = annotated_classes(halves, classes)
    games = game_names(halves)
    weights = game_weights(games, resamples, seed)

    # The first run has the events unchanged, each other run a time shift. Free kicks are also
    # measured as one class.
    runs = [covered, *shifted_halves(covered, max(tolerances), shifts, seed)]
    by_class = [by_label(run, {name: name for name in annotated}, games) for run in runs]
    free_kicks = [by_label(run, _free_kicks_in(run), games) for run in runs]

    ranked = rankings(halves, calibrated)

    overall, figures, any_free_kick, curves = [], [], [], []
    for tolerance in tolerances:
        ranks = average_precisions(ranked, annotated, tolerance)
        measured = {label: measure(by_class, label, tolerance, weights) for label in by_class[0]}
        for label, one in sorted(measured.items()):
            figures.append(_figures(label, tolerance, one, ranks[label]))
            if one.curve:
                curves.append(Curve(label, tolerance, *one.curve))
        whole = combine_classes(list(measured.values()), weights)
        occur = [ranks[label] for label, one in measured.items() if one.counts[0, 0] > 0]
        overall.append(_figures(ALL, tolerance, whole, mean_ranking(occur)))
        if ANY_FREE_KICK in free_kicks[0]:
            one = measure(free_kicks, ANY_FREE_KICK, tolerance, weights)
            any_free_kick.append(_figures(ANY_FREE_KICK, tolerance, one))
    report = EvaluationReport(
        model=model,
        videos=list(dict.fromkeys(half.video for half in halves)),
        matches=len(games),
        seconds=math.fsum(length(half.looked_at) for half in halves),
        shifts=shifts,
        resamples=resamples,
        seed=seed,
        unknown=sum(not event.known for half in covered for event in half.events),
        not_annotated=sum(
            event.known and event.label not in annotated
            for half in covered
            for event in half.events
        ),
        not_looked_at=sum(len(half.truth) for half in halves)
        - sum(len(half.truth) for half in covered),
        overall=overall,
        classes=figures,
        any_free_kick=any_free_kick,
    )
    return report, curves


def write_curves_csv(path: str | Path, curves: Iterable[Curve]) -> None:
    """Write precision-recall curves as a table."""
    rows = (
        (curve.label, curve.tolerance, round(number / 199, 4), round(p, 4), round(r, 4))
        for curve in curves
        for number, (p, r) in enumerate(zip(curve.precision, curve.recall, strict=True))
    )
    CURVES.write(path, CURVES.frame(rows))


def _free_kicks_in(halves: Iterable[Half]) -> dict[str, str]:
    """Map each free-kick label in the halves to the name of the combined class."""
    labels = {
        event.label for half in halves for events in (half.truth, half.events) for event in events
    }
    return {label: ANY_FREE_KICK for label in labels if _FREE_KICKS.canonical(label)}


def _figures(
    label: str, tolerance: float, measured: ClassMetrics, ranking: Ranking | None = None
) -> ClassFigures:
    """Convert metrics into the figures of one class and tolerance."""
    true, predicted, right, *_ = measured.counts.T
    chance = np.array([measured.chance])
    both = np.where((true > 0) & (predicted > 0), true + predicted, 0.0)
    counts = [round(count) for count in measured.counts[0]]
    return ClassFigures(
        label=label,
        tolerance=tolerance,
        true=counts[0],
        not_shown=counts[3],
        predicted=counts[1],
        true_positives=counts[2],
        not_shown_found=counts[4],
        false_positives=counts[1] - counts[2],
        misses=counts[0] - counts[2],
        precision=_rate(right, chance, predicted),
        recall=_rate(right, chance, true),
        f1=_rate(2 * right, 2 * chance, both),
        average_precision=estimate(measured.ap, measured.ap_by_chance),
        ranked_by=ranking or Ranking(),
    )


def _rate(part: Floats, chance: Floats, whole: Floats) -> Estimate:
    """Estimate a ratio and its chance level."""
    return estimate(ratio(part, whole, np.nan), ratio(chance, whole[:1], np.nan)[0])


def estimate(values: Floats, by_chance: float) -> Estimate:
    """Return a metric's value with its interval.

    The values of the resamples have the shape [1 + r].

    Undefined values are NaN.
    """
    low = high = math.nan
    samples = values[1:][~np.isnan(values[1:])]
    if len(samples):
        low, high = np.percentile(samples, [2.5, 97.5])
    return Estimate(
        value=value_or_none(values[0]),
        by_chance=value_or_none(by_chance),
        low=value_or_none(low),
        high=value_or_none(high),
    )


def value_or_none(value: float) -> float | None:
    """Convert a number for a file: NaN becomes None, and values above 1 from rounding become 1."""
    return None if math.isnan(value) else min(1.0, round(float(value), 6))
