"""Which half of a game a file shows: halves that are there twice, and files with another clock."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path, PurePath

from touchline.inputs.given import same_game
from touchline.inputs.videos import Video, half_in_path, ranges, soccernet_game


def repeated_halves(videos: Mapping[int, Video], selected: Collection[int]) -> list[str]:
    """A line for each half of a game that several of the selected videos show.

    A video whose half is not known counts as a first half, as in the exports.
    """
    halves: defaultdict[tuple[str, int], list[tuple[str, list[Video]]]] = defaultdict(list)
    for video in sorted(set(selected) & set(videos)):
        row = videos[video]
        if row.game is None:
            continue
        for half in [each.half or 1 for each in row.halves] or [row.half or 1]:
            # Names of one game end alike, so few need to be compared.
            alike = halves[unicodedata.normalize("NFC", PurePath(row.game).name), half]
            same = next((rows for game, rows in alike if same_game(game, row.game)), None)
            if same is None:
                alike.append((row.game, [row]))
            else:
                same.append(row)
    return [
        _repeated(game, half, rows)
        for (_, half), alike in halves.items()
        for game, rows in alike
        if len(rows) > 1
    ]


def _repeated(game: str, half: int, rows: Collection[Video]) -> str:
    numbers = ", ".join(str(row.video) for row in rows)
    files = ", ".join(str(row.path) for row in rows if row.path) or "without footage"
    if any(row.half is None and not row.half_starts for row in rows):
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


def contradictions(videos: Mapping[int, Video], selected: Collection[int]) -> list[str]:
    """A line for each selected video whose row contradicts the names of SoccerNet's folders.

    Its labels would be those of another half or game.
    """
    lines = []
    for video in sorted(set(selected) & set(videos)):
        row = videos[video]
        game = soccernet_game(row.path) or soccernet_game(Path(row.game or "", "file"))
        half = half_in_path(row.path) if row.path and soccernet_game(row.path) else None
        if half and row.half and half != row.half:
            lines.append(
                f"{row.path} is half {half} by its name, but video {video} is half {row.half} in "
                "the table of videos; correct one of them."
            )
        for column, place in (("game", Path(row.game or "", "file")), ("labels", row.labels)):
            named = soccernet_game(place)
            if game and named and named != game:
                lines.append(
                    f"Video {video} is of the game {game!r}, but its column {column} has "
                    f"{named!r}; correct one of them."
                )
    return lines


def same_files(videos: Mapping[int, Video], selected: Collection[int]) -> str | None:
    """A warning about selected videos that are one file, by whatever paths; None for none."""
    numbers: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for video in sorted(set(selected) & set(videos)):
        if path := videos[video].path:
            status = path.stat()
            numbers[status.st_dev, status.st_ino].append(video)
    found = [same for same in numbers.values() if len(same) > 1]
    if not found:
        return None
    same = found[0]
    path = videos[same[0]].path
    more = f" (and {len(found) - 1} more files are several videos)" if len(found) > 1 else ""
    return f"Videos {ranges(same)} are one file, {path}{more}; is the table of videos right?"
