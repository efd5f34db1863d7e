"""SoccerNet's HQ files, which begin before the kick-off.

SoccerNet's labels belong to the files of lower resolution, which were cut. Its downloader puts a
video.ini beside the HQ files, with the start of the half in each (https://www.soccer-net.org/data).
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


def untrimmed(path: Path | None) -> Path | None:
    """Find the HQ file that a path leads to, by its own name or through links.

    Returns:
        None for any other file.
    """
    for file in (path, Path(os.path.realpath(path))) if path else ():
        if _HQ.fullmatch(file.stem) or _cuts(file.parent).has_section(file.name):
            return file
    return None


def hq_start(path: Path | None, half: int | None) -> HalfStart | None:
    """Read from video.ini where a half begins and ends in an HQ file.

    Args:
        half: its number, if the table of videos has it; else it follows from the file's name.

    Returns:
        None for any other file, and where no video.ini says it.
    """
    file = untrimmed(path)
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
    """Read a folder's video.ini; nothing where there is none that can be read."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(folder / _CUTS, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return configparser.ConfigParser(interpolation=None)
    return parser
