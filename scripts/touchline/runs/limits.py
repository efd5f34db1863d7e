"""Compute the time and memory limits of a slice on a cluster.

A limit is not a forecast. It is generous enough for a slow GPU, and short enough for the scheduler
to fit the job into a gap. A slice that reaches a limit loses nothing: the next attempt gets a
higher limit and resumes where this attempt stopped. After any other failure the limit stays the
same, because jobs that request more time wait longer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from touchline.inputs.clock import HalfStart
from touchline.inputs.settings import Settings
from touchline.inputs.windows import most_frames, watched_parts, windows_per_slice

# Time to load a model from a busy file system. A fast file system takes 6 s (measured).
_START_MINUTES = 15
# An H100 answers 0.45 windows per second, one at a time, with 4 frames and 256 tokens each. These
# limits also suit a GPU that is half as fast.
_FRAME_SECONDS = 0.25
_TOKEN_SECONDS = 3.5 / 256

# Memory for decoded frames, torch with CUDA, a 4-bit model on its way to the GPU, and Snakemake's
# two processes per job.
SLICE_MB = 16_000


def slice_minutes(
    manifest: str | Path,
    settings: Settings,
    halves: Sequence[HalfStart],
    *,
    timeouts: int,
    longest: int | None,
) -> int:
    """Return the time limit of a slice, in minutes.

    The limit grows with the number of windows in the longest slice and with their frames.

    Args:
        manifest: the manifest of the slice's video.
        settings: the settings of the run.
        halves: where halves begin in the video.
        timeouts: number of earlier attempts that reached their time limit.
        longest: most minutes that the job's partition allows; None for no limit.

    Raises:
        FileNotFoundError: the video has not been probed. Snakemake then treats the limit as
            unknown.
    """
    duration = json.loads(Path(manifest).read_bytes())["duration"]
    stretches = watched_parts(duration, halves, settings.window)
    windows = max(windows_per_slice(stretches, settings.slices, settings.window))
    seconds = windows * (
        _FRAME_SECONDS * most_frames(settings.window)
        + _TOKEN_SECONDS * settings.generation.max_new_tokens
    )
    return minutes(_START_MINUTES + seconds / 60, timeouts, longest)


def minutes(first: float, timeouts: int, longest: int | None) -> int:
    """Return the time limit of a job, in minutes. Each timeout adds the first limit again.

    Args:
        first: time limit of the first attempt, in minutes.
        timeouts: number of earlier attempts that reached their time limit.
        longest: most minutes that the job's partition allows; None for no limit.
    """
    grown = math.ceil(first * (1 + timeouts))
    return grown if longest is None else min(grown, longest)


def megabytes(first: int, killed: int) -> int:
    """Return the memory limit of a job, in megabytes.

    Each out-of-memory kill adds half of the first limit.

    Args:
        first: memory limit of the first attempt, in megabytes.
        killed: number of earlier attempts that were killed because they ran out of memory.
    """
    return first * (2 + killed) // 2
