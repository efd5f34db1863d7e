"""Projects for LosslessCut, in which a person can move the cuts.

The format is version 1 of LosslessCut's .llc files, which all later versions read. LosslessCut
opens a project automatically if the project has the name from `project_name` and is in the folder
of its video.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from touchline.clips.plan import Clip

# Maximum bytes of a file name on most disks, minus the suffix and the prefix of temporary files.
_LONGEST_STEM = 220


def project_name(video: Path) -> str:
    """Return the file name of a video's project."""
    stem = Path(_printable(video.name)).stem.encode()[:_LONGEST_STEM].decode(errors="ignore")
    return f"{stem}-proj.llc"


def make_project(clips: Sequence[Clip], video: Path, clock_offset: float) -> dict[str, Any]:
    """Return a project with one segment per clip.

    Args:
        clips: the clips.
        video: path of the video.
        clock_offset: time that a video player shows at the video's first picture, in seconds.
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
    """Replace the bytes of a file name that are not UTF-8, because JSON cannot contain them."""
    return os.fsencode(name).decode("utf-8", "replace")
