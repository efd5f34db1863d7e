"""Checks of the halves that videos show: repeated halves, contradictory names and shared files."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path, PurePath

from touchline.inputs.given import same_game
from touchline.inputs.videos import Video, half_in_path, ranges, soccernet_game


def repeated_halves(videos: Mapping[int, Video], selected: Collection[int]) -> list[str]:
    """Return one message per half of a game that several selected videos show.

    A video whose half is unknown counts as a first half, as in the exports.
    """
    halves: defaultdict[tuple[str, int], list[tuple[str, list[Video]]]] = defaultdict(list)
    for video in sorted(set(selected) & set(videos)):
        row = videos[video]
        if row.game is None:
            continue
        for half in [each.half or 1 for each in row.halves] or [row.half or 1]:
            # Names of one game end in the same way, so only few names need to be compared.
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
    """Return the message about one half that several videos show."""
    numbers = ", ".join(str(row.video) for row in rows)
    files = ", ".join(str(row.path) for row in rows if row.path) or "without footage"
    if any(row.half is None and not row.half_starts for row in rows):
        remedy = "Write the half of each video into the column half of the table of videos"
    else:
        remedy = (
            "Keep one of them in the table or folder of videos, or name one in config.select, or "
            "correct game and half in the table"
        )
    return (
        f"Videos {numbers} all show half {half} of {game!r} ({files}). The half would be "
        f"detected and counted more than once. {remedy}."
    )


def contradictions(videos: Mapping[int, Video], selected: Collection[int]) -> list[str]:
    """Return one message per video whose row contradicts the names of SoccerNet's folders.

    With such a contradiction, a video would get the annotations of another half or game.
    """
    lines = []
    for video in sorted(set(selected) & set(videos)):
        row = videos[video]
        game = soccernet_game(row.path) or soccernet_game(Path(row.game or "", "file"))
        half = half_in_path(row.path) if row.path and soccernet_game(row.path) else None
        if half and row.half and half != row.half:
            lines.append(
                f"{row.path} is half {half} by its name, but video {video} is half {row.half} in "
                "the table of videos. Correct one of them."
            )
        for column, place in (("game", Path(row.game or "", "file")), ("labels", row.labels)):
            named = soccernet_game(place)
            if game and named and named != game:
                lines.append(
                    f"Video {video} shows the game {game!r}, but its column {column} has "
                    f"{named!r}. Correct one of them."
                )
    return lines


def same_files(videos: Mapping[int, Video], selected: Collection[int]) -> str | None:
    """Return a warning if several selected videos are the same file, under any path, else None."""
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
    more = f" (and {len(found) - 1} more files occur more than once)" if len(found) > 1 else ""
    return f"Videos {ranges(same)} are the same file, {path}{more}. Check the table of videos."
