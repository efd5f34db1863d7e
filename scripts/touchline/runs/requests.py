"""Estimate the requests and tokens that a run sends to a server, before the first request."""

from __future__ import annotations

from pathlib import Path

from touchline.core import paths
from touchline.core.files import read_record, read_text
from touchline.core.records import Manifest
from touchline.inputs.served import estimate_prompt_tokens
from touchline.inputs.windows import most_frames, watched_parts, windows_per_slice
from touchline.runs.plan import Plan

# Ratio of width to height of most footage.
_WIDE = 16 / 9


def describe_requests(plan: Plan, model: str, host: str) -> str:
    """Return a sentence with the number of requests and tokens that a model's slices send.

    For videos that are not probed yet, the sentence gives the numbers per hour of video.
    """
    settings = plan.inputs.settings
    size = settings.image.max_size
    each = estimate_prompt_tokens(
        read_text(settings.prompt), most_frames(settings.window), size, round(size / _WIDE)
    )
    count = unknown = 0
    for part in plan.slices:
        if part.model != model or part.is_done(settings.results, settings.keep_partials):
            continue
        path = Path(settings.results, paths.MANIFEST.format(video=part.video))
        if path.exists():
            duration = read_record(path, Manifest).duration
            stretches = watched_parts(
                duration, plan.half_for_video(part.video).halves, settings.window
            )
            windows = windows_per_slice(stretches, settings.slices, settings.window)
            count += windows[part.slice]
        else:
            unknown += 1
    sent = f"{model} sends {host} {count:,} requests, about {_rounded(count * each)} tokens"
    if not unknown:
        return sent
    hourly = round(3600 / settings.window.step)
    rate = f"{hourly:,} requests, about {_rounded(hourly * each)} tokens, per hour of video"
    return (
        f"{sent}, and {rate} for videos that were not probed yet"
        if count
        else f"{model} sends {host} {rate}"
    )


def _rounded(tokens: float) -> str:
    """Return the number rounded to two digits, which is enough for an estimate."""
    return f"{float(f'{tokens:.2g}'):,.0f}"
