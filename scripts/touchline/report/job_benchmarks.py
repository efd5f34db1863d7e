"""What a slice took, as Snakemake measured it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pandas import DataFrame


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
    """Read a benchmark file; all None if the file is missing or is not a benchmark.

    No result depends on these measurements: a file that was deleted or cut off is no reason to
    fail or to run the job again.
    """
    try:
        rows = pd.read_csv(path, sep="\t", index_col=False)
    except (OSError, ValueError):
        rows = DataFrame()
    # Snakemake writes NA or - for what it missed.
    measured = rows.reindex(columns=["s", "max_rss"]).apply(pd.to_numeric, errors="coerce")
    last = measured.where((measured > 0) & (measured < math.inf)).tail(1).to_dict("records")
    seconds, memory = last[0].values() if last else (math.nan, math.nan)
    return Benchmark(*(None if math.isnan(value) else value for value in (seconds, memory)))
