"""Which videos there are, and which of them to process."""

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
from touchline.inputs.places import as_on_disk, expanded

# What a video file's name ends in, for files in a folder; a table may name any file.
SUFFIXES = {
    *(".3g2", ".3gp", ".asf", ".avi", ".divx", ".f4v", ".flv", ".m2p", ".m2t", ".m2ts", ".m4v"),
    *(".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".qt"),
    *(".tp", ".trp", ".ts", ".vob", ".vro", ".webm", ".wmv"),
}
# Of the kinds of files that a folder has beside its videos so many are named.
_MOST_KINDS = 6
_TABLES = {".tsv", ".csv", ".txt"}
_PLAYLISTS = {".m3u8", ".m3u", ".mpd"}
# Streams are cut into many files of some seconds, numbered and small; a half is larger.
_NUMBERED = re.compile(r"(.*?)(\d+)")
_LEAST_SEGMENTS, _MOST_SEGMENT_BYTES = 10, 20_000_000

# SoccerNet's downloader: LEAGUE/SEASON/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley/1_224p.mkv
_HALF = re.compile(r"([12])(_\w+)?")
_GAME = re.compile(r"\d{4}-\d{2}-\d{2} - \d{2}-\d{2} (?P<home>.+) \d+ - \d+ (?P<away>.+)")
SOCCERNET_LABELS = "Labels-v2.json"
_BESIDE_VIDEOS = (SOCCERNET_LABELS, "video.ini")


@dataclass(frozen=True)
class GameHalf:
    """Which half of which game a video is, or which halves; None for what is not known.

    Attributes:
        half: The half that the whole video is.
        halves: Where halves begin in the video. Empty where it begins with the kick-off.
    """

    game: str | None = None
    half: int | None = None
    halves: tuple[HalfStart, ...] = field(default=(), kw_only=True)

    def spans(self, duration: float | None) -> tuple[HalfSpan, ...]:
        """List the parts of the video that show a half.

        Args:
            duration: Of the video, seconds, if it is known.
        """
        return half_spans(self.halves, self.half, duration)


NOTHING_KNOWN = GameHalf()


@dataclass(frozen=True)
class Name(GameHalf):
    """What a video is called, as the table of videos has it."""

    home: str | None = None
    away: str | None = None

    def title(self, video: int) -> str:
        """The teams, else the game, else the number."""
        if self.home and self.away:
            return f"{self.home} – {self.away}"
        return self.game or f"Video {video}"


@dataclass(frozen=True, slots=True)
class AnnotatedVideo:
    """A video with labels, as a model's evaluation reads it.

    Attributes:
        game: the game it is of; a video without a game is one by itself.
        of: which half of it, or where halves begin in the video.
        models: how many files of coverage it has: an ensemble's are those of its models.
        others: how many other models have events of it; none counts beside an ensemble.
    """

    video: int
    game: str
    of: GameHalf
    models: int
    others: int


# Accents in one form, so that names from a Mac equal those from elsewhere.
Title = Annotated[str, AfterValidator(partial(unicodedata.normalize, "NFC"))]


class Video(BaseModel):
    """A row of the video table."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    video: int = Field(ge=0, description="the video's number, a part of every file name")
    path: Path | None = Field(
        None,
        description="the video file; a relative path starts at the table's folder; empty: given "
        "predictions without footage, of a game that is named",
    )
    game: Title | None = Field(None, description="the game this video is a part of")
    half: int | None = Field(None, ge=1, description="which half of the game")
    half_starts: HalfStarts = Field(
        (),
        description="where halves begin (and end) in the video, as in 1=00:04:10,2=01:06:32; what "
        "is outside is not looked at",
    )
    offset: float | None = Field(
        None,
        allow_inf_nan=False,
        description="seconds that the clock of the half shows at the video's first picture; -37 "
        "where the video begins 37 s before the kick-off",
    )
    home: Title | None = Field(None, description="the home team's name")
    away: Title | None = Field(None, description="the away team's name")
    labels: Path | None = Field(None, description="ground truth; relative as path is")

    @property
    def footage(self) -> Path:
        """The file of a video that is looked at.

        Raises:
            InputError: the table names none.
        """
        if self.path is None:
            raise InputError(
                f"Video {self.video} has no path in the table of videos, so there is nothing to "
                "look at; write its path there, or set detect_with: []."
            )
        return self.path

    @model_validator(mode="after")
    def _has_one_clock(self) -> Video:
        if self.half_starts and self.offset is not None:
            raise ValueError("half_starts and offset are both given; half_starts is enough")
        if self.half_starts and self.half is not None and self._halves != [self.half]:
            raise ValueError("half_starts names other halves than the column half; empty that cell")
        return self

    @property
    def _halves(self) -> list[int | None]:
        return [each.half for each in self.half_starts]

    @property
    def halves(self) -> tuple[HalfStart, ...]:
        """Where halves begin in the video; empty where it begins with the kick-off."""
        if self.offset is not None:
            return (HalfStart(self.half, -self.offset),)
        return self.half_starts

    @property
    def game_half(self) -> GameHalf:
        return GameHalf(self.game, self.half, halves=self.halves)

    @property
    def name(self) -> Name:
        return Name(self.game, self.half, self.home, self.away, halves=self.halves)


def read_videos(source: str | Path) -> dict[int, Video]:
    """Read which videos there are, by number.

    Args:
        source: One of three.
            A video file. It is video 0.
            A folder. Its video files are numbered from 0 in the order of their paths.
            A table: a TSV file, of a text editor or a spreadsheet, with the columns video and path
            and any of game, half, home, away and labels.
            Where SoccerNet's downloader laid out a file or folder, game, half, teams and labels
            follow from the path.

    Raises:
        InputError: There is no such file or folder, no video in it, or a bad row; or it is an
            address, a playlist or a folder of a stream's segments.
    """
    if refusal := _stream_refusal(str(source)):
        raise InputError(f"config.videos: {refusal}")
    source = Path(as_on_disk(str(source)))
    if os.path.isdir(source):
        return _from_folder(source)
    if not os.path.exists(source):
        raise InputError(
            f"config.videos: there is no {source.absolute()}{nearest_file(source)}; set videos to "
            "a video, a folder of videos, or a table of them (examples/videos.tsv)."
        )
    return _from_table(source) if _is_table(source) else {0: _from_path(0, source)}


def _is_table(file: Path) -> bool:
    """Tell a table from a video by its name, or else by whether it is text."""
    if file.suffix.lower() in _TABLES | SUFFIXES:
        return file.suffix.lower() in _TABLES
    try:
        with file.open("rb") as content:
            return b"\0" not in content.read(4096)
    except OSError:
        return True


def _stream_refusal(source: str) -> str | None:
    """Say how to make a file of an address or a playlist; None for anything else."""
    what = None
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", source):
        what = "an address, and videos are read from a disk"
    elif Path(source).suffix.lower() in _PLAYLISTS:
        what = "the playlist of a stream"
    name = plain(source)
    return f"{name} is {what}; make a file of it: {_joining(name)}" if what else None


def _joining(source: str) -> str:
    return f"ffmpeg -i {shlex.quote(source)} -c copy match.mp4"


def _folder_refusal(folder: Path) -> str | None:
    """Say how to make one file of a folder with a stream's segments; None for other folders."""
    if playlist := next((f for f in _files(folder) if f.suffix.lower() in _PLAYLISTS), None):
        return (
            f"{folder} has a stream in segments, with the playlist {playlist.name}; make one file "
            f"of it: {_joining(str(playlist))}"
        )
    if segments := _segments(folder):
        return (
            f"{folder} has {len(segments)} segments of a stream ({segments[0].name} to "
            f"{segments[-1].name}); make one file of them: (cd {shlex.quote(str(folder))} && "
            "ls -v *.ts | xargs -d '\\n' cat) > match.ts. If each is a match, list them in a table "
            "(examples/videos.tsv)."
        )
    return None


def _segments(folder: Path) -> list[Path]:
    """List the files of a folder that are a stream's by their names and sizes, in their order."""
    files = [file for file in folder.glob("*.ts") if file.is_file()]
    numbered = [(found[1], int(found[2])) for f in files if (found := _NUMBERED.fullmatch(f.stem))]
    first = min((number for _, number in numbered), default=0)
    is_row = sorted(number - first for _, number in numbered) == list(range(len(files)))
    if not is_row or len({name for name, _ in numbered}) > 1 or len(files) < _LEAST_SEGMENTS:
        return []
    is_small = max(file.stat().st_size for file in files) <= _MOST_SEGMENT_BYTES
    return sorted(files, key=lambda f: (len(f.name), f.name)) if is_small else []


def game_of(video: int, videos: Mapping[int, Video]) -> str:
    """The name of the game that a video is of; without one it is a game by itself."""
    game = videos[video].game if video in videos else None
    return f"video_{video}" if game is None else game


def half_in_path(path: PurePath) -> int | None:
    """Which half a file is by its name, as SoccerNet has it; None if the name does not say."""
    match = _HALF.fullmatch(path.stem)
    return int(match[1]) if match else None


def soccernet_game(path: PurePath | None) -> str | None:
    """The folder that a file is in, if SoccerNet calls a game like that."""
    name = path.parent.name if path else ""
    return name if _GAME.fullmatch(name) else None


def left_out(source: str | Path) -> str | None:
    """A sentence on the files in a folder of videos that are none by their names; None for none.

    It names the kinds, the rarest first: a video among many files of another kind stands out.
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
        f"config.videos: no video by its name, so left out of {folder}: {', '.join(named)}{more}. "
        "A table of videos may name any file."
    )


def _files(folder: Path) -> list[Path]:
    """The files in a folder, at any depth, by their paths; without hidden ones."""
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")
    )


def _from_folder(folder: Path) -> dict[int, Video]:
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
    start = None if video.halves else hq_start(video.path, video.half)
    return video.model_copy(update={"half_starts": (start,)}) if start else video


def _from_table(table: Path) -> dict[int, Video]:
    rows = _rows(_text_of(table))
    first, head = next(rows, (1, []))
    head = [name.lower() for name in head]
    if len(head) == 1:
        other = next((sign for sign in ";,|" if sign in head[0]), None)
        if other:
            raise InputError(
                f"{table} separates its columns by {other!r}; save it with tabs between them (in a "
                "spreadsheet: as tab-separated text, .tsv)."
            )
    twice = next((name for name in head if name and head.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{table}, line {first}: the column {twice} is there twice; keep one.")
    videos: dict[int, Video] = {}
    for line, cells in rows:
        place = f"{table}, line {line}"
        if any(cells[len(head) :]):
            raise InputError(f"{place}: more cells than columns; separate cells by single tabs.")
        if any(cell for name, cell in zip(head, cells, strict=False) if not name):
            raise InputError(f"{place}: a cell stands in a column without a name; name the column.")
        video = _from_row({k: v for k, v in zip(head, cells, strict=False) if v}, place, table)
        if video.video in videos:
            raise InputError(f"{place}: video {video.video} is there twice.")
        videos[video.video] = video
    if not videos:
        raise InputError(f"{table} has no rows; a row has a video's number and its path.")
    return videos


# A quoted cell, in which spreadsheets double a quote, or else any other cell; then what ends it.
_CELL = re.compile(r'(?:"((?:[^"]|"")*)"|([^\t\r\n]*))(\t|\r\n|\r|\n|\Z)')


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a tab-separated text, each with the number of its line.

    Blank lines and lines that begin with # are left out.

    A quote within a cell is a quote: only a cell that begins and ends with one is quoted.
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
    """The text of a table in UTF-8."""
    try:
        content = table.read_bytes()
    except OSError as error:
        raise InputError(f"{table} cannot be read: {error.strerror}.") from error
    save = "save it as text in UTF-8 (in a spreadsheet: a choice where its type is chosen)"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content:
        raise InputError(f"{table} is in UTF-16, or no text; {save}.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{table} is not in UTF-8, but perhaps in Latin-1 or Windows-1252 (line {line} has the "
            f"byte {content[error.start]:#x}); {save}."
        ) from error


def _from_row(cells: Mapping[str, str], place: str, table: Path) -> Video:
    try:
        video = Video.model_validate(cells)
    except ValidationError as error:
        mistake = error.errors()[0]
        column = mistake["loc"][0] if mistake["loc"] else "half_starts"
        if mistake["type"] == "extra_forbidden":
            columns = ", ".join(Video.model_fields)
            reason = f"there is no such column; there are {columns}"
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
            "tabs); a row without footage, for given predictions, names its game."
        )
    if refusal := _stream_refusal(cells.get("path", "")):
        raise InputError(f"{place}: path: {refusal}")
    files = {"path": video.path, "labels": video.labels}
    return _with_clock_of_hq(
        video.model_copy(
            update={
                key: Path(as_on_disk(str(table.parent / expanded(file))))
                for key, file in files.items()
                if file
            }
        )
    )


def select(numbers: Collection[int], selection: str) -> list[int]:
    """The numbers that a selection names, ascending.

    Args:
        numbers: those there are.
        selection: "all", or numbers and ranges with both ends, as in "0-4,20".

    Raises:
        InputError: it cannot be read, names numbers that are not there, or is empty.
    """
    if selection.strip() == "all":
        return sorted(numbers)
    chosen: set[int] = set()
    for part in filter(None, (part.strip() for part in selection.split(","))):
        match = re.fullmatch(r"(\d{1,9})(?:\s*-\s*(\d{1,9}))?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise InputError(
                f"config.select: {part!r} is not a number or a range; write all, 3, 0-9 or 0-4,20."
            )
        wanted = range(first, last + 1)
        # Ask the shorter side, so that 0-999999999 costs nothing.
        there = [n for n in numbers if n in wanted]
        if len(there) < len(wanted):
            lacking = next(n for n in wanted if n not in there)
            raise InputError(
                f"config.select: {part} names video {lacking}, which the videos "
                f"({ranges(numbers)}) lack."
            )
        chosen.update(there)
    if not chosen:
        raise InputError(
            f"config.select: {selection!r} selects nothing; write all, 3, 0-9 or 0-4,20."
        )
    return sorted(chosen)


def ranges(numbers: Collection[int]) -> str:
    """Numbers in the form that `select` reads: {0, 1, 2, 5} is "0-2,5"."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ",".join("-".join(map(str, part)) for part in parts)
