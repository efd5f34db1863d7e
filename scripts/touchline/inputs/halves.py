"""Which half of a game a file shows: halves that are there twice, and files with another clock."""

from __future__ import annotations

import configparser
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

from touchline.inputs.spotting_files import same_game
from touchline.inputs.videos import Video, ranges

_HQ = re.compile(r"(?i)[12]_HQ(_\w+)?")
# SoccerNet's downloader puts it beside HQ files; it says where in each the half begins.
_CUTS = "video.ini"


def repeated_halves(videos: Mapping[int, Video], selected: Collection[int]) -> list[str]:
    """A line for each half of a game that several of the selected videos show.

    A video whose half is not known counts as a first half, as in the exports.
    """
    halves: defaultdict[tuple[str, int], list[Video]] = defaultdict(list)
    for video in sorted(set(selected) & set(videos)):
        row = videos[video]
        if row.game is None:
            continue
        half = row.half or 1
        known = (game for game, other in halves if other == half and same_game(game, row.game))
        halves[next(known, row.game), half].append(row)
    return [_repeated(game, half, rows) for (game, half), rows in halves.items() if len(rows) > 1]


def _repeated(game: str, half: int, rows: Collection[Video]) -> str:
    numbers = ", ".join(str(row.video) for row in rows)
    files = ", ".join(str(row.path) for row in rows if row.path) or "without footage"
    if any(row.half is None for row in rows):
        remedy = "write into the column half of the table of videos which half each is"
    else:
        remedy = (
            "keep one of them in the table or folder of videos, or name one in config.select, or "
            "correct game and half in the table"
        )
    return (
        f"Videos {numbers} are all half {half} of {game!r} ({files}), which would be detected and "
        f"counted more than once; {remedy}."
    )


def same_files(videos: Mapping[int, Video], selected: Collection[int]) -> str | None:
    """A warning about selected videos that are one file, by whatever paths; None for none."""
    numbers: defaultdict[Path, list[int]] = defaultdict(list)
    for video in sorted(set(selected) & set(videos)):
        if path := videos[video].path:
            numbers[path.resolve()].append(video)
    found = [(path, same) for path, same in numbers.items() if len(same) > 1]
    if not found:
        return None
    path, same = found[0]
    more = f" (and {len(found) - 1} more files are several videos)" if len(found) > 1 else ""
    return f"Videos {ranges(same)} are one file, {path}{more}; is the table of videos right?"


def untrimmed(path: Path | None) -> Path | None:
    """The HQ file of SoccerNet that a path leads to, by its own name or through links.

    Its clock starts earlier than that of the files of lower resolution, which labels belong to.

    Returns:
        None for any other file.
    """
    for file in (path, path.resolve()) if path else ():
        if _HQ.fullmatch(file.stem) or file.name in _cut(file.parent):
            return file
    return None


def _cut(folder: Path) -> list[str]:
    """The files that a folder's video.ini is about."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(folder / _CUTS, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return []
    return parser.sections()
