"""What a slice took, as Snakemake measured it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What the last attempt at a job took; None is what was not measured.

    Attributes:
        seconds: of wall clock.
        memory_mb: most memory held at a time, MB.
    """

    seconds: float | None
    memory_mb: float | None


def read_benchmark(path: str | Path) -> Benchmark:
    """Read a benchmark file; nothing is known if it is gone or is none.

    Snakemake measures for whoever wants to know: a file that somebody deleted or that was cut off
    is no reason to fail, nor to run the job again.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except (OSError, ValueError, csv.Error):
        rows = []
    last = rows[-1] if rows else {}
    return Benchmark(_number(last.get("s")), _number(last.get("max_rss")))


def _number(text: str | None) -> float | None:
    """A number above 0; Snakemake writes NA or - for what it missed."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
