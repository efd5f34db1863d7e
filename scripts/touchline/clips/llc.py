"""A project of LosslessCut, in which a person can move the cuts.

The format is version 1 of LosslessCut's .llc files, which every later version reads. LosslessCut
opens a project by itself if it lies beside its video and is called as `project_name` says.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from touchline.clips.plan import Clip

# Bytes that a file's name can have on most disks, less the end of it and a temporary name's.
_LONGEST_STEM = 220


def project_name(video: Path) -> str:
    """The name of a video's project."""
    stem = Path(_printable(video.name)).stem.encode()[:_LONGEST_STEM].decode(errors="ignore")
    return f"{stem}-proj.llc"


def project_of(clips: Sequence[Clip], video: Path, clock_offset: float) -> dict[str, Any]:
    """Make a project with a segment per clip.

    Args:
        clock_offset: what a player's clock shows at the video's first picture, seconds.
    """
    return {
        "version": 1,
        "mediaFileName": _printable(video.name),
        "cutSegments": [
            {
                "start": round(clip.start + clock_offset, 3),
                "end": round(clip.end + clock_offset, 3),
                "name": clip.label,
            }
            for clip in clips
        ],
    }


def _printable(name: str) -> str:
    """A file's name without bytes that are not UTF-8, which JSON cannot hold."""
    return os.fsencode(name).decode("utf-8", "replace")
