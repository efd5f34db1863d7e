"""Compute average precision and average-mAP by SoccerNet's rules, fast enough for many repetitions.

SoccerNet's own evaluator (`touchline.evaluation.soccernet_evaluator`) takes seconds per value.
Chance levels and intervals need hundreds of values. A test compares the two implementations.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Values from SoccerNet.Evaluation.ActionSpotting.
_THRESHOLDS = np.linspace(0, 1, 200)
_RECALLS = np.arange(11) / 10


def precision_recall(
    scores: Floats, right: Floats, weights: Floats, positives: Floats
) -> tuple[Floats, Floats]:
    """Compute precision and recall at SoccerNet's 200 thresholds between 0 and 1.

    Undefined values are 0.

    Args:
        scores: scores of the predictions, shape [n].
        right: 1 for right predictions and 0 for false ones, shape [n].
        weights: weight of each prediction in each of r repetitions, shape [r, n].
        positives: number of true events in each repetition, shape [r].

    Returns:
        Precision and recall, shape [r, 200] each.
    """
    order = np.argsort(-scores, kind="stable")
    reaching = np.searchsorted(-scores[order], -_THRESHOLDS, side="right")

    def counts(of: Floats) -> Floats:
        """Sum, for each threshold, the weights of the predictions that reach it."""
        return np.pad(np.cumsum(of[:, order], axis=1), ((0, 0), (1, 0)))[:, reaching]

    hits = counts(weights * right)
    return ratio(hits, counts(weights)), ratio(hits, positives[:, None])


def average_precision(precision: Floats, recall: Floats) -> Floats:
    """Compute SoccerNet's average precision, shape [r]: the mean of the best precision at 11
    recalls.

    Args:
        precision, recall: values of the curves, shape [r, points].
    """
    best = [np.where(recall >= level, precision, 0.0).max(axis=1) for level in _RECALLS]
    return np.asarray(np.mean(best, axis=0))


def precision_at_hits(scores: Sequence[float], right: Sequence[bool], positives: int) -> float:
    """Average the precision at each found true event. Missed true events count as 0.

    This is average precision as in information retrieval, with a threshold at each score. It equals
    scikit-learn's `average_precision_score` times the share of true events that are found.

    Args:
        scores: scores of the predictions, in any order.
        right: whether each prediction is right.
        positives: number of true events, at least 1.
    """
    if not any(right):
        return 0.0
    values = np.asarray(scores, float)
    order = np.argsort(-values, kind="stable")
    # Equal scores share one threshold.
    last = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    hits = np.cumsum(np.asarray(right, float)[order])[last]
    return float((np.diff(hits, prepend=0.0) * hits / (last + 1)).sum() / positives)


def mean_over_deltas(values: Sequence[Floats]) -> Floats:
    """Average over deltas: divide the area under the curve by its width."""
    if len(values) == 1:
        return values[0]
    middles = [(one + other) / 2 for one, other in pairwise(values)]
    return np.asarray(np.mean(middles, axis=0))


def ratio(part: Floats, whole: Floats, undefined: float = 0.0) -> Floats:
    """Divide `part` by `whole`. Return `undefined` where `whole` is 0."""
    part, whole = np.broadcast_arrays(part, whole)
    result = np.full(part.shape, undefined)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
