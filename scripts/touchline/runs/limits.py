"""What a slice may take of a cluster: minutes and memory, before the scheduler ends it.

A limit is no forecast. It is generous, so that a slow card meets it too, and yet short
enough for the scheduler to fit the job into a gap. A slice that meets it loses nothing: the
next attempt gets more and goes on where this one ended.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from touchline.inputs.settings import Settings

# Loading a model from a busy file system; measured: 6 s from a fast one.
_START_MINUTES = 15
# A window with an answer of the full length, one at a time, on an H100: 0.45 a second at 256
# tokens. So a card may be half as fast and answer one window at a time.
_WINDOW_SECONDS = 1.0
_TOKEN_SECONDS = 3.5 / 256

# Decoded frames, torch with CUDA, and a 4-bit model on its way to the GPU, and Snakemake's own
# two processes in every job.
_MEMORY_MB = 16_000


def slice_minutes(
    duration: float, slices: int, step: float, max_new_tokens: int, attempt: int
) -> int:
    """Time limit of a slice, minutes: grows with its windows and with the attempt.

    Args:
        duration: of the whole video, seconds.
        step: seconds from one window's start to the next.
        attempt: 1 for the first.
    """
    windows = math.ceil(duration / slices / step)
    seconds = windows * (_WINDOW_SECONDS + _TOKEN_SECONDS * max_new_tokens)
    return math.ceil((_START_MINUTES + seconds / 60) * attempt)


def minutes_of_slice(manifest: str | Path, settings: Settings, attempt: int) -> int:
    """Time limit of a slice of a video that was probed, minutes.

    Raises:
        FileNotFoundError: it was not yet; Snakemake takes this for "not yet known".
    """
    duration = json.loads(Path(manifest).read_bytes())["duration"]
    step, tokens = settings.window.step, settings.generation.max_new_tokens
    return slice_minutes(duration, settings.slices, step, tokens, attempt)


def slice_megabytes(attempt: int) -> int:
    """Memory of a slice, megabytes: half as much again with every attempt."""
    return _MEMORY_MB * (1 + attempt) // 2
