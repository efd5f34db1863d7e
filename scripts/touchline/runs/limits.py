"""What a slice may take of a cluster: minutes and memory, before the scheduler ends it.

A limit is no forecast. It is generous, so that a slow card meets it too, and yet short enough for
the scheduler to fit the job into a gap. A slice that meets it loses nothing: the next attempt gets
more of what there was too little of, and goes on where this one ended. After any other end it asks
for the same again, since a longer request waits longer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from touchline.inputs.clock import HalfStart
from touchline.inputs.settings import Settings
from touchline.inputs.windows import most_frames, watched, windows_per_slice

# Loading a model from a busy file system; measured: 6 s from a fast one.
_START_MINUTES = 15
# A window with an answer of the full length, one at a time, on an H100: 0.45 a second at 4 frames
# and 256 tokens. So a card may be half as fast and answer one window at a time.
_FRAME_SECONDS = 0.25
_TOKEN_SECONDS = 3.5 / 256

# Decoded frames, torch with CUDA, and a 4-bit model on its way to the GPU, and Snakemake's own
# two processes in every job.
SLICE_MB = 16_000


def minutes_of_slice(
    manifest: str | Path,
    settings: Settings,
    halves: Sequence[HalfStart],
    *,
    timeouts: int,
    longest: int | None,
) -> int:
    """Time limit of a slice of a video that was probed, minutes; see `minutes`.

    It grows with the windows of the longest slice, and with their frames.

    Args:
        halves: where halves begin in the video.

    Raises:
        FileNotFoundError: it was not yet; Snakemake takes this for "not yet known".
    """
    duration = json.loads(Path(manifest).read_bytes())["duration"]
    stretches = watched(duration, halves, settings.window)
    windows = max(windows_per_slice(stretches, settings.slices, settings.window))
    seconds = windows * (
        _FRAME_SECONDS * most_frames(settings.window)
        + _TOKEN_SECONDS * settings.generation.max_new_tokens
    )
    return minutes(_START_MINUTES + seconds / 60, timeouts, longest)


def minutes(first: float, timeouts: int, longest: int | None) -> int:
    """Time limit of a job, minutes: as much again for every attempt that met its own.

    Args:
        first: minutes of the first attempt.
        timeouts: how many attempts met theirs.
        longest: minutes that the job's partition allows; None for any.
    """
    grown = math.ceil(first * (1 + timeouts))
    return grown if longest is None else min(grown, longest)


def megabytes(first: int, killed: int) -> int:
    """Memory of a job: half as much again for every attempt that was killed for taking more.

    Args:
        first: megabytes of the first attempt.
        killed: how many attempts were.
    """
    return first * (2 + killed) // 2
