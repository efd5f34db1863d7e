"""Compute SoccerNet's average-mAP of a model, with its chance level and confidence interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from touchline.core.soccernet import SOCCERNET_CLASSES
from touchline.evaluation import soccernet_evaluator
from touchline.evaluation.average_precision import Floats, average_precision, mean_over_deltas
from touchline.evaluation.evaluate import estimate, value_or_none
from touchline.evaluation.metrics import (
    HalfEvents,
    by_label,
    curve,
    game_names,
    game_weights,
    shifted_halves,
)
from touchline.evaluation.outcomes import Half, restrict_to_coverage
from touchline.evaluation.records import AverageMap


def compute_average_maps(
    halves: Sequence[Half], *, shifts: int = 20, resamples: int = 1000, seed: int = 0
) -> dict[str, AverageMap]:
    """Compute SoccerNet's average-mAP, by name of the metric.

    The values come from SoccerNet's own evaluator. Chance levels and intervals come from this
    package's faster implementation of the same rules.

    Args:
        halves, shifts, resamples, seed: see `touchline.evaluation.evaluate.evaluate`.

    Raises:
        InputError: SoccerNet's evaluator is not installed.
    """
    halves = [restrict_to_coverage(half) for half in halves]
    theirs = soccernet_evaluator.evaluate([(half.truth, half.events) for half in halves])
    games = game_names(halves)
    weights = game_weights(games, resamples, seed)
    names = {name: name for name in SOCCERNET_CLASSES}
    widest = max(soccernet_evaluator.METRICS["loose"]) / 2
    here, *elsewhere = (
        by_label(run, names, games)
        for run in [halves, *shifted_halves(halves, widest, shifts, seed)]
    )
    deltas = sorted({delta for metric in soccernet_evaluator.METRICS.values() for delta in metric})
    mean_aps = {delta: mean_ap(here, delta, weights) for delta in deltas}
    chance = {
        delta: np.mean([mean_ap(these, delta, weights[:1]) for these in elsewhere], axis=0)
        for delta in deltas
    }
    occurs = {event.label for half in halves for event in half.truth}
    maps = {}
    for metric, of_metric in soccernet_evaluator.METRICS.items():
        result = theirs[metric]
        samples = mean_over_deltas([mean_aps[delta] for delta in of_metric])
        values = np.array([result["a_mAP"], *samples[1:]])
        # Without true events the figures are unknown, not 0.
        is_known = bool(occurs & set(SOCCERNET_CLASSES))
        maps[metric] = AverageMap(
            deltas=list(of_metric),
            mean=estimate(
                values if is_known else np.full_like(values, np.nan),
                mean_over_deltas([chance[delta] for delta in of_metric])[0]
                if is_known
                else math.nan,
            ),
            visible=value_or_none(result["a_mAP_visible"]) if is_known else None,
            not_shown=float(result["a_mAP_unshown"]) if is_known else None,
            classes={
                name: value_or_none(value) if is_known and name in occurs else None
                for name, value in zip(SOCCERNET_CLASSES, result["a_mAP_per_class"], strict=True)
            },
        )
    return maps


def mean_ap(lists: Mapping[str, Sequence[HalfEvents]], delta: float, weights: Floats) -> Floats:
    """Compute SoccerNet's mAP at one delta, shape [1 + r] for r resamples.

    Times are rounded down to SoccerNet's frames.
    """
    total = np.zeros(len(weights))
    for name in SOCCERNET_CLASSES:
        framed = [_round_to_frames(mine) for mine in lists.get(name, [])]
        if any(mine.truth for mine in framed) and any(mine.times for mine in framed):
            half_of_delta = delta * soccernet_evaluator.FRAME_RATE / 2
            total += average_precision(*curve(framed, half_of_delta, weights))
    return total / len(SOCCERNET_CLASSES)


def _round_to_frames(mine: HalfEvents) -> HalfEvents:
    """Convert times to frame numbers.

    If two events share a frame, keep the later one as SoccerNet does.
    """
    scores = {_frame(time): score for time, score in zip(mine.times, mine.scores, strict=True)}
    truth = sorted({_frame(time) for time in mine.truth})
    return replace(
        mine,
        truth=truth,
        visible=[True] * len(truth),
        times=list(scores),
        scores=list(scores.values()),
    )


def _frame(time: float) -> float:
    """Return the number of the frame that SoccerNet uses for a time."""
    return float(int(soccernet_evaluator.FRAME_RATE * (round(1000 * time) / 1000)))
