"""Seconds and memory of merging and comparing, for match halves 1, 10 and 100 times as long.

    python benchmarks/analysis.py

The halves are those of real predictions if TOUCHLINE_REAL_DATA names their folder, else as
many generated ones of the same density. A half's copies follow each other in time, so that
one list gets long; many short lists would be in proportion by themselves. The second model
is made from the first: a third of the events left out, others moved or called something else.

Beside it the same work is done by plain double loops, as long as that takes minutes. Times
are of the processor, the mean of as many runs as make every size the same amount of work, and
the least of three such rounds, because other work on the machine only ever adds.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from touchline.compare import Track, compare  # noqa: E402
from touchline.labels import Labels  # noqa: E402
from touchline.merge import merge_events  # noqa: E402
from touchline.predictions import read_predictions  # noqa: E402
from touchline.records import Event  # noqa: E402

EXPECTED = """\
Expected, before measuring: time and memory in proportion to the events, because both sort
once and then look at each event's neighbours only; 100 copies at most 130 times the time of
one. The double loops: 100 times the time for 10 copies."""

COPIES = (1, 10, 100)
HALVES = 11
ROUNDS = 3
DURATION = 2800.0
WINDOW = 3.0
TOLERANCE = 5.0
# A double loop that is expected to take longer than this is not run, seconds.
PATIENCE = 600.0
LABELS = ["Foul"] * 42 + ["Shots off target"] * 36 + ["Goal"] * 6 + ["Other"] * 8 + [
    "Free-kick", "Free-kick", "Ball out of play", "Ball out of play", "Shots on target",
    "Shots on target", "Substitution", "Yellow card",
]  # fmt: skip

UNKNOWN = ("Other", "Free-kick")


def main() -> None:
    print(EXPECTED + "\n")
    source = "real" if os.environ.get("TOUCHLINE_REAL_DATA") else "generated"
    print(f"{HALVES} {source} halves; times in seconds, peak memory of the process in MB\n")
    head = ("copies", "events", "merge", "compare", "both", "ratio", "peak", "loops", "ratio")
    print("".join(name.rjust(10) for name in head))
    first: dict[str, float] = {}
    before = 0.0
    # Round by round, so that a busy spell of the machine meets all sizes alike.
    rounds = [[in_new_process(measure, copies) for copies in COPIES] for _ in range(ROUNDS)]
    for copies, measured in zip(COPIES, zip(*rounds, strict=True), strict=True):
        ours, peak, events = min(measured, key=lambda one: sum(one[0].values()))
        total = sum(ours.values())
        cells = [f"{copies}", f"{events}", f"{ours['merge']:.2f}", f"{ours['compare']:.2f}"]
        cells += [f"{total:.2f}", f"{total / first.setdefault('ours', total):.1f}", f"{peak:.0f}"]
        # Each size is ten times the one before.
        if 100 * before <= PATIENCE:
            loops, _, _ = in_new_process(measure_loops, copies)
            before = sum(loops.values())
            cells += [f"{before:.2f}", f"{before / first.setdefault('loops', before):.1f}"]
        else:
            before = float("inf")
            cells += ["not run", ""]
        print("".join(cell.rjust(10) for cell in cells), flush=True)


Measured = tuple[dict[str, float], float, int]


def in_new_process(work: Callable[[int], Measured], copies: int) -> Measured:
    """Run in a process of its own, so that peak memory is this run's alone."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, copies).result()


def measure(copies: int) -> Measured:
    """Seconds of merging and of comparing, peak megabytes, events that went in."""
    seconds = {"merge": 0.0, "compare": 0.0}
    count = 0
    runs = max(COPIES) // copies
    for number, half in enumerate(halves()):
        one, other = two_models(half, copies, number)
        count += len(one) + len(other)
        for _ in range(runs):
            merging, comparing = once(one, other, copies)
            seconds["merge"] += merging / runs
            seconds["compare"] += comparing / runs
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, count


def once(one: list[Event], other: list[Event], copies: int) -> tuple[float, float]:
    """Seconds of merging two lists and of comparing what is left, with one shift for chance."""
    begin = time.process_time()
    merged = [merge_events(events, WINDOW, "first")[0] for events in (one, other)]
    middle = time.process_time()
    looked_at = ((0.0, DURATION * copies),)
    compare({m: Track(e, looked_at) for m, e in zip("ab", merged, strict=True)}, TOLERANCE, 1)
    return middle - begin, time.process_time() - middle


def measure_loops(copies: int) -> Measured:
    """The same by double loops."""
    seconds = {"merge": 0.0, "compare": 0.0}
    count = 0
    for number, half in enumerate(halves()):
        one, other = two_models(half, copies, number)
        count += len(one) + len(other)
        begin = time.process_time()
        merged = [merge_by_loops(events) for events in (one, other)]
        middle = time.process_time()
        pair_by_loops(*merged)
        shifted = [replace(e, time_s=(e.time_s + 600) % (DURATION * copies)) for e in merged[1]]
        pair_by_loops(merged[0], shifted)
        seconds["merge"] += middle - begin
        seconds["compare"] += time.process_time() - middle
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, count


def merge_by_loops(events: list[Event]) -> list[Event]:
    """Keep an event unless one of the same label is kept within the window before it."""
    kept: list[Event] = []
    for event in events:
        for other in kept:
            if other.label == event.label and abs(event.time_s - other.time_s) <= WINDOW:
                break
        else:
            kept.append(event)
    return kept


def pair_by_loops(one: list[Event], other: list[Event]) -> list[tuple[int, int]]:
    """Pair each event with the nearest free one of its label, then of any label."""
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


def halves() -> list[list[Event]]:
    """The events of each half, by time."""
    labels = Labels.read(ROOT / "labels.yaml")
    folder = os.environ.get("TOUCHLINE_REAL_DATA")
    if folder:
        paths = sorted(Path(folder, "qwen7b").glob("final_predictions_qwen7b_video_*.json"))
        halves = [read_predictions(path, labels).events for path in paths]
        return [[event for event in half if event.time_s < DURATION] for half in halves]
    return [generated(random.Random(number)) for number in range(HALVES)]


def generated(source: random.Random) -> list[Event]:
    events = []
    time_s = 0.0
    while time_s < DURATION:
        label = source.choice(LABELS)
        known = label not in UNKNOWN
        events.append(Event(time_s, label, known, "away", 0.9, None, 1, time_s, time_s))
        time_s += source.choice((2.0, 2.0, 4.0, 4.0))
    return events


def two_models(half: list[Event], copies: int, seed: int) -> tuple[list[Event], list[Event]]:
    """A half's copies one after the other, and what another model may say of them."""
    source = random.Random(seed)
    one = [
        replace(e, time_s=e.time_s + k * DURATION, first_s=e.first_s + k * DURATION,
                last_s=e.last_s + k * DURATION)
        for k in range(copies)
        for e in half
    ]  # fmt: skip
    other = []
    for event in one:
        if source.random() < 1 / 3:
            continue
        time_s = min(max(0.0, event.time_s + source.choice((-4, -2, 0, 2, 4))), DURATION * copies)
        moved = replace(event, time_s=time_s, first_s=time_s, last_s=time_s)
        if source.random() < 0.2:
            label = source.choice(LABELS)
            moved = replace(moved, label=label, known=label not in UNKNOWN)
        other.append(moved)
    return one, other


if __name__ == "__main__":
    main()
