"""Average precision and average-mAP by SoccerNet's rules, fast enough to repeat.

SoccerNet's own evaluator (`touchline.evaluation.soccernet_evaluator`) takes seconds for one
figure. The level of chance and the interval need hundreds, which these functions give; a test
holds them to the evaluator's figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# As SoccerNet.Evaluation.ActionSpotting has them.
_THRESHOLDS = np.linspace(0, 1, 200)
_RECALLS = np.arange(11) / 10


def precision_recall(
    scores: Floats, right: Floats, weights: Floats, positives: Floats
) -> tuple[Floats, Floats]:
    """Precision and recall at SoccerNet's 200 thresholds between 0 and 1; 0 where undefined.

    Args:
        scores: [n], of the predictions.
        right: [n], 1 for those that are right, else 0.
        weights: [r, n], how often each prediction counts in each of r repetitions.
        positives: [r], true events in each repetition.

    Returns:
        two arrays [r, 200].
    """
    order = np.argsort(-scores, kind="stable")
    reaching = np.searchsorted(-scores[order], -_THRESHOLDS, side="right")

    def counts(of: Floats) -> Floats:
        return np.pad(np.cumsum(of[:, order], axis=1), ((0, 0), (1, 0)))[:, reaching]

    hits = counts(weights * right)
    return ratio(hits, counts(weights)), ratio(hits, positives[:, None])


def average_precision(precision: Floats, recall: Floats) -> Floats:
    """SoccerNet's average precision, [r]: the mean of the best precision at 11 recalls.

    Args:
        precision, recall: [r, points].
    """
    best = [np.where(recall >= level, precision, 0.0).max(axis=1) for level in _RECALLS]
    return np.asarray(np.mean(best, axis=0))


def precision_at_hits(scores: Sequence[float], right: Sequence[bool], positives: int) -> float:
    """Average the precision at each true event that is found; one that is not found counts 0.

    Average precision as information retrieval has it, with a threshold for each score (as
    `average_precision_score` of scikit-learn, times the share of true events that are found).

    Args:
        scores: of the predictions, in any order.
        right: which of them are right.
        positives: true events, at least one.
    """
    if not any(right):
        return 0.0
    values = np.asarray(scores, float)
    order = np.argsort(-values, kind="stable")
    # Equal scores are one threshold.
    last = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    hits = np.cumsum(np.asarray(right, float)[order])[last]
    return float((np.diff(hits, prepend=0.0) * hits / (last + 1)).sum() / positives)


def over_deltas(values: Sequence[Floats]) -> Floats:
    """The mean over deltas: the area under the curve, divided by its width."""
    if len(values) == 1:
        return values[0]
    middles = [(one + other) / 2 for one, other in pairwise(values)]
    return np.asarray(np.mean(middles, axis=0))


def ratio(part: Floats, whole: Floats, undefined: float = 0.0) -> Floats:
    """part / whole, and `undefined` where the whole is 0."""
    part, whole = np.broadcast_arrays(part, whole)
    result = np.full(part.shape, undefined)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
