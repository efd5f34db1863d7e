"""Non-maximum suppression in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from touchline.matching import neighbours


def suppress(times: Sequence[float], order: Iterable[int], window: float) -> list[int]:
    """Non-maximum suppression in time.

    Args:
        times: seconds, ascending.
        order: the indices of all times, the one to prefer first.
        window: seconds; the closest of those kept are further apart.

    Returns:
        for each index the index of the one kept that it falls to, its own if it is kept.
    """
    kept_by = [-1] * len(times)
    for best in order:
        if kept_by[best] < 0:
            for near in range(*neighbours(times, times[best], window)):
                if kept_by[near] < 0:
                    kept_by[near] = best
    return kept_by
