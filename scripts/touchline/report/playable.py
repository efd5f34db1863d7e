"""Find out whether browsers can play a video, and how to make a playable copy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import join

# Browsers' names of containers and codecs (RFC 6381). Browsers play no others.
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
# All browsers play these codecs in MP4, so a copy needs no new encoding.
_COPIED = {"h264", "av1", "vp9"}
_ENDING = "_playable.mp4"


@dataclass(frozen=True)
class Playback:
    """The type of a video in browsers, and the command that makes a playable copy.

    Attributes:
        kind: MIME type of the video; "" if no browser plays it.
        copy: path of the playable copy, beside the video.
        command: command that makes the copy. Type it in the folder that the video's path starts
            from.
    """

    kind: str
    copy: Path
    command: str


def playable_copy(path: Path) -> Path:
    """Return the path of a video's playable copy, which is beside the video."""
    return path.with_name(path.stem + _ENDING)


def playback(path: Path, codec: str) -> Playback:
    """Return the type of a video in browsers, and the command for a playable copy.

    Args:
        path: path of the video.
        codec: FFmpeg's name of the codec.
    """
    container, name = _CONTAINERS.get(path.suffix.lower()), _CODECS.get(codec)
    copy = playable_copy(path)
    pictures = ["copy"] if codec in _COPIED else ["libx264", "-pix_fmt", "yuv420p"]
    command = ["ffmpeg", "-i", str(path), "-c:v", *pictures, "-c:a", "aac", str(copy)]
    kind = f'{container}; codecs="{name}"' if container and name else ""
    return Playback(kind, copy, join(command))
