"""The chance level: the agreement of the same events after shifts in time."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence

# Fewer times could lie on a grid by accident. For 20 times in whole seconds, the probability that
# all are even is 1e-6.
_FEWEST_ON_GRID = 20
# Longest step of windows, in seconds. A coarser grid comes from the rounding of times.
_LONGEST_STEP = 30.0


def shifts(
    times: Sequence[float], span: float, tolerance: float, *, count: int, seed: int
) -> list[float]:
    """Draw random circular shifts, in seconds, that separate all true pairs.

    Each shift is at least four tolerances (or a quarter of the span, if that is less) away from 0
    and from the span. Windows start on a grid. If both lists have times on one grid, a shift that
    is not a multiple of the grid's step would by itself change the number of pairs. So if many
    times lie on a grid, the shifts are multiples of its step.

    Args:
        times: times of both lists, in seconds.
        span: circumference of the circle, in seconds.
        tolerance: largest distance between paired times, in seconds.
        count: number of shifts.
        seed: seed of the random numbers.
    """
    margin = min(4 * tolerance, span / 4)
    source = random.Random(seed)
    if grid := _grid(times):
        first, last = max(1, math.ceil(margin / grid)), math.floor((span - margin) / grid)
        if first <= last:
            return [round(source.randint(first, last) * grid, 3) for _ in range(count)]
    return [source.uniform(margin, span - margin) for _ in range(count)]


def _grid(times: Iterable[float]) -> float | None:
    """Return the step of the grid that contains all times, in seconds, or None without a grid."""
    first, *others = sorted({round(1000 * time) for time in times}) or [0]
    step = math.gcd(*(time - first for time in others)) / 1000
    is_grid = len(others) + 1 >= _FEWEST_ON_GRID and step <= _LONGEST_STEP
    return step if is_grid else None
