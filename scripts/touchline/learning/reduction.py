"""From hidden states to the few numbers that are learnt from.

A video's states are standardized by the video itself: what differs from match to match (stadium,
kits, light) goes, and no other game is needed for that. They are then projected onto random
directions, so that memory stays small, and from there onto the principal components of the games
that a model is trained on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Directions that states are projected onto before anything is learnt.
_DIRECTIONS = 512
# Principal components that are learnt from.
COMPONENTS = 128
# A component that varies less than this share of the first is noise of rounding.
_LEAST_VARIANCE = 1e-6
# Windows before and after the one that is judged.
CONTEXT = 1


def standardize(states: NDArray[np.float16]) -> Floats:
    """Give each component of a video's states a mean of 0 and a deviation of 1, [windows, width].

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
    """Return the random directions for states of a width, [width, directions].

    Signs at random keep the distances of points nearly as they are (Achlioptas 2003). Few
    components are kept as they are.
    """
    if width <= _DIRECTIONS:
        return np.eye(width, dtype=np.float32)
    signs = np.random.default_rng(0).integers(0, 2, (width, _DIRECTIONS), dtype=np.int8)
    found: Floats = (2 * signs - 1).astype(np.float32) / np.float32(np.sqrt(_DIRECTIONS))
    return found


def components(scatter: NDArray[np.float64], rows: int) -> Floats:
    """Return the principal components of projected states, [directions, components].

    A component's deviation becomes the square root of its own. So those that vary much are not
    held back most, and those that vary little are not all noise. The mean variance is 1.

    Args:
        scatter: the sum of the outer products of the rows, [directions, directions].
        rows: how many there are.
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
    """Put each answered window beside its neighbours, [answered, (2 x CONTEXT + 1) x components].

    A neighbour that is not there, or was not answered, is 0: the mean.

    Args:
        reduced: of the answered windows, [answered, components].
        answered: which windows are answered, [windows].
        starts: of all windows, seconds, ascending.
        step: seconds from one window's start to the next. Windows further apart are no neighbours.
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
