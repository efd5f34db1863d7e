"""What the same events, shifted in time, would reach: the level of chance."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence

# Fewer times can lie on a grid by accident. 20 times in whole seconds are all even with a
# probability of 1e-6.
_FEWEST_ON_GRID = 20
# Seconds between the starts of windows, at most. A coarser grid is how times were rounded.
_LONGEST_STEP = 30.0


def shifts(
    times: Sequence[float], span: float, tolerance: float, *, count: int, seed: int
) -> list[float]:
    """Draw random circular shifts, in seconds, that leave no true pair together.

    Each shift is at least four tolerances from 0 and from the span, or a quarter of the span if
    that is less. Windows start on a grid, and two lists on one grid meet more or less often than
    the same lists between its lines. So the shifts are steps of that grid if many times show it.

    Args:
        times: of both lists, seconds.
        span: seconds after which the circle closes.
        tolerance: most seconds between two that are paired.
        count: of shifts.
        seed: of the random numbers.
    """
    margin = min(4 * tolerance, span / 4)
    source = random.Random(seed)
    if grid := _grid(times):
        first, last = max(1, math.ceil(margin / grid)), math.floor((span - margin) / grid)
        if first <= last:
            return [round(source.randint(first, last) * grid, 3) for _ in range(count)]
    return [source.uniform(margin, span - margin) for _ in range(count)]


def _grid(times: Iterable[float]) -> float | None:
    """Return the seconds between the lines of the grid that all times lie on, if there is one."""
    first, *others = sorted({round(1000 * time) for time in times}) or [0]
    step = math.gcd(*(time - first for time in others)) / 1000
    is_grid = len(others) + 1 >= _FEWEST_ON_GRID and step <= _LONGEST_STEP
    return step if is_grid else None
