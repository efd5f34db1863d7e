"""Predictions in the formats of the field: what a file, a folder or a zip has about one video.

- SoccerNet's results_spotting.json, with both halves of a game. A challenge's folder, or the zip of
  a submission, has one for each game, at LEAGUE/SEASON/GAME/results_spotting.json.
- OpenSportsLab's OSL JSON 2.0, with a sample for each of any number of videos
  (https://opensportslab.github.io/VideoAnnotationTool/OSL/).
- The pred-*.json files of E2E-Spot (util/eval.py and eval_soccernetv2.py of
  https://github.com/jhong93/spot) and of T-DEED (util/eval.py of https://github.com/arturxe2/T-DEED):
  a list with an object for each video, whose events have the number of a frame. Such a file may be
  compressed (.json.gz).
- A predictions file of this workflow's own format: a list of other objects.

The files are untrusted. Each zip is read in place, one member at a time, and nothing is unpacked.
A file or member above the size limit is refused.
"""

from __future__ import annotations

import glob
import gzip
import json
import re
import unicodedata
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from touchline.errors import InputError, plain
from touchline.inputs.places import as_on_disk
from touchline.inputs.videos import Video, game_of, half_in_path, ranges

_NUMBER = "{video}"


def find_given(
    sources: Mapping[str, str],
    selected: Collection[int],
    videos: Mapping[int, Video],
    skip_missing: bool,
) -> dict[int, dict[str, str]]:
    """The files of given predictions there are, by video and model.

    Args:
        sources: a path a model. Either {video} in it stands for the video's number, or it is a
            folder, a zip or a file with the predictions of several videos, which are found by
            their games and halves (`touchline.inputs.given`).
        selected: the numbers of the videos to look for.
        videos: the table of videos.
        skip_missing: leave a model out of the videos it has no file for.

    Raises:
        InputError: files are missing and may not be, or cannot be read; one line a model, which
            names all the videos that lack one.
    """
    given: dict[int, dict[str, str]] = {video: {} for video in selected}
    mistakes = []
    for model, source in sources.items():
        try:
            found = _found(source, selected, videos)
        except InputError as error:
            mistakes.append(str(error))
            continue
        wrong = next((name for name in re.findall(r"\{\w*\}", source) if name != _NUMBER), None)
        if wrong and not found:
            mistakes.append(
                f"models.{model}.predictions: nothing takes the place of {wrong} in {source}, and "
                "there is no such file; write {video} for the number of a video."
            )
            continue
        for video, path in found.items():
            given[video][model] = path
        lacking = [video for video in selected if video not in found]
        if lacking and not skip_missing:
            place = place_of(source, lacking[0], videos)
            named = lacking[0] in videos and videos[lacking[0]].game
            table = "" if _NUMBER in source or named else " name its game in the table of videos,"
            mistakes.append(
                f"{place}: {_lack(source, lacking[0], videos)}, so there are no predictions of "
                f"{model} for video {ranges(lacking)}; put them there,{table} correct "
                f"models.{model}.predictions, set missing_predictions: skip, or compare with none: "
                "compare_with: []."
            )
    if mistakes:
        raise InputError("\n".join(mistakes))
    return given


def place_of(source: str, video: int, videos: Mapping[int, Video]) -> str:
    """Where the predictions of a video are, or should be.

    Args:
        source, videos: as of `find_given`.
    """
    if _NUMBER in source:
        return source.replace(_NUMBER, str(video))
    path = Path(source)
    if path.is_dir() or (path.suffix.lower() == ".zip" and path.is_file()):
        return f"{source}/{game_of(video, videos)}/{RESULTS_SPOTTING}"
    return source


def _found(
    source: str, selected: Collection[int], videos: Mapping[int, Video]
) -> Mapping[int, str]:
    if _NUMBER not in source:
        there = as_on_disk(source)
        return find_entries(there, sorted(selected), videos) if Path(there).exists() else {}
    paths = {video: as_on_disk(source.replace(_NUMBER, str(video))) for video in selected}
    return {video: path for video, path in paths.items() if Path(path).is_file()}


def _lack(source: str, video: int, videos: Mapping[int, Video]) -> str:
    """What is missing."""
    if _NUMBER in source or not Path(source).is_file() or place_of(source, video, videos) != source:
        return "no such file"
    return f"it has nothing of {game_of(video, videos)!r}"


def given_videos(templates: Mapping[str, str]) -> list[int]:
    """The numbers of the videos that any model has given predictions for.

    Args:
        templates: a path a model; {video} may stand in any part of it, and more than once.

    Raises:
        InputError: no model has any.
    """
    numbers: set[int] = set()
    # Each as it is, and with its accents as a Mac and as others write them.
    forms = [unicodedata.normalize(form, each) for each in templates.values() for form in _FORMS]
    for template in {*templates.values(), *forms}:
        first, *others = map(re.escape, template.split(_NUMBER))
        pattern = re.compile(rf"{first}(\d+)" + r"\1".join(others))
        wild = "*".join(map(glob.escape, template.split(_NUMBER)))
        matches = filter(None, map(pattern.fullmatch, glob.iglob(wild)))
        # A number with zeros in front is not what {video} stands for.
        numbers.update(int(m[1]) for m in matches if str(int(m[1])) == m[1])
    if not numbers:
        raise InputError(
            f"No file is like {' or '.join(templates.values()) or 'given predictions'}, where "
            "{video} stands for the number of a video, so there is nothing to compare; correct "
            "models.*.predictions."
        )
    return sorted(numbers)


RESULTS_SPOTTING = "results_spotting.json"

# Of two halves, two scores a second for each of 17 classes take 25 MB of JSON.
_MOST_BYTES = 64 * 2**20
# E2E-Spot's files of recall have a score for each frame, of all the videos of a data set.
_MOST_GZIP_BYTES = 256 * 2**20
_GZIP = b"\x1f\x8b"
# LEAGUE/SEASON, and a folder around them.
_DEEPEST = 3
_MOST_FPS = 1_000
_HALVES = ("1", "2")
# In which a name with accents can be, as one letter each or as two.
_FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")

Form = Literal["answers", "soccernet", "osl", "frames"]


@dataclass(frozen=True, slots=True)
class Entries:
    """What is said about one video, each item untouched.

    Attributes:
        form: which keys the items have.
        items: of a game's file those of both halves.
        place: the file, for messages; of a zip with the member.
        fps: frames per second, where items have the number of a frame.
        is_suppressed: whether non-maximum suppression has dropped all but the best of the
            neighbouring frames, where items have the number of a frame.
    """

    form: Form
    items: Sequence[Any]
    place: str
    fps: float = 1.0
    is_suppressed: bool = True


def same_game(one: str, other: str) -> bool:
    """Whether two names are of one game: equal, or one has more folders in front."""
    first, second = _parts(one), _parts(other)
    shared = min(len(first), len(second))
    return shared > 0 and first[-shared:] == second[-shared:]


def find_entries(
    source: str, selected: Sequence[int], videos: Mapping[int, Video]
) -> dict[int, str]:
    """The file with the predictions of each video that a file, a folder or a zip has some of.

    Args:
        source: a folder or zip of a challenge's layout, or one file about several videos.
        selected: the numbers of the videos to look for.
        videos: the table of videos.

    Raises:
        InputError: there is no such file, it cannot be read, is not of such a format, or has a
            video twice.
    """
    path = Path(source)
    if path.is_dir():
        files = {video: _in_folder(path, game_of(video, videos)) for video in selected}
        return {video: str(file) for video, file in files.items() if file is not None}
    if _is_zip(path):
        members = _members(path)
        return {v: source for v in selected if _in_zip(path, members, game_of(v, videos))}
    form, document = _read(path)
    if form == "answers":
        raise InputError(
            f"{source} has the predictions of one video; write {{video}} in place of its number."
        )
    if form in ("osl", "frames"):
        samples = _samples(form, document, source)
        return {v: source for v in selected if _sample_of(samples, v, videos.get(v), source)}
    place = document.get("UrlLocal")
    if not _names_of(place):
        raise InputError(
            f"{source} does not name its game (UrlLocal); give such a file to each video, with "
            "{video} in the path."
        )
    return {video: source for video in selected if _is_of_game(place, game_of(video, videos))}


def read_entries(path: str | Path, video: int, row: Video | None) -> Entries:
    """What a file has about a video.

    Args:
        row: of the table of videos; it says which game and half the video is of.

    Raises:
        InputError: it cannot be read, is of no such format, or is about another game.
    """
    path = Path(path)
    place = str(path)
    game = game_of(video, {video: row} if row else {})
    if _is_zip(path):
        member = _in_zip(path, _members(path), game)
        if member is None:
            raise InputError(f"{path} has no {game}/{RESULTS_SPOTTING}.")
        form, document = _read(path, member)
        place = f"{path}/{plain(member)}"
    else:
        form, document = _read(path)
    if form == "answers":
        return Entries(form, document, place)
    if form in ("osl", "frames"):
        samples = _samples(form, document, place)
        sample = samples[0] if len(samples) == 1 else _sample_of(samples, video, row, place)
        if sample is None or _is_of_another(sample, row):
            raise InputError(
                f"{place} has no sample of video {video} ({_called(row)}); is it the right file? "
                "A sample is found by game and half in its metadata, or by the path of its video."
            )
        if form == "frames":
            return _of_frames(sample, place)
        events = sample.get("events", [])
        if not isinstance(events, list):
            raise InputError(f"{place}: events of the sample {_id(sample)!a} are no list.")
        return Entries(form, events, place)
    named = document.get("UrlLocal")
    ours = row.game if row else None
    if ours and _names_of(named) and not _is_of_game(named, ours):
        raise InputError(
            f"{place} is about the game {plain(named)!r}, but video {video} is of {ours!r}; put "
            "the file of that game there, or correct the table of videos."
        )
    return Entries(form, document["predictions"], place)


def _called(row: Video | None) -> str:
    if row is None or row.game is None:
        return "the table of videos names no game of it"
    return row.game if row.half is None else f"{row.game}, half {row.half}"


# --- Where a game's file is ------------------------------------------------------------------


def _parts(game: str) -> tuple[str, ...]:
    """The folders of a game's name, the same on every system."""
    path = PurePosixPath(unicodedata.normalize("NFC", game).replace("\\", "/").strip())
    parts = (part.strip() for part in path.parts)
    return tuple(part for part in parts if part not in ("/", "."))


def _names_of(place: object) -> list[str]:
    """The names that the game may have by a file's UrlLocal; T-DEED's has the half behind it."""
    parts = _parts(place) if isinstance(place, str) else ()
    has_half = len(parts) > 1 and parts[-1] in _HALVES
    return ["/".join(each) for each in (parts, parts[:-1] if has_half else ()) if each]


def _is_of_game(place: object, game: str) -> bool:
    return any(same_game(name, game) for name in _names_of(place))


def _in_folder(folder: Path, game: str) -> Path | None:
    """The file of a game below a folder, which may begin above or below the league's.

    Raises:
        InputError: there are several.
    """
    parts = _parts(game)
    if ".." in parts:
        return None
    for first in range(len(parts)):
        file = Path(as_on_disk(str(folder.joinpath(*parts[first:], RESULTS_SPOTTING))))
        if file.is_file():
            return file
    last = glob.escape("/".join(parts))
    names = {unicodedata.normalize(form, last) for form in _FORMS}
    for depth in range(1, _DEEPEST + 1):
        places = ("*/" * depth + f"{name}/{RESULTS_SPOTTING}" for name in names)
        files = sorted(file for place in places for file in folder.glob(place))
        if len(files) > 1:
            raise InputError(
                f"{folder} has {len(files)} files of the game {game!r}, {files[0]} and {files[1]} "
                "among them; name the game with its league and season in the table of videos."
            )
        if files:
            return files[0]
    return None


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip" or zipfile.is_zipfile(path)


def _members(path: Path) -> list[str]:
    """List the members of a zip that are files of games."""
    with _readable(str(path)), zipfile.ZipFile(path) as archive:
        return [name for name in archive.namelist() if _parts(name)[-1:] == (RESULTS_SPOTTING,)]


def _in_zip(path: Path, members: Sequence[str], game: str) -> str | None:
    """Find the member of a game.

    Raises:
        InputError: there are several.
    """
    found = [name for name in members if same_game("/".join(_parts(name)[:-1]), game)]
    if len(found) > 1:
        raise InputError(
            f"{path} has {len(found)} files of the game {game!r}, {plain(found[0])} and "
            f"{plain(found[1])} among them; there must be one."
        )
    return found[0] if found else None


# --- What is in a file -----------------------------------------------------------------------


def _read(path: Path, member: str | None = None) -> tuple[Form, Any]:
    """The content of a file, or of a member of a zip, and which format it is."""
    with _readable(str(path)):
        status = path.stat()
    return _parsed(path, member, status.st_mtime_ns, status.st_size)


# One file can be about many videos, each of which asks for it.
@lru_cache(maxsize=2)
def _parsed(path: Path, member: str | None, _date: int, _size: int) -> tuple[Form, Any]:
    place = str(path) if member is None else f"{path}/{plain(member)}"
    content = _content(path, member, place)
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place} is not a JSON file in UTF-8: {plain(error)}.") from error
    if isinstance(document, list):
        first = document[0] if document else None
        has_events = isinstance(first, dict) and isinstance(first.get("events"), list)
        return "frames" if has_events else "answers", document
    if isinstance(document, dict) and isinstance(document.get("predictions"), list):
        return "soccernet", document
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        return "osl", document
    raise InputError(
        f"{place} has no predictions that can be read; it must be a list of times and answers, a "
        "list of videos with events at frames (E2E-Spot, T-DEED), SoccerNet's "
        "results_spotting.json (an object with the list predictions), or OSL JSON (an object with "
        "the list data)."
    )


def _content(path: Path, member: str | None, place: str) -> bytes:
    """Read the bytes of a file or member up to the size limit.

    A zip may state any size of a member, so the limit counts the bytes that come out of it.
    """
    most = _MOST_BYTES
    with _readable(place):
        if member is None:
            with path.open("rb") as file:
                content = file.read(most + 1)
            if content.startswith(_GZIP):
                most = _MOST_GZIP_BYTES
                with gzip.open(path) as file:
                    content = file.read(most + 1)
        else:
            with zipfile.ZipFile(path) as archive, archive.open(member) as file:
                content = file.read(most + 1)
    if len(content) > most:
        raise InputError(
            f"{place} has more than {most // 2**20} MiB, and no file of predictions has; "
            "is it the right file?"
        )
    return content


@contextmanager
def _readable(place: str) -> Iterator[None]:
    """Report a file that is damaged, encrypted or missing in one sentence."""
    try:
        yield
    # The archive modules pass on errors of each compression, of the system and their own.
    except Exception as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{place} cannot be read: {plain(reason)}.") from error


# --- The sample of a video: an object of OSL, or one of a list with events at frames --------------


def _samples(form: Form, document: Any, place: str) -> list[dict[str, Any]]:
    """The samples of a document; those with frames as OSL would have them.

    E2E-Spot and T-DEED call a video LEAGUE/SEASON/GAME/HALF, or as the user does.
    """
    items = document["data"] if form == "osl" else document
    samples = [sample for sample in items if isinstance(sample, dict)]
    if len(samples) < len(items):
        raise InputError(f"{place}: not every item of its data is a sample, which is an object.")
    if form == "osl":
        return samples
    return [_with_metadata(sample) for sample in samples]


def _with_metadata(sample: Mapping[str, Any]) -> dict[str, Any]:
    video = sample.get("video")
    parts = _parts(video) if isinstance(video, str) else ()
    found = {"id": video, "inputs": [{"path": video}]}
    if len(parts) > 1 and parts[-1] in _HALVES:
        found["metadata"] = {"game": "/".join(parts[:-1]), "half": parts[-1]}
    return {**sample, **found}


def _of_frames(sample: Mapping[str, Any], place: str) -> Entries:
    """The events of a video at the numbers of frames."""
    place = f"{place}, video {_id(sample)!a}"
    events, fps = sample.get("events"), sample.get("fps")
    if not isinstance(events, list):
        raise InputError(f"{place}: its events are no list.")
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps <= _MOST_FPS:
        raise InputError(
            f"{place}: fps is {plain(ascii(fps), 60)}, not the frames per second of the video."
        )
    # Both projects count the events when they suppress.
    return Entries("frames", events, place, float(fps), "num_events" in sample)


def _id(sample: Mapping[str, Any]) -> str:
    return plain(sample.get("id"), 60)


def _sample_of(
    samples: Sequence[dict[str, Any]], video: int, row: Video | None, place: str
) -> dict[str, Any] | None:
    """The sample of a video: by game and half, by the path of its video, or else by our own id.

    Raises:
        InputError: several are.
    """
    found = [sample for sample in samples if row and _shows(sample, row)]
    if not found:
        found = [
            sample
            for sample in samples
            if sample.get("id") == f"video_{video}" and not _is_of_another(sample, row)
        ]
    if len(found) > 1:
        raise InputError(
            f"{place} has {len(found)} samples of video {video}, {_id(found[0])!a} and "
            f"{_id(found[1])!a} among them; there must be one."
        )
    return found[0] if found else None


def _game_and_half(sample: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """As the metadata have them."""
    metadata = sample.get("metadata")
    if not isinstance(metadata, dict):
        return None, None
    game, half = metadata.get("game"), str(metadata.get("half"))
    return game if isinstance(game, str) else None, int(half) if half in _HALVES else None


def _shows(sample: Mapping[str, Any], row: Video) -> bool:
    """Whether a sample is of a video, by its metadata or, if these do not say, by a path."""
    game, half = _game_and_half(sample)
    if _is_of_another(sample, row):
        return False
    if game and row.game and half == row.half:
        return True
    inputs = sample.get("inputs")
    listed = inputs if isinstance(inputs, list) else []
    paths = [one.get("path") for one in listed if isinstance(one, dict)]
    return any(isinstance(path, str) and _is_path_of(path, row) for path in paths)


def _is_of_another(sample: Mapping[str, Any], row: Video | None) -> bool:
    """Whether a sample says that it is of another game or half."""
    game, half = _game_and_half(sample)
    if row is None:
        return False
    other_game = bool(game and row.game) and not same_game(game or "", row.game or "")
    return other_game or (half is not None and row.half is not None and half != row.half)


def _is_path_of(path: str, row: Video) -> bool:
    """Whether a path, whatever it begins and ends with, is that of a video.

    A file of another resolution is of the same half in SoccerNet's folders.
    """
    theirs = PurePosixPath("/".join(_parts(path)))
    if not theirs.name:
        return False
    if row.path is not None:
        ours = PurePosixPath("/".join(_parts(str(row.path.absolute()))))
        if same_game(str(theirs.with_suffix("")), str(ours.with_suffix(""))):
            return True
    # A game that is one video, as those of SoccerNet's ball actions, counts as a first half.
    if row.game and row.half in (None, 1) and same_game(str(theirs), row.game):
        return True
    half = half_in_path(theirs)
    in_game = row.game and len(theirs.parts) > 1 and same_game(str(theirs.parent), row.game)
    return bool(in_game) and half is not None and half == row.half
