"""Which times mean the same moment: one rule for merging, comparison, evaluation and pages.

Two times are within a tolerance if |a - b| <= tolerance, with a millisecond of slack. Files round
times to a millisecond, and 10.3 - 5.3 is more than 5 in binary.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from touchline.core.intervals import SAME_TIME

# Seconds: more than what binary numbers add to a difference of decimal times.
_NOISE = 1e-6
# Of two equally good choices the first is taken, which leaves the earlier pairs.
_SKIP_B, _SKIP_A, _MATCH = range(3)


def reach(tolerance: float) -> float:
    """Return the largest difference that is within a tolerance, seconds."""
    return tolerance + SAME_TIME + _NOISE


def is_within(a: float, b: float, tolerance: float) -> bool:
    """Tell whether two times, in seconds, are within a tolerance of each other."""
    return abs(a - b) <= reach(tolerance)


def neighbours(times: Sequence[float], time: float, tolerance: float) -> tuple[int, int]:
    """Return where the times within a tolerance of one time begin and end.

    Args:
        times: seconds, ascending.
        time: seconds.
        tolerance: seconds.

    Returns:
        first and last, so that times[first:last] are within the tolerance.
    """
    limit = reach(tolerance)

    # The difference that is_within compares: a sum would round otherwise.
    def apart(other: float) -> float:
        return other - time

    return bisect_left(times, -limit, key=apart), bisect_right(times, limit, key=apart)


def found(
    truth: Sequence[float], times: Sequence[float], scores: Sequence[float], tolerance: float
) -> list[bool]:
    """Tell which predictions SoccerNet counts as right.

    Each true event, in order of time, takes the prediction within the tolerance that has the
    highest score and is not taken yet. Ties go to the earliest prediction.

    Args:
        truth, times: seconds; `times` ascending.
        scores: of the predictions.
        tolerance: seconds.
    """
    taken = [False] * len(times)
    for moment in sorted(truth):
        first, last = neighbours(times, moment, tolerance)
        free = [index for index in range(first, last) if not taken[index]]
        if free:
            taken[max(free, key=lambda index: (scores[index], -index))] = True
    return taken


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


def matched_pairs(
    times_a: Sequence[float], times_b: Sequence[float], tolerance: float
) -> list[tuple[int, int]]:
    """Pair as many times as possible; among all ways to do so, with the least total distance.

    On a line the best pairs never cross: uncrossing two pairs increases neither the larger
    distance nor the sum. So this is an alignment of two sorted lists, and only times
    within the tolerance of each other need comparing: O(n k) for k such neighbours, where
    the Hungarian method takes O(n^3) in a list without pauses.

    Of equally good ways the one with the earlier pairs is taken, and exchanging the lists
    exchanges the pairs.

    Args:
        times_a, times_b: seconds, finite, in any order.
        tolerance: most seconds between two that are paired.

    Returns:
        pairs of indices (into times_a, into times_b), by time.
    """
    order_a = sorted(range(len(times_a)), key=times_a.__getitem__)
    order_b = sorted(range(len(times_b)), key=times_b.__getitem__)
    sorted_a = [times_a[index] for index in order_a]
    sorted_b = [times_b[index] for index in order_b]
    # Always aligned in the same order, so that the result does not depend on the roles.
    if sorted_a <= sorted_b:
        pairs = _align(sorted_a, sorted_b, tolerance)
    else:
        pairs = [(a, b) for b, a in _align(sorted_b, sorted_a, tolerance)]
    return [(order_a[a], order_b[b]) for a, b in pairs]


def moments(times: Sequence[Sequence[float]], tolerance: float) -> list[dict[int, int]]:
    """Put the times of several lists together that mean the same moment.

    Each list in turn is matched with the moments found so far, a moment's time being that
    of the first list that has it. So no time is further than the tolerance from that first
    one, and with two lists the moments of both are those of `matched_pairs`.

    Returns:
        for each moment, in order of time, the index of its time by index of the list.
    """
    found: list[dict[int, int]] = []
    anchors: list[float] = []
    for number, these in enumerate(times):
        pairs = matched_pairs(anchors, these, tolerance)
        for moment, index in pairs:
            found[moment][number] = index
        known = {index for _, index in pairs}
        new = [index for index in range(len(these)) if index not in known]
        found.extend({number: index} for index in new)
        anchors.extend(these[index] for index in new)
    return [found[i] for i in sorted(range(len(found)), key=anchors.__getitem__)]


def _align(a: list[float], b: list[float], tolerance: float) -> list[tuple[int, int]]:
    """`matched_pairs` for sorted lists.

    best[j] is the most that the first i of a and the first j of b can be worth together. A
    pair's distance, in microseconds, is taken off its worth, which is more than all distances
    together, so that one more pair outweighs them. Row i begins at the first of b within the
    tolerance of a[i] and ends behind the last: left of it a[i] changes nothing, and right of it
    b[j] is too late for all of a so far.
    """
    worth = (len(a) + 1) * (round(1e6 * reach(tolerance)) + 1)
    rows: list[tuple[int, list[int]]] = []
    best, best_low = [0], 0
    for time in a:
        low, high = neighbours(b, time, tolerance)
        # Beyond its end a row goes on as it ends.
        last = len(best) - 1
        row = [best[min(low - best_low, last)]]
        choices = []
        for j in range(low, high):
            without = best[min(j + 1 - best_low, last)]
            paired = best[min(j - best_low, last)] + worth - round(1e6 * abs(time - b[j]))
            values = (row[-1], without, paired)
            row.append(max(values))
            choices.append(values.index(row[-1]))
        rows.append((low, choices))
        best, best_low = row, low
    pairs = []
    j = len(b)
    for i, (low, choices) in reversed(list(enumerate(rows))):
        j = min(j, low + len(choices))
        while j > low and choices[j - 1 - low] == _SKIP_B:
            j -= 1
        if j > low and choices[j - 1 - low] == _MATCH:
            j -= 1
            pairs.append((i, j))
    return pairs[::-1]
