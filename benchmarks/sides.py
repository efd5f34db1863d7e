"""Measure the sides of a benchmark in turn or in separate processes, and compute their ratio."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, TypeVar

Estimate = TypeVar("Estimate")


@dataclass(frozen=True)
class Spent:
    """Time and memory of some work in its own process.

    Attributes:
        wall, cpu: seconds, including the start of the process. `cpu` is user and system time, and
            includes child processes.
        peak: peak memory, MB.
        result: return value of the work.
    """

    wall: float
    cpu: float
    peak: float
    result: Any


def alone(work: Callable[..., Any], *arguments: Any) -> Spent:
    """Do work in a new process, so that the other side does not affect the measurement."""
    before = os.times()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        result, peak = process.submit(_with_peak, work, arguments).result()
    after = os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    return Spent(after.elapsed - before.elapsed, cpu, peak, result)


def _with_peak(work: Callable[..., Any], arguments: Sequence[Any]) -> tuple[Any, float]:
    # Imported here, because some benchmarks do not have the library on their path.
    from touchline.detection.peak_rss import peak_resident

    return work(*arguments), peak_resident()


def in_turn(sides: Mapping[str, Callable[[], Estimate]], rounds: int) -> dict[str, list[Estimate]]:
    """Return the results of each side, measured in turn so that a slow machine affects all."""
    found: dict[str, list[Estimate]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            found[name].append(measure())
    return found


def median_ratio(over: Sequence[float], under: Sequence[float]) -> str:
    """Return the median of the rounds' ratios, with their spread in brackets."""
    ratios = [a / b for a, b in zip(over, under, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
