"""Non-maximum suppression in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from touchline.matching import reach


def suppress(times: Sequence[float], order: Iterable[int], window: float) -> list[int]:
    """Non-maximum suppression in time, in O(n).

    Args:
        times: seconds, ascending.
        order: the indices of all times, the one to prefer first.
        window: seconds; the closest of those kept are further apart.

    Returns:
        for each index the index of the one kept that it falls to, its own if it is kept.
    """
    limit = reach(window)
    kept_by = [-1] * len(times)
    # A linked list of those that are still free: what is dropped is never met again.
    before = list(range(-1, len(times) - 1))
    after = list(range(1, len(times) + 1))
    for best in order:
        if kept_by[best] >= 0:
            continue
        kept_by[best] = best
        left, right = before[best], after[best]
        while left >= 0 and times[best] - times[left] <= limit:
            kept_by[left] = best
            left = before[left]
        while right < len(times) and times[right] - times[best] <= limit:
            kept_by[right] = best
            right = after[right]
        if left >= 0:
            after[left] = right
        if right < len(times):
            before[right] = left
    return kept_by
