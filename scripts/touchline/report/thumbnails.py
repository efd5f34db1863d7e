"""Small pictures of the moments that a person has to judge."""

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
from touchline.video.sampler import frames_of

log = logging.getLogger(__name__)

# Longer side, pixels, and WebP quality: the first at which all pictures fit is taken.
_SIZES = ((192, 55), (160, 45), (160, 25), (128, 25), (96, 20))
# A page of 3 MB holds so much beside 1,000 moments (bytes, in base64).
_MOST_BYTES = 1_900_000
# With so few moments every one has a picture.
_FEW = 300


def pictured(moments: Sequence[Moment], listed: Collection[Event]) -> list[Moment]:
    """The moments that get a picture, by time: of many the disagreements, and what is listed.

    Args:
        listed: the events that a person looks at first.
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
    """Decode and encode a small picture for each of some moments of a video.

    All are of one size and quality, as large as fits a page. Where even the smallest do not
    fit, pictures are left out evenly over the match, with a line in the log.

    Args:
        path: where the video is now.
        times: of each moment, and when to take its picture; seconds.

    Raises:
        InputError: the file is not a video or cannot be read.
    """
    moments_at: dict[float, list[float]] = {}
    for moment, picture in times:
        moments_at.setdefault(picture, []).append(moment)
    frames = {
        frame.wanted: np.ascontiguousarray(frame.picture.permute(1, 2, 0).numpy())
        for frame in frames_of(
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
        log.warning("Pictures of %d of %d moments fit the page.", kept, len(encoded))
        places = np.linspace(0, len(encoded) - 1, kept).astype(int)
        encoded = dict(np.array(list(encoded.items()), dtype=object)[places])
    return [
        Thumbnail(moment_s=moment, picture_s=time, webp=webp)
        for time, webp in encoded.items()
        for moment in moments_at[time]
    ]


def _webp(picture: np.ndarray, size: int, quality: int) -> str:
    """A picture [H, W, 3] as WebP in base64, its longer side at most `size` pixels."""
    image = Image.fromarray(picture)
    image.thumbnail((size, size))
    file = io.BytesIO()
    image.save(file, "WEBP", quality=quality, method=6)
    return base64.b64encode(file.getvalue()).decode()
