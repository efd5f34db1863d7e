"""Reduce hidden states to the few numbers that models learn from.

The states of a video are standardized within the video. This removes differences between matches
(stadium, kits, light) without using other games. The states are then projected onto random
directions to save memory, and from there onto the principal components of the training games.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Number of random directions for the projection.
_DIRECTIONS = 512
# Number of principal components.
COMPONENTS = 128
# Components whose variance is below this share of the largest are rounding noise.
_LEAST_VARIANCE = 1e-6
# Number of neighbours before and after each window.
CONTEXT = 1


def standardize(states: NDArray[np.float16]) -> Floats:
    """Standardize each component of a video's states to mean 0 and deviation 1, [windows, width].

    A component that does not vary becomes 0.
    """
    wide = states.astype(np.float32)
    if not len(wide):
        return wide
    wide -= wide.mean(axis=0)
    deviations = wide.std(axis=0)
    wide /= np.where(deviations > 0, deviations, np.inf)
    return wide


def directions(width: int) -> Floats:
    """Return random directions for states of a width, [width, directions].

    Random signs nearly keep the distances between points (Achlioptas 2003). States with few
    components are not projected.
    """
    if width <= _DIRECTIONS:
        return np.eye(width, dtype=np.float32)
    signs = np.random.default_rng(0).integers(0, 2, (width, _DIRECTIONS), dtype=np.int8)
    found: Floats = (2 * signs - 1).astype(np.float32) / np.float32(np.sqrt(_DIRECTIONS))
    return found


def components(scatter: NDArray[np.float64], rows: int) -> Floats:
    """Return the scaled principal components of projected states, [directions, components].

    Each component is scaled so that its new standard deviation is proportional to the square root
    of its original standard deviation. Without scaling, regularization would mainly shrink
    components with small variance. If all variances were made equal, noise would count as much as
    signal. The mean variance of the scaled components is 1.

    Args:
        scatter: sum of the outer products of the rows, [directions, directions].
        rows: number of rows.
    """
    variances, vectors = np.linalg.eigh(scatter / max(rows, 1))
    first = np.argsort(-variances)[:COMPONENTS]
    kept = first[variances[first] > _LEAST_VARIANCE * max(float(variances.max()), 1e-30)]
    deviations = np.sqrt(variances[kept])
    scale = np.sqrt(len(kept) / max(float(deviations.sum()), 1e-30))
    found: Floats = (vectors[:, kept] * (scale / np.sqrt(deviations))).astype(np.float32)
    return found


def with_context(
    reduced: Floats, answered: NDArray[np.bool_], starts: NDArray[np.float64], step: float
) -> Floats:
    """Concatenate each answered window with its neighbours, [answered, (2 x CONTEXT + 1) x
    components].

    Missing or unanswered neighbours are 0, which is the mean.

    Args:
        reduced: components of the answered windows, [answered, components].
        answered: whether each window was answered, [windows].
        starts: start of every window in seconds, ascending.
        step: seconds from one window's start to the next. Windows further apart are not neighbours.
    """
    count, width = len(answered), reduced.shape[1]
    every = np.zeros((count, width), np.float32)
    every[answered] = reduced
    parts = []
    for offset in range(-CONTEXT, CONTEXT + 1):
        places = np.arange(count) + offset
        inside = np.clip(places, 0, max(count - 1, 0))
        apart = np.abs(starts[inside] - starts)
        near = (places == inside) & (apart <= (abs(offset) + 0.5) * step)
        parts.append(np.where(near[:, None], every[inside], np.float32(0)))
    return np.hstack(parts)[answered]
