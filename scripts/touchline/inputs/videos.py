"""The list of videos, and the selection of videos to process."""

from __future__ import annotations

import os
import re
import shlex
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from touchline.errors import InputError, nearest_file, plain
from touchline.inputs.clock import HalfSpan, HalfStart, HalfStarts, half_spans
from touchline.inputs.hq import hq_start
from touchline.inputs.places import as_on_disk, expand_path

# Suffixes of video files in a folder. A table may name any file.
SUFFIXES = {
    *(".3g2", ".3gp", ".asf", ".avi", ".divx", ".f4v", ".flv", ".m2p", ".m2t", ".m2ts", ".m4v"),
    *(".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".qt"),
    *(".tp", ".trp", ".ts", ".vob", ".vro", ".webm", ".wmv"),
}
# Number of other kinds of files in a folder that a message names.
_MOST_KINDS = 6
_TABLES = {".tsv", ".csv", ".txt"}
_PLAYLISTS = {".m3u8", ".m3u", ".mpd"}
# A stream has many small, numbered files of some seconds. The file of a half is larger.
_NUMBERED = re.compile(r"(.*?)(\d+)")
_LEAST_SEGMENTS, _MOST_SEGMENT_BYTES = 10, 20_000_000

# SoccerNet's downloader: LEAGUE/SEASON/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley/1_224p.mkv
_HALF = re.compile(r"([12])(_\w+)?")
_GAME = re.compile(r"\d{4}-\d{2}-\d{2} - \d{2}-\d{2} (?P<home>.+) \d+ - \d+ (?P<away>.+)")
SOCCERNET_LABELS = "Labels-v2.json"
_BESIDE_VIDEOS = (SOCCERNET_LABELS, "video.ini")


@dataclass(frozen=True)
class GameHalf:
    """The half or halves of a game that a video shows. None means unknown.

    Attributes:
        game: Name of the game.
        half: The half that the whole video shows.
        halves: Starts of halves in the video. Empty if the video begins at the kick-off.
    """

    game: str | None = None
    half: int | None = None
    halves: tuple[HalfStart, ...] = field(default=(), kw_only=True)

    def spans(self, duration: float | None) -> tuple[HalfSpan, ...]:
        """List the parts of the video that show a half.

        Args:
            duration: Duration of the video in seconds, if it is known.
        """
        return half_spans(self.halves, self.half, duration)


NOTHING_KNOWN = GameHalf()


@dataclass(frozen=True)
class Name(GameHalf):
    """The name of a video, from the table of videos."""

    home: str | None = None
    away: str | None = None

    def title(self, video: int) -> str:
        """Return the teams, or else the game, or else the number of the video."""
        if self.home and self.away:
            return f"{self.home} – {self.away}"
        return self.game or f"Video {video}"


@dataclass(frozen=True, slots=True)
class AnnotatedVideo:
    """A video with annotations, as the evaluation of a model reads it.

    Attributes:
        video: number of the video.
        game: name of the game. A video without a game counts as its own game.
        game_half: the half that the video shows, or the starts of halves in the video.
        models: number of models whose coverage counts: 1, or the number of models in an ensemble.
        others: number of other models that have events for the video; 0 for an ensemble.
    """

    video: int
    game: str
    game_half: GameHalf
    models: int
    others: int


# Accents are converted to one Unicode form, because Macs write another form.
Title = Annotated[str, AfterValidator(partial(unicodedata.normalize, "NFC"))]


class Video(BaseModel):
    """A row of the table of videos."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    video: int = Field(ge=0, description="number of the video, a part of every file name")
    path: Path | None = Field(
        None,
        description="the video file, relative to the table's folder; empty: given "
        "predictions without footage, for the game in `game`",
    )
    game: Title | None = Field(None, description="game that the video belongs to")
    half: int | None = Field(None, ge=1, description="number of the half in the game")
    half_starts: HalfStarts = Field(
        (),
        description="starts (and ends) of halves in the video, as in 1=00:04:10,2=01:06:32; models "
        "do not look at the time outside the halves",
    )
    offset: float | None = Field(
        None,
        allow_inf_nan=False,
        description="time on the clock of the half at the first frame, in seconds; -37 "
        "if the video begins 37 s before the kick-off",
    )
    home: Title | None = Field(None, description="name of the home team")
    away: Title | None = Field(None, description="name of the away team")
    labels: Path | None = Field(
        None, description="file of annotations, relative to the table's folder"
    )

    @property
    def footage(self) -> Path:
        """Return the video file that models look at.

        Raises:
            InputError: the table names no file.
        """
        if self.path is None:
            raise InputError(
                f"Video {self.video} has no path in the table of videos, so there is nothing to "
                "look at. Write its path there, or set detect_with: []."
            )
        return self.path

    @model_validator(mode="after")
    def _has_one_clock(self) -> Video:
        """Check that the columns about the clock do not contradict each other."""
        if self.half_starts and self.offset is not None:
            raise ValueError("half_starts and offset are both given; keep only half_starts")
        if self.half_starts and self.half is not None and self._halves != [self.half]:
            raise ValueError(
                "half_starts names other halves than the column half; "
                "empty the cell in the column half"
            )
        return self

    @property
    def _halves(self) -> list[int | None]:
        """Return the numbers of the halves in `half_starts`."""
        return [each.half for each in self.half_starts]

    @property
    def halves(self) -> tuple[HalfStart, ...]:
        """Return the starts of halves in the video.

        The result is empty if the video begins at the kick-off.
        """
        if self.offset is not None:
            return (HalfStart(self.half, -self.offset),)
        return self.half_starts

    @property
    def game_half(self) -> GameHalf:
        """Return the game and the half or halves that the video shows."""
        return GameHalf(self.game, self.half, halves=self.halves)

    @property
    def name(self) -> Name:
        """Return the name of the video."""
        return Name(self.game, self.half, self.home, self.away, halves=self.halves)


def read_videos(source: str | Path) -> dict[int, Video]:
    """Read the list of videos, by number.

    The source can be a video file, which becomes video 0. It can be a folder, whose video files are
    numbered from 0 in the order of their paths. Or it can be a table: a TSV file with the columns
    video and path, and any other fields of `Video`. For files in SoccerNet's folders, game, half,
    teams and labels follow from the path.

    Args:
        source: Path of the video, folder or table.

    Raises:
        InputError: The file or folder does not exist, has no video, or has an invalid row.
            Addresses, playlists and folders with the segments of a stream are rejected, too.
    """
    if refusal := _stream_refusal(str(source)):
        raise InputError(f"config.videos: {refusal}")
    source = Path(as_on_disk(str(source)))
    if os.path.isdir(source):
        return _from_folder(source)
    if not os.path.exists(source):
        raise InputError(
            f"config.videos: {source.absolute()} does not exist{nearest_file(source)}. Set videos "
            "to a video, a folder of videos, or a table of them (examples/videos.tsv)."
        )
    return _from_table(source) if _is_table(source) else {0: _from_path(0, source)}


def _is_table(file: Path) -> bool:
    """Return whether a file is a table: by its name, or else if it is text."""
    if file.suffix.lower() in _TABLES | SUFFIXES:
        return file.suffix.lower() in _TABLES
    try:
        with file.open("rb") as content:
            return b"\0" not in content.read(4096)
    except OSError:
        return True


def _stream_refusal(source: str) -> str | None:
    """Return a message if the source is an address or a playlist, else None.

    The message contains the command that makes a file from the stream.
    """
    kind = None
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", source):
        kind = "an address, but videos are read from a disk"
    elif Path(source).suffix.lower() in _PLAYLISTS:
        kind = "the playlist of a stream"
    name = plain(source)
    return f"{name} is {kind}. Make a file of it: {_joining(name)}" if kind else None


def _joining(source: str) -> str:
    """Return the command that makes a file from a stream."""
    return f"ffmpeg -i {shlex.quote(source)} -c copy match.mp4"


def _folder_refusal(folder: Path) -> str | None:
    """Return a message if a folder has the segments of a stream, else None.

    The message has the command that joins the segments.
    """
    if playlist := next((f for f in _files(folder) if f.suffix.lower() in _PLAYLISTS), None):
        return (
            f"{folder} has a stream in segments, with the playlist {playlist.name}. Make one file "
            f"of it: {_joining(str(playlist))}"
        )
    if segments := _segments(folder):
        return (
            f"{folder} has {len(segments)} segments of a stream ({segments[0].name} to "
            f"{segments[-1].name}). Make one file of them: (cd {shlex.quote(str(folder))} && "
            "ls -v *.ts | xargs -d '\\n' cat) > match.ts. If each is a match, list them in a table "
            "(examples/videos.tsv)."
        )
    return None


def _segments(folder: Path) -> list[Path]:
    """List the segments of a stream in a folder, in order.

    Segments are recognized by names and sizes of files.
    """
    files = [file for file in folder.glob("*.ts") if file.is_file()]
    numbered = [(found[1], int(found[2])) for f in files if (found := _NUMBERED.fullmatch(f.stem))]
    first = min((number for _, number in numbered), default=0)
    is_row = sorted(number - first for _, number in numbered) == list(range(len(files)))
    if not is_row or len({name for name, _ in numbered}) > 1 or len(files) < _LEAST_SEGMENTS:
        return []
    is_small = max(file.stat().st_size for file in files) <= _MOST_SEGMENT_BYTES
    return sorted(files, key=lambda f: (len(f.name), f.name)) if is_small else []


def game_name(video: int, videos: Mapping[int, Video]) -> str:
    """Return the name of a video's game. A video without a game counts as its own game."""
    game = videos[video].game if video in videos else None
    return f"video_{video}" if game is None else game


def half_in_path(path: PurePath) -> int | None:
    """Return the half in a file's name, as SoccerNet writes it, or None."""
    match = _HALF.fullmatch(path.stem)
    return int(match[1]) if match else None


def soccernet_game(path: PurePath | None) -> str | None:
    """Return the name of a file's folder if it has the form of a SoccerNet game, else None."""
    name = path.parent.name if path else ""
    return name if _GAME.fullmatch(name) else None


def describe_ignored_files(source: str | Path) -> str | None:
    """Return a sentence about the files in a folder that are no videos by their names, or None.

    The rarest kinds of files come first, because a video among many other files is rare.
    """
    folder = Path(source)
    kinds: dict[str, list[Path]] = {}
    for path in _files(folder):
        if path.suffix.lower() not in SUFFIXES and path.name not in _BESIDE_VIDEOS:
            kinds.setdefault(path.suffix.lower(), []).append(path)
    if not kinds:
        return None
    rarest = sorted(kinds.values(), key=len)
    named = [plain(paths[0].relative_to(folder)) for paths in rarest[:_MOST_KINDS]]
    count = sum(map(len, rarest))
    more = f" and {count - len(named)} more" if count > len(named) else ""
    return (
        f"config.videos: these files in {folder} are ignored because their names are not those of "
        f"videos: {', '.join(named)}{more}. A table of videos may name any file."
    )


def _files(folder: Path) -> list[Path]:
    """Return the files below a folder, ordered by path, without hidden files."""
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")
    )


def _from_folder(folder: Path) -> dict[int, Video]:
    """Read the videos of a folder."""
    if refusal := _folder_refusal(folder):
        raise InputError(f"config.videos: {refusal}")
    files = [path for path in _files(folder) if path.suffix.lower() in SUFFIXES]
    if not files:
        raise InputError(
            f"config.videos: no video file in the folder {folder} (looked for "
            f"{', '.join(sorted(SUFFIXES))})."
        )
    return {number: _from_path(number, path) for number, path in enumerate(files)}


def _from_path(number: int, path: Path) -> Video:
    """Return the row of a video file. SoccerNet's folders give game, half, teams and labels."""
    half, game = _HALF.fullmatch(path.stem), _GAME.fullmatch(path.parent.name)
    if not (half and game):
        return Video(video=number, path=path)
    labels = path.parent / SOCCERNET_LABELS
    video = Video(
        video=number,
        path=path,
        game="/".join(path.absolute().parts[-4:-1]),
        half=int(half[1]),
        home=game["home"],
        away=game["away"],
        labels=labels if labels.exists() else None,
    )
    return _with_clock_of_hq(video)


def _with_clock_of_hq(video: Video) -> Video:
    """Add the start of the half from video.ini, if the video is an HQ file of SoccerNet."""
    start = None if video.halves else hq_start(video.path, video.half)
    return video.model_copy(update={"half_starts": (start,)}) if start else video


def _from_table(table: Path) -> dict[int, Video]:
    """Read a table of videos."""
    rows = _rows(_text_of(table))
    first, head = next(rows, (1, []))
    head = [name.lower() for name in head]
    if len(head) == 1:
        other = next((sign for sign in ";,|" if sign in head[0]), None)
        if other:
            raise InputError(
                f"{table} separates its columns by {other!r}. Save it with tabs between them (in a "
                "spreadsheet: as tab-separated text, .tsv)."
            )
    twice = next((name for name in head if name and head.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{table}, line {first}: the column {twice} occurs twice. Keep one.")
    videos: dict[int, Video] = {}
    for line, cells in rows:
        place = f"{table}, line {line}"
        if any(cells[len(head) :]):
            raise InputError(f"{place}: more cells than columns. Separate cells by single tabs.")
        if any(cell for name, cell in zip(head, cells, strict=False) if not name):
            raise InputError(f"{place}: a cell is in a column without a name. Name the column.")
        video = _from_row({k: v for k, v in zip(head, cells, strict=False) if v}, place, table)
        if video.video in videos:
            raise InputError(f"{place}: video {video.video} occurs twice.")
        videos[video.video] = video
    if not videos:
        raise InputError(f"{table} has no rows. A row has a video's number and its path.")
    return videos


# A quoted cell (with doubled quotes) or any other cell, and the character that ends the cell.
_CELL = re.compile(r'(?:"((?:[^"]|"")*)"|([^\t\r\n]*))(\t|\r\n|\r|\n|\Z)')


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a tab-separated text, each with its line number.

    Blank lines and lines that begin with # are skipped. A cell counts as quoted only if it begins
    and ends with a quote. Any other quote is a normal character.
    """
    cells: list[str] = []
    line = first = 1
    for cell in _CELL.finditer(text):
        quoted = (cell[1] or "").replace('""', '"')
        cells.append(re.sub(r"[\r\n]+", " ", cell[2] or quoted).strip())
        line += len(re.findall(r"\r\n|\r|\n", cell[0]))
        if cell[3] != "\t":
            if any(cells) and not cells[0].startswith("#"):
                yield first, cells
            cells, first = [], line


def _text_of(table: Path) -> str:
    """Read a table as UTF-8 text."""
    try:
        content = table.read_bytes()
    except OSError as error:
        raise InputError(f"{table} cannot be read: {error.strerror}.") from error
    save = "Save it as UTF-8 text (in a spreadsheet: an option of the file type)"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content:
        raise InputError(f"{table} is in UTF-16, or no text. {save}.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{table} is not in UTF-8, but perhaps in Latin-1 or Windows-1252 (line {line} has the "
            f"byte {content[error.start]:#x}). {save}."
        ) from error


def _from_row(cells: Mapping[str, str], place: str, table: Path) -> Video:
    """Convert a row of the table to a video."""
    try:
        video = Video.model_validate(cells)
    except ValidationError as error:
        mistake = error.errors()[0]
        column = mistake["loc"][0] if mistake["loc"] else "half_starts"
        if mistake["type"] == "extra_forbidden":
            columns = ", ".join(Video.model_fields)
            reason = f"there is no such column. The columns are {columns}"
        elif mistake["type"] == "missing":
            reason = "the cell is empty or the column missing (cells are separated by tabs)"
        elif mistake["type"] == "value_error":
            reason = str(mistake["ctx"]["error"])
        else:
            reason = f"{mistake['input']!r}: {mistake['msg']}"
        raise InputError(f"{place}: {column}: {reason}.") from None
    if video.path is None and video.game is None:
        raise InputError(
            f"{place}: path: the cell is empty or the column missing (cells are separated by "
            "tabs). A row without footage, for given predictions, must name its game."
        )
    if refusal := _stream_refusal(cells.get("path", "")):
        raise InputError(f"{place}: path: {refusal}")
    files = {"path": video.path, "labels": video.labels}
    return _with_clock_of_hq(
        video.model_copy(
            update={
                key: Path(as_on_disk(str(table.parent / expand_path(file))))
                for key, file in files.items()
                if file
            }
        )
    )


def select(numbers: Collection[int], selection: str) -> list[int]:
    """Return the video numbers in a selection, in ascending order.

    Args:
        numbers: the existing numbers.
        selection: "all", or numbers and inclusive ranges, such as "0-4,20".

    Raises:
        InputError: the selection cannot be read, names numbers that do not exist, or is empty.
    """
    if selection.strip() == "all":
        return sorted(numbers)
    chosen: set[int] = set()
    for part in filter(None, (part.strip() for part in selection.split(","))):
        match = re.fullmatch(r"(\d{1,9})(?:\s*-\s*(\d{1,9}))?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise InputError(
                f"config.select: {part!r} is not a number or a range. Write all, 3, 0-9 or 0-4,20."
            )
        wanted = range(first, last + 1)
        # Loop over the existing numbers, so that 0-999999999 costs nothing.
        there = [n for n in numbers if n in wanted]
        if len(there) < len(wanted):
            lacking = next(n for n in wanted if n not in there)
            raise InputError(
                f"config.select: {part} names video {lacking}, which does not exist "
                f"(videos: {ranges(numbers)})."
            )
        chosen.update(there)
    if not chosen:
        raise InputError(
            f"config.select: {selection!r} selects nothing. Write all, 3, 0-9 or 0-4,20."
        )
    return sorted(chosen)


def ranges(numbers: Collection[int]) -> str:
    """Write numbers in the form that `select` reads: {0, 1, 2, 5} becomes "0-2,5"."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ",".join("-".join(map(str, part)) for part in parts)
