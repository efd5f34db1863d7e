"""The rule for times that mean the same moment, used by merging, comparison, evaluation and pages.

Two times are within a tolerance if |a - b| <= tolerance, with a millisecond of slack. The slack is
needed because files round times to a millisecond, and 10.3 - 5.3 is more than 5 in binary.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from touchline.core.intervals import SAME_TIME

# Seconds. This exceeds the rounding error of a difference between decimal times.
_NOISE = 1e-6
# For equal values, the first choice wins. This prefers earlier pairs.
_SKIP_B, _SKIP_A, _PAIR = range(3)


def reach(tolerance: float) -> float:
    """Return the largest difference that is within a tolerance, in seconds."""
    return tolerance + SAME_TIME + _NOISE


def is_within(a: float, b: float, tolerance: float) -> bool:
    """Return whether two times, in seconds, are within a tolerance of each other."""
    return abs(a - b) <= reach(tolerance)


def neighbours(times: Sequence[float], time: float, tolerance: float) -> tuple[int, int]:
    """Return the range of times that are within a tolerance of one time.

    Args:
        times: ascending times, in seconds.
        time: the time to compare with, in seconds.
        tolerance: largest difference, in seconds.

    Returns:
        first and last, such that times[first:last] are within the tolerance.
    """
    limit = reach(tolerance)

    # Like is_within, compare the difference. A sum would be rounded differently.
    def apart(other: float) -> float:
        return other - time

    return bisect_left(times, -limit, key=apart), bisect_right(times, limit, key=apart)


def true_positives(
    truth: Sequence[float], times: Sequence[float], scores: Sequence[float], tolerance: float
) -> list[bool]:
    """Return which predictions SoccerNet counts as right.

    True events are processed in order of time. Each true event takes the free prediction with the
    highest score within the tolerance. Ties go to the earliest prediction.

    Args:
        truth: times of the true events, in seconds.
        times: ascending times of the predictions, in seconds.
        scores: scores of the predictions.
        tolerance: largest difference, in seconds.
    """
    taken = [False] * len(times)
    for moment in sorted(truth):
        first, last = neighbours(times, moment, tolerance)
        free = [index for index in range(first, last) if not taken[index]]
        if free:
            taken[max(free, key=lambda index: (scores[index], -index))] = True
    return taken


def suppress(times: Sequence[float], order: Iterable[int], radius: float) -> list[int]:
    """Apply non-maximum suppression in time.

    Args:
        times: ascending times, in seconds.
        order: indices of all times, most preferred first.
        radius: smallest distance between kept times, in seconds.

    Returns:
        For each time, the index of the kept time that represents it. A kept time represents itself.
    """
    kept_by = [-1] * len(times)
    for best in order:
        if kept_by[best] < 0:
            for near in range(*neighbours(times, times[best], radius)):
                if kept_by[near] < 0:
                    kept_by[near] = best
    return kept_by


def pair_times(
    times_a: Sequence[float], times_b: Sequence[float], tolerance: float
) -> list[tuple[int, int]]:
    """Find the largest number of pairs, with the smallest total distance.

    The best pairs never cross on the time line, because uncrossing two pairs increases neither
    their larger distance nor the sum of their distances. The problem is therefore an alignment of
    two sorted lists. It takes O(n k) steps for k neighbours within the tolerance. The Hungarian
    method takes O(n^3) steps.

    Among equally good pairings, the pairing with the earlier pairs wins. If the two lists are
    exchanged, the two members of each pair are exchanged.

    Args:
        times_a: finite times in any order, in seconds.
        times_b: finite times in any order, in seconds.
        tolerance: largest distance between paired times, in seconds.

    Returns:
        Pairs of indices (into times_a, into times_b), ordered by time.
    """
    order_a = sorted(range(len(times_a)), key=times_a.__getitem__)
    order_b = sorted(range(len(times_b)), key=times_b.__getitem__)
    sorted_a = [times_a[index] for index in order_a]
    sorted_b = [times_b[index] for index in order_b]
    # The order of the two lists is fixed, so that exchanging them does not change the pairs.
    if sorted_a <= sorted_b:
        pairs = _align(sorted_a, sorted_b, tolerance)
    else:
        pairs = [(a, b) for b, a in _align(sorted_b, sorted_a, tolerance)]
    return [(order_a[a], order_b[b]) for a, b in pairs]


def group_moments(times: Sequence[Sequence[float]], tolerance: float) -> list[dict[int, int]]:
    """Group the times of several lists that mean the same moment.

    The lists are processed in order. Each list is paired with the moments found so far. The time of
    a moment is that of the first list that contains the moment. So every other time of the moment
    is within the tolerance of this time. For two lists, the groups are the pairs of `pair_times`.

    Returns:
        One dict per moment, ordered by time. It maps the number of a list to the index of the
        moment's time in this list.
    """
    groups: list[dict[int, int]] = []
    anchors: list[float] = []
    for number, these in enumerate(times):
        pairs = pair_times(anchors, these, tolerance)
        for moment, index in pairs:
            groups[moment][number] = index
        known = {index for _, index in pairs}
        new = [index for index in range(len(these)) if index not in known]
        groups.extend({number: index} for index in new)
        anchors.extend(these[index] for index in new)
    return [groups[i] for i in sorted(range(len(groups)), key=anchors.__getitem__)]


def _align(a: list[float], b: list[float], tolerance: float) -> list[tuple[int, int]]:
    """Compute `pair_times` for sorted lists by dynamic programming.

    best[j] is the largest total value of pairs between the first i times of a and the first j times
    of b. The value of a pair is a constant minus its distance in microseconds. The constant exceeds
    the sum of all distances, so that one more pair always outweighs smaller distances. Row i has
    values only for the times of b within the tolerance of a[i]. For earlier times of b, the values
    are those of row i - 1. For later times of b, they are the last value of row i, because these
    times are too late for a[i].
    """
    pair_value = (len(a) + 1) * (round(1e6 * reach(tolerance)) + 1)
    rows: list[tuple[int, list[int]]] = []
    best, best_low = [0], 0
    for time in a:
        low, high = neighbours(b, time, tolerance)
        # Beyond the end of a row, its last value continues.
        last = len(best) - 1
        row = [best[min(low - best_low, last)]]
        choices = []
        for j in range(low, high):
            without = best[min(j + 1 - best_low, last)]
            paired = best[min(j - best_low, last)] + pair_value - round(1e6 * abs(time - b[j]))
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
        if j > low and choices[j - 1 - low] == _PAIR:
            j -= 1
            pairs.append((i, j))
    return pairs[::-1]
