"""Measure time and memory of merging and comparing, for 1, 10 and 100 copies of match halves.

    python benchmarks/analysis.py

The halves are real predictions if TOUCHLINE_REAL_DATA names their folder, and otherwise generated
events of the same density. The second model is made from the first: a third of the events is left
out, and others are moved or get another label. The copies are used in two ways. Separate halves
show a user's cost. One list of copies joined end to end, up to 100 times as long, shows how the
time grows with the length of a list.

Plain double loops do the same work for comparison, as long as that takes minutes. Times are
processor times. Small sizes run more often, so that all sizes take about equally long, and their
time is a mean. The table has the minimum of three such rounds, because other work on the machine
only adds time.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sides import alone

from touchline.comparison.compare import Track, compare
from touchline.core.records import Event
from touchline.events.given import read_given
from touchline.events.merge import merge_events
from touchline.inputs.labels import Labels

ROOT = Path(__file__).parents[1]

EXPECTED = """\
Expected before measuring: time and memory grow in proportion to the events, because merging and
comparing sort once and then look only at each event's neighbours. 100 copies take at most 130 times
the time of one copy. Double loops take 100 times the time for 10 joined copies."""

# Copies as separate halves, and copies joined end to end.
SIZES = ((1, 1), (10, 1), (100, 1), (1, 10), (1, 100))
HALVES = 11
ROUNDS = 3
DURATION = 2800.0
WINDOW = 3.0
TOLERANCE = 5.0
# Seconds; a double loop that would take longer is not run.
PATIENCE = 600.0
LABELS = ["Foul"] * 42 + ["Shots off target"] * 36 + ["Goal"] * 6 + ["Other"] * 8 + [
    "Free-kick", "Free-kick", "Ball out of play", "Ball out of play", "Shots on target",
    "Shots on target", "Substitution", "Yellow card",
]  # fmt: skip

UNKNOWN = ("Other", "Free-kick")


# Seconds of merging and of comparing, events that went in.
Measured = tuple[float, float, int]


def main() -> None:
    print(EXPECTED + "\n")
    source = "real" if os.environ.get("TOUCHLINE_REAL_DATA") else "generated"
    print(f"{HALVES} {source} halves; times in seconds, peak memory of a process in MB\n")
    head = ("copies", "length", "events", "merge", "compare", "both", "ratio", "peak", "loops")
    print("".join(name.rjust(10) for name in (*head, "ratio")))
    # Round by round, so that other work on the machine affects all sizes.
    rounds = [[all_halves(measure, *size) for size in SIZES] for _ in range(ROUNDS)]
    first = first_loops = 0.0
    for (copies, length), measured in zip(SIZES, zip(*rounds, strict=True), strict=True):
        merging, comparing, peak, events = min(measured, key=lambda one: one[0] + one[1])
        total = merging + comparing
        first = first or total
        cells = [f"{copies}", f"{length}", f"{events}", f"{merging:.2f}", f"{comparing:.2f}"]
        cells += [f"{total:.2f}", f"{total / first:.1f}", f"{peak:.0f}"]
        if first_loops * copies * length**2 <= PATIENCE:
            merging, comparing, _, _ = all_halves(measure_loops, copies, length)
            loops = merging + comparing
            first_loops = first_loops or loops
            cells += [f"{loops:.2f}", f"{loops / first_loops:.1f}"]
        else:
            cells += ["not run", ""]
        print("".join(cell.rjust(10) for cell in cells), flush=True)


def all_halves(
    work: Callable[[int, int, int], Measured], copies: int, length: int
) -> tuple[float, float, float, int]:
    """Return seconds of merging and of comparing, the peak megabytes, and the number of events.

    Each half runs in its own process, as in the workflow, so that the peak memory is its own.
    """
    halves = [alone(work, number, copies, length) for number in range(HALVES)]
    merging, comparing, events = zip(*(half.result for half in halves), strict=True)
    return sum(merging), sum(comparing), max(half.peak for half in halves), sum(events)


def measure(number: int, copies: int, length: int) -> Measured:
    one, other = two_models(half(number), length, number)
    runs = max(1, 100 // (copies * length))
    times = [once(one, other, length) for _ in range(runs * copies)]
    merging, comparing = (sum(seconds) / runs for seconds in zip(*times, strict=True))
    return merging, comparing, copies * (len(one) + len(other))


def measure_loops(number: int, copies: int, length: int) -> Measured:
    """Measure the same work by double loops."""
    one, other = two_models(half(number), length, number)
    merging = comparing = 0.0
    for _ in range(copies):
        begin = time.process_time()
        merged = [merge_by_loops(events) for events in (one, other)]
        middle = time.process_time()
        pair_by_loops(*merged)
        shifted = [replace(e, time_s=(e.time_s + 600) % (DURATION * length)) for e in merged[1]]
        pair_by_loops(merged[0], shifted)
        merging += middle - begin
        comparing += time.process_time() - middle
    return merging, comparing, copies * (len(one) + len(other))


def once(one: list[Event], other: list[Event], length: int) -> tuple[float, float]:
    """Return the seconds of merging two lists, and of comparing them with one time shift."""
    begin = time.process_time()
    merged = [merge_events(events, WINDOW, "first")[0] for events in (one, other)]
    middle = time.process_time()
    looked_at = ((0.0, DURATION * length),)
    compare(
        {m: Track(e, looked_at) for m, e in zip("ab", merged, strict=True)}, TOLERANCE, shifts=1
    )
    return middle - begin, time.process_time() - middle


def merge_by_loops(events: list[Event]) -> list[Event]:
    """Drop each event that follows a kept event of its label within the radius."""
    kept: list[Event] = []
    for event in events:
        for other in kept:
            if other.label == event.label and abs(event.time_s - other.time_s) <= WINDOW:
                break
        else:
            kept.append(event)
    return kept


def pair_by_loops(one: list[Event], other: list[Event]) -> list[tuple[int, int]]:
    """Pair each event with the nearest free one of its label, and then of any label."""
    pairs: list[tuple[int, int]] = []
    free_one, free_other = set(range(len(one))), set(range(len(other)))
    for same_label in (True, False):
        for i in sorted(free_one):
            best, least = None, TOLERANCE
            for j in free_other:
                apart = abs(one[i].time_s - other[j].time_s)
                if apart <= least and (not same_label or one[i].label == other[j].label):
                    best, least = j, apart
            if best is not None:
                pairs.append((i, best))
                free_one.discard(i)
                free_other.discard(best)
    return pairs


def half(number: int) -> list[Event]:
    """Return the events of a half in order of time."""
    folder = os.environ.get("TOUCHLINE_REAL_DATA")
    if not folder:
        return generated(random.Random(number))
    path = sorted(Path(folder, "qwen7b").glob("final_predictions_qwen7b_video_*.json"))[number]
    events = read_given(path, number, None, Labels.read(ROOT / "labels.yaml")).hits
    return [event for event in events if event.time_s < DURATION]


def generated(source: random.Random) -> list[Event]:
    events = []
    time_s = 0.0
    while time_s < DURATION:
        label = source.choice(LABELS)
        known = label not in UNKNOWN
        events.append(Event(time_s, label, known, "away", 0.9, None, 1, time_s, time_s, time_s))
        time_s += source.choice((2.0, 2.0, 4.0, 4.0))
    return events


def two_models(events: list[Event], length: int, seed: int) -> tuple[list[Event], list[Event]]:
    """Return a half's events, repeated end to end, and a changed copy for a second model."""
    source = random.Random(seed)
    one = [
        replace(e, time_s=e.time_s + k * DURATION, window_s=e.window_s + k * DURATION,
                first_s=e.first_s + k * DURATION, last_s=e.last_s + k * DURATION)
        for k in range(length)
        for e in events
    ]  # fmt: skip
    other = []
    for event in one:
        if source.random() < 1 / 3:
            continue
        time_s = min(max(0.0, event.time_s + source.choice((-4, -2, 0, 2, 4))), DURATION * length)
        moved = replace(event, time_s=time_s, window_s=time_s, first_s=time_s, last_s=time_s)
        if source.random() < 0.2:
            label = source.choice(LABELS)
            moved = replace(moved, label=label, known=label not in UNKNOWN)
        other.append(moved)
    return one, other


if __name__ == "__main__":
    main()
