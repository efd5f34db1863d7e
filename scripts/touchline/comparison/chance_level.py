"""What the same events, shifted in time, would reach: the level of chance."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence


def shifts(
    times: Sequence[float], span: float, tolerance: float, count: int, seed: int
) -> list[float]:
    """Random circular shifts, seconds, that leave no true pair together.

    Windows start on a grid, and two lists on one grid meet more or less often than the same
    lists between its lines. So the shifts are steps of the grid, if there is one.

    Args:
        times: of both lists, seconds.
        span: seconds after which the circle closes.
        tolerance: most seconds between two that match.
    """
    grid = math.gcd(*(round(1000 * time) for time in times)) or 1
    margin = min(4 * tolerance, span / 4)
    source = random.Random(seed)
    drawn = [source.uniform(margin, span - margin) for _ in range(count)]
    return [round(1000 * shift / grid) * grid / 1000 for shift in drawn]
