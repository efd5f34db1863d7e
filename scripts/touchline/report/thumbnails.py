"""Make small pictures of the moments that a person reviews."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from touchline.core.records import Event, Manifest, Thumbnail
from touchline.report.review_items import DISAGREEMENTS, Moment
from touchline.video.sampler import read_frames

log = logging.getLogger(__name__)

# Longer side in pixels and WebP quality. The first pair at which all pictures fit is used.
_SIZES = ((192, 55), (160, 45), (160, 25), (128, 25), (96, 20))
# Most bytes of all pictures in base64, for a page of 3 MB with 1,000 moments.
_MOST_BYTES = 1_900_000
# With at most this number of moments, every moment has a picture.
_FEW = 300


def moments_with_pictures(moments: Sequence[Moment], listed: Collection[Event]) -> list[Moment]:
    """Return the moments that get a picture, by time.

    If there are many moments, only disagreements and moments with listed events get a picture.

    Args:
        moments: moments of the match.
        listed: events of the shortlists.
    """
    if len(moments) <= _FEW:
        return list(moments)
    return [
        moment
        for moment in moments
        if moment.status in DISAGREEMENTS
        or any(one.event in listed for claim in moment.claims for one in claim.predictions)
    ]


def thumbnails(
    manifest: Manifest, path: str | Path, times: Sequence[tuple[float, float]], threads: int = 1
) -> list[Thumbnail]:
    """Make a small picture of each moment of a video.

    All pictures have one size and one quality, the largest that fit into a page. If even the
    smallest pictures do not fit, some are left out, spread evenly over the match, and a warning is
    logged.

    Args:
        manifest: manifest of the video.
        path: current path of the video.
        times: time of each moment, and time of its picture, in seconds.
        threads: number of threads for decoding.

    Raises:
        InputError: the file is not a video or cannot be read.
    """
    moments_at: dict[float, list[float]] = {}
    for moment, picture in times:
        moments_at.setdefault(picture, []).append(moment)
    frames = {
        frame.wanted: np.ascontiguousarray(frame.picture.permute(1, 2, 0).numpy())
        for frame in read_frames(
            manifest, path, sorted(moments_at), max_size=_SIZES[0][0], threads=threads
        )
    }
    encoded: dict[float, str] = {}
    for size, quality in _SIZES:
        encoded = {time: _webp(picture, size, quality) for time, picture in frames.items()}
        total = sum(map(len, encoded.values()))
        if total <= _MOST_BYTES:
            break
    else:
        kept = max(1, int(len(encoded) * _MOST_BYTES / total))
        log.warning("Only %d of %d pictures of moments fit into the page.", kept, len(encoded))
        places = np.linspace(0, len(encoded) - 1, kept).astype(int)
        encoded = dict(np.array(list(encoded.items()), dtype=object)[places])
    return [
        Thumbnail(moment_s=moment, picture_s=time, webp=webp)
        for time, webp in encoded.items()
        for moment in moments_at[time]
    ]


def _webp(picture: np.ndarray, size: int, quality: int) -> str:
    """Encode a picture [H, W, 3] as base64 WebP with at most `size` pixels on its longer side."""
    image = Image.fromarray(picture)
    image.thumbnail((size, size))
    file = io.BytesIO()
    image.save(file, "WEBP", quality=quality, method=6)
    return base64.b64encode(file.getvalue()).decode()
