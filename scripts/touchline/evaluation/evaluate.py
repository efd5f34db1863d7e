"""What a model's events are worth: set against the truth, beside chance, with an interval."""

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
    Measured,
    by_chance,
    by_label,
    games_of,
    measure,
    samples_of,
    together,
)
from touchline.evaluation.outcomes import Half, annotated_classes, where_looked
from touchline.evaluation.ranking import average_precisions, mean_ranking, rankings
from touchline.evaluation.records import ClassFigures, Estimate, EvaluationReport, Ranking
from touchline.inputs.labels import Labels

# evaluation/curves_{model}.csv: of each class and tolerance, a line for each of 200 least scores.
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
# Models often do not say which: so their word "free kick", which is no class, counts here.
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
    """Precision and recall of a class at one tolerance, [200], by least score."""

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
    """Set a model's events against the truth.

    True positives are as many pairs of one class within the tolerance as there can be
    (`touchline.matching.pair_times`). Average precision ranks by score, so there, as SoccerNet
    does it, each true event takes the best-scored prediction
    (`touchline.matching.found`).

    Args:
        halves: at least one, each of another video.
        tolerances: most seconds between two events that are the same.
        shifts: how many time shifts to take the chance level from.
        resamples: how many samples of the games to take intervals from; one game has none.
        seed: of both.
        classes: that are evaluated, if not all that are annotated.
        calibrated: the events of each half, scored with probabilities learnt from other games.

    Returns:
        the report, still without SoccerNet's figures (`touchline.evaluation.average_map`), and the
        precision-recall curves of each class and tolerance.
    """
    covered = [where_looked(half) for half in halves]
    annotated = annotated_classes(halves, classes)
    games = games_of(halves)
    weights = samples_of(games, resamples, seed)

    # First as it is, then each shift; the same for the free kicks as one class.
    runs = [covered, *by_chance(covered, max(tolerances), shifts, seed)]
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
        whole = together(list(measured.values()), weights)
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
    """The labels of free kicks that occur, each with the name of all."""
    labels = {
        event.label for half in halves for events in (half.truth, half.events) for event in events
    }
    return {label: ANY_FREE_KICK for label in labels if _FREE_KICKS.canonical(label)}


def _figures(
    label: str, tolerance: float, measured: Measured, ranking: Ranking | None = None
) -> ClassFigures:
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
    return estimate(ratio(part, whole, np.nan), ratio(chance, whole[:1], np.nan)[0])


def estimate(values: Floats, by_chance: float) -> Estimate:
    """A figure from its value and those of samples, [1 + r], NaN where undefined."""
    low = high = math.nan
    samples = values[1:][~np.isnan(values[1:])]
    if len(samples):
        low, high = np.percentile(samples, [2.5, 97.5])
    return Estimate(
        value=known(values[0]), by_chance=known(by_chance), low=known(low), high=known(high)
    )


def known(value: float) -> float | None:
    """A number for a file: NaN is null, and what rounding made more than 1 is 1."""
    return None if math.isnan(value) else min(1.0, round(float(value), 6))
