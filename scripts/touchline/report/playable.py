"""A copy of a video that browsers play, for one that they do not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import join

# What browsers call containers and codecs (RFC 6381); others, no browser plays.
_CONTAINERS = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/mp4",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".ogv": "video/ogg",
}
_CODECS = {
    "h264": "avc1.640028",
    "hevc": "hvc1.1.6.L120.90",
    "av1": "av01.0.08M.08",
    "vp9": "vp09.00.40.08",
    "vp8": "vp8",
    "theora": "theora",
}
# Codecs that all browsers play in MP4, so that a copy needs no new pictures.
_COPIED = {"h264", "av1", "vp9"}
_ENDING = "_playable.mp4"


@dataclass(frozen=True)
class Playback:
    """Whether browsers may play a video, and how to make a copy that they do.

    Attributes:
        kind: the video's type as browsers name it; empty if no browser plays it.
        copy: where the page looks for a copy: beside the video.
        command: makes the copy, in the folder from which the path of the video counts.
    """

    kind: str
    copy: Path
    command: str


def playable_copy(path: Path) -> Path:
    """Return where the copy of a video is, beside it."""
    return path.with_name(path.stem + _ENDING)


def playback(path: Path, codec: str) -> Playback:
    """Find how a video is played.

    Args:
        codec: FFmpeg's name for it.
    """
    container, name = _CONTAINERS.get(path.suffix.lower()), _CODECS.get(codec)
    copy = playable_copy(path)
    pictures = ["copy"] if codec in _COPIED else ["libx264", "-pix_fmt", "yuv420p"]
    command = ["ffmpeg", "-i", str(path), "-c:v", *pictures, "-c:a", "aac", str(copy)]
    kind = f'{container}; codecs="{name}"' if container and name else ""
    return Playback(kind, copy, join(command))
