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
    """Read a benchmark file; nothing is known if it is gone or is none.

    Snakemake measures for whoever wants to know: a file that somebody deleted or that was cut off
    is no reason to fail, nor to run the job again.
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
