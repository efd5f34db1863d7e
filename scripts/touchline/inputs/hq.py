"""SoccerNet's HQ files, which begin before the kick-off.

SoccerNet's annotations belong to the files of lower resolution, which were trimmed. Its downloader
puts a video.ini beside the HQ files, with the start of each half (https://www.soccer-net.org/data).
"""

from __future__ import annotations

import configparser
import math
import os
import re
from pathlib import Path

from touchline.inputs.clock import HalfStart

_HQ = re.compile(r"(?i)[12]_HQ\w*")
_CUTS = "video.ini"


def find_hq_file(path: Path | None) -> Path | None:
    """Return the HQ file that a path leads to, by its own name or through links, or None."""
    for file in (path, Path(os.path.realpath(path))) if path else ():
        if _HQ.fullmatch(file.stem) or _cuts(file.parent).has_section(file.name):
            return file
    return None


def hq_start(path: Path | None, half: int | None) -> HalfStart | None:
    """Read from video.ini where a half begins and ends in an HQ file.

    Args:
        path: the video file.
        half: number of the half in the table of videos; None takes it from the file's name.

    Returns:
        The start, or None for other files and without a usable video.ini.
    """
    file = find_hq_file(path)
    if file is None:
        return None
    cut = _cuts(file.parent)
    try:
        start = cut.getfloat(file.name, "start_time_second")
        duration = cut.getfloat(file.name, "duration_second", fallback=math.inf)
    except (configparser.Error, ValueError):
        return None
    if not math.isfinite(start):
        return None
    end = round(start + duration, 3) if 0 < duration < math.inf else None
    by_name = int(file.name[0]) if file.name[0] in "12" else None
    return HalfStart(half or by_name, round(start, 3), end)


def _cuts(folder: Path) -> configparser.ConfigParser:
    """Read the start of each half from a folder's video.ini.

    The result is empty if the file cannot be read.
    """
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(folder / _CUTS, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return configparser.ConfigParser(interpolation=None)
    return parser
