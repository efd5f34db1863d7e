"""Given predictions about a video, in a file, a folder or a zip, in the usual formats.

- SoccerNet's results_spotting.json, with both halves of a game. A challenge's folder, or the zip of
  a submission, has one file per game, at LEAGUE/SEASON/GAME/results_spotting.json.

- OpenSportsLab's OSL JSON 2.0, with one sample per video
  (https://opensportslab.github.io/VideoAnnotationTool/OSL/).

- The pred-*.json files of E2E-Spot (util/eval.py and eval_soccernetv2.py of
  https://github.com/jhong93/spot) and of T-DEED (util/eval.py of
  https://github.com/arturxe2/T-DEED): a list with one object per video, whose events have frame
  numbers. Such a file may be compressed (.json.gz).

- A predictions file in this workflow's own format: a list of other objects.

The files are untrusted. Each zip is read in place, one member at a time, without unpacking.
A file or member above the size limit is rejected.
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
from touchline.inputs.videos import Video, game_name, half_in_path, ranges

_NUMBER = "{video}"


def find_given(
    sources: Mapping[str, str],
    selected: Collection[int],
    videos: Mapping[int, Video],
    skip_missing: bool,
) -> dict[int, dict[str, str]]:
    """Return the files of given predictions that exist, by video and model.

    Args:
        sources: one path per model. The path contains {video} for the number of the video. Or the
            path is a folder, zip or file with the predictions of several videos, in which each
            video is found by game and half.
        selected: numbers of the videos to look for.
        videos: the table of videos.
        skip_missing: whether a model may lack files for some videos.

    Raises:
        InputError: files are missing or cannot be read. There is one line per model, with all
            videos that lack a file.
    """
    given: dict[int, dict[str, str]] = {video: {} for video in selected}
    mistakes = []
    for model, source in sources.items():
        try:
            found = _find_files(source, selected, videos)
        except InputError as error:
            mistakes.append(str(error))
            continue
        wrong = next((name for name in re.findall(r"\{\w*\}", source) if name != _NUMBER), None)
        if wrong and not found:
            mistakes.append(
                f"models.{model}.predictions: {wrong} in {source} is not a placeholder, and "
                "the file does not exist. Write {video} for the number of a video."
            )
            continue
        for video, path in found.items():
            given[video][model] = path
        lacking = [video for video in selected if video not in found]
        if lacking and not skip_missing:
            place = expected_path(source, lacking[0], videos)
            named = lacking[0] in videos and videos[lacking[0]].game
            table = "" if _NUMBER in source or named else " name its game in the table of videos,"
            mistakes.append(
                f"{place}: {_missing_reason(source, lacking[0], videos)}, so there are no "
                f"predictions of {model} for video {ranges(lacking)}. Put them there,{table} "
                f"correct models.{model}.predictions, set missing_predictions: skip, or compare no "
                "models: compare_with: []."
            )
    if mistakes:
        raise InputError("\n".join(mistakes))
    return given


def expected_path(source: str, video: int, videos: Mapping[int, Video]) -> str:
    """Return the path where the predictions of a video are, or should be.

    Args:
        source: path of a model's predictions, as for `find_given`.
        video: number of the video.
        videos: the table of videos.
    """
    if _NUMBER in source:
        return source.replace(_NUMBER, str(video))
    path = Path(source)
    if path.is_dir() or (path.suffix.lower() == ".zip" and path.is_file()):
        return f"{source}/{game_name(video, videos)}/{RESULTS_SPOTTING}"
    return source


def _find_files(
    source: str, selected: Collection[int], videos: Mapping[int, Video]
) -> Mapping[int, str]:
    """Return the existing file of one model for each video."""
    if _NUMBER not in source:
        there = as_on_disk(source)
        return find_entries(there, sorted(selected), videos) if Path(there).exists() else {}
    paths = {video: as_on_disk(source.replace(_NUMBER, str(video))) for video in selected}
    return {video: path for video, path in paths.items() if Path(path).is_file()}


def _missing_reason(source: str, video: int, videos: Mapping[int, Video]) -> str:
    """Return the reason why a video has no predictions, for a message."""
    if (
        _NUMBER in source
        or not Path(source).is_file()
        or expected_path(source, video, videos) != source
    ):
        return "no such file"
    return f"the file has no predictions for {game_name(video, videos)!r}"


def given_videos(templates: Mapping[str, str]) -> list[int]:
    """Return the numbers of the videos for which any model has given predictions.

    Args:
        templates: one path per model. {video} may occur anywhere in the path, also several times.

    Raises:
        InputError: no model has any predictions.
    """
    numbers: set[int] = set()
    # The templates with accents in both Unicode forms. Macs write another form than other systems.
    forms = [unicodedata.normalize(form, each) for each in templates.values() for form in _FORMS]
    for template in {*templates.values(), *forms}:
        first, *others = map(re.escape, template.split(_NUMBER))
        pattern = re.compile(rf"{first}(\d+)" + r"\1".join(others))
        wild = "*".join(map(glob.escape, template.split(_NUMBER)))
        matches = filter(None, map(pattern.fullmatch, glob.iglob(wild)))
        # {video} stands for a number without leading zeros.
        numbers.update(int(m[1]) for m in matches if str(int(m[1])) == m[1])
    if not numbers:
        raise InputError(
            f"No file fits {' or '.join(templates.values()) or 'given predictions'}, where "
            "{video} stands for the number of a video, so there is nothing to compare. Correct "
            "models.*.predictions."
        )
    return sorted(numbers)


RESULTS_SPOTTING = "results_spotting.json"

# Two scores per second and class take 25 MB of JSON for two halves and 17 classes.
_MOST_BYTES = 64 * 2**20
# E2E-Spot's recall files have a score for each frame of all videos of a data set.
_MOST_GZIP_BYTES = 256 * 2**20
_GZIP = b"\x1f\x8b"
# Depth of LEAGUE/SEASON and one parent folder.
_DEEPEST = 3
_MOST_FPS = 1_000
_HALVES = ("1", "2")
# Unicode forms of accented letters: as one character or as two.
_FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")

Form = Literal["answers", "soccernet", "osl", "frames"]


@dataclass(frozen=True, slots=True)
class Entries:
    """The items of a file about one video, unchanged.

    Attributes:
        form: format of the items.
        items: the items. The file of a game has the items of both halves.
        place: path of the file, for messages. For a zip it includes the member.
        fps: frames per second, if items have frame numbers.
        is_suppressed: whether the file already contains only the best of neighbouring frames, if
            items have frame numbers.
    """

    form: Form
    items: Sequence[Any]
    place: str
    fps: float = 1.0
    is_suppressed: bool = True


def same_game(one: str, other: str) -> bool:
    """Return whether two names mean the same game.

    The names are equal, or one of them has more parent folders.
    """
    first, second = _parts(one), _parts(other)
    shared = min(len(first), len(second))
    return shared > 0 and first[-shared:] == second[-shared:]


def find_entries(
    source: str, selected: Sequence[int], videos: Mapping[int, Video]
) -> dict[int, str]:
    """Return the file with the predictions of each video, from a folder, a zip or a single file.

    Args:
        source: a folder or zip with a challenge's layout, or one file about several videos.
        selected: numbers of the videos to look for.
        videos: the table of videos.

    Raises:
        InputError: the source does not exist, cannot be read, has another format, or has a video
            twice.
    """
    path = Path(source)
    if path.is_dir():
        files = {video: _find_in_folder(path, game_name(video, videos)) for video in selected}
        return {video: str(file) for video, file in files.items() if file is not None}
    if _is_zip(path):
        members = _members(path)
        return {v: source for v in selected if _find_in_zip(path, members, game_name(v, videos))}
    form, document = _read(path)
    if form == "answers":
        raise InputError(
            f"{source} has the predictions of one video. In the path, replace the video's "
            "number by {video}."
        )
    if form in ("osl", "frames"):
        samples = _samples(form, document, source)
        return {v: source for v in selected if _find_sample(samples, v, videos.get(v), source)}
    place = document.get("UrlLocal")
    if not _possible_games(place):
        raise InputError(
            f"{source} does not name its game (UrlLocal). Use one such file per video, with "
            "{video} in the path."
        )
    return {video: source for video in selected if _is_of_game(place, game_name(video, videos))}


def read_entries(path: str | Path, video: int, row: Video | None) -> Entries:
    """Read the items of a file about one video.

    Args:
        path: the file.
        video: number of the video.
        row: the video's row in the table of videos, which gives the game and the half.

    Raises:
        InputError: the file cannot be read, has another format, or is about another game.
    """
    path = Path(path)
    place = str(path)
    game = game_name(video, {video: row} if row else {})
    if _is_zip(path):
        member = _find_in_zip(path, _members(path), game)
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
        sample = samples[0] if len(samples) == 1 else _find_sample(samples, video, row, place)
        if sample is None or _contradicts(sample, row):
            raise InputError(
                f"{place} has no sample of video {video} ({_describe_game(row)}). Check the file. "
                "A sample is found by game and half in its metadata, or by the path of its video."
            )
        if form == "frames":
            return _frame_entries(sample, place)
        events = sample.get("events", [])
        if not isinstance(events, list):
            raise InputError(f"{place}: the events of the sample {_id(sample)!a} are not a list.")
        return Entries(form, events, place)
    named = document.get("UrlLocal")
    ours = row.game if row else None
    if ours and _possible_games(named) and not _is_of_game(named, ours):
        raise InputError(
            f"{place} is about the game {plain(named)!r}, but video {video} shows {ours!r}. Put "
            "the file of the video's game there, or correct the table of videos."
        )
    return Entries(form, document["predictions"], place)


def _describe_game(row: Video | None) -> str:
    """Describe the game and half of a row, for a message."""
    if row is None or row.game is None:
        return "the table of videos names no game for it"
    return row.game if row.half is None else f"{row.game}, half {row.half}"


# --- The file of a game ----------------------------------------------------------------------


def _parts(game: str) -> tuple[str, ...]:
    """Split a game's name into folders, in the same way on every system."""
    path = PurePosixPath(unicodedata.normalize("NFC", game).replace("\\", "/").strip())
    parts = (part.strip() for part in path.parts)
    return tuple(part for part in parts if part not in ("/", "."))


def _possible_games(place: object) -> list[str]:
    """Return the possible names of the game in a file's UrlLocal. T-DEED appends the half."""
    parts = _parts(place) if isinstance(place, str) else ()
    has_half = len(parts) > 1 and parts[-1] in _HALVES
    return ["/".join(each) for each in (parts, parts[:-1] if has_half else ()) if each]


def _is_of_game(place: object, game: str) -> bool:
    """Return whether a file's UrlLocal names this game."""
    return any(same_game(name, game) for name in _possible_games(place))


def _find_in_folder(folder: Path, game: str) -> Path | None:
    """Find the file of a game below a folder.

    The folder may lie above or below the league's folder.

    Raises:
        InputError: there are several files.
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
                "among them. Name the game with its league and season in the table of videos."
            )
        if files:
            return files[0]
    return None


def _is_zip(path: Path) -> bool:
    """Return whether a file is a zip, by its name or content."""
    return path.suffix.lower() == ".zip" or zipfile.is_zipfile(path)


def _members(path: Path) -> list[str]:
    """List the members of a zip that are files of games."""
    with _input_errors(str(path)), zipfile.ZipFile(path) as archive:
        return [name for name in archive.namelist() if _parts(name)[-1:] == (RESULTS_SPOTTING,)]


def _find_in_zip(path: Path, members: Sequence[str], game: str) -> str | None:
    """Find the member of a zip that is the file of a game.

    Raises:
        InputError: there are several members.
    """
    found = [name for name in members if same_game("/".join(_parts(name)[:-1]), game)]
    if len(found) > 1:
        raise InputError(
            f"{path} has {len(found)} files of the game {game!r}, {plain(found[0])} and "
            f"{plain(found[1])} among them. Keep only one."
        )
    return found[0] if found else None


# --- The content of a file -------------------------------------------------------------------


def _read(path: Path, member: str | None = None) -> tuple[Form, Any]:
    """Read a file, or a member of a zip. Return its format and content."""
    with _input_errors(str(path)):
        status = path.stat()
    return _parse(path, member, status.st_mtime_ns, status.st_size)


# The cache helps if one file is about many videos, because each video reads the file.
@lru_cache(maxsize=2)
def _parse(path: Path, member: str | None, _date: int, _size: int) -> tuple[Form, Any]:
    """Parse a file or a member. The date and the size are part of the cache's key."""
    place = str(path) if member is None else f"{path}/{plain(member)}"
    content = _read_bytes(path, member, place)
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
        f"{place} has no readable predictions. It must be a list of times and answers, or a list "
        "of videos with events at frames (E2E-Spot, T-DEED). An object must be "
        "results_spotting.json (with a list `predictions`) or OSL JSON (with a list `data`)."
    )


def _read_bytes(path: Path, member: str | None, place: str) -> bytes:
    """Read the bytes of a file or member, up to the size limit.

    A zip can state a wrong size for a member, so the limit counts the unpacked bytes.
    """
    most = _MOST_BYTES
    with _input_errors(place):
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
            f"{place} has more than {most // 2**20} MiB, which is too large for predictions. "
            "Check the file."
        )
    return content


@contextmanager
def _input_errors(place: str) -> Iterator[None]:
    """Turn any error about a damaged, encrypted or missing file into an InputError."""
    try:
        yield
    # The archive modules raise many kinds of errors.
    except Exception as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{place} cannot be read: {plain(reason)}.") from error


# --- The sample of a video: an object in OSL JSON, or in a list with events at frames -------------


def _samples(form: Form, document: Any, place: str) -> list[dict[str, Any]]:
    """Return the samples of a document.

    Samples with frame numbers are converted to the form of OSL.

    E2E-Spot and T-DEED name a video LEAGUE/SEASON/GAME/HALF, or use a name chosen by the user.
    """
    items = document["data"] if form == "osl" else document
    samples = [sample for sample in items if isinstance(sample, dict)]
    if len(samples) < len(items):
        raise InputError(f"{place}: an item of its data is no JSON object, so it is no sample.")
    if form == "osl":
        return samples
    return [_with_metadata(sample) for sample in samples]


def _with_metadata(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the name of a video to OSL's metadata."""
    video = sample.get("video")
    parts = _parts(video) if isinstance(video, str) else ()
    found = {"id": video, "inputs": [{"path": video}]}
    if len(parts) > 1 and parts[-1] in _HALVES:
        found["metadata"] = {"game": "/".join(parts[:-1]), "half": parts[-1]}
    return {**sample, **found}


def _frame_entries(sample: Mapping[str, Any], place: str) -> Entries:
    """Return the events of a sample with frame numbers."""
    place = f"{place}, video {_id(sample)!a}"
    events, fps = sample.get("events"), sample.get("fps")
    if not isinstance(events, list):
        raise InputError(f"{place}: the events are not a list.")
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps <= _MOST_FPS:
        raise InputError(
            f"{place}: fps is {plain(ascii(fps), 60)}, not a valid number of frames per second."
        )
    # Both projects write the number of events only after suppression.
    return Entries("frames", events, place, float(fps), "num_events" in sample)


def _id(sample: Mapping[str, Any]) -> str:
    """Return the id of a sample, for a message."""
    return plain(sample.get("id"), 60)


def _find_sample(
    samples: Sequence[dict[str, Any]], video: int, row: Video | None, place: str
) -> dict[str, Any] | None:
    """Find the sample of a video by game and half, by the video's path, or else by our own id.

    Raises:
        InputError: there are several samples.
    """
    found = [sample for sample in samples if row and _is_sample_of(sample, row)]
    if not found:
        found = [
            sample
            for sample in samples
            if sample.get("id") == f"video_{video}" and not _contradicts(sample, row)
        ]
    if len(found) > 1:
        raise InputError(
            f"{place} has {len(found)} samples of video {video}, {_id(found[0])!a} and "
            f"{_id(found[1])!a} among them. Keep only one."
        )
    return found[0] if found else None


def _game_and_half(sample: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """Return the game and the half in a sample's metadata."""
    metadata = sample.get("metadata")
    if not isinstance(metadata, dict):
        return None, None
    game, half = metadata.get("game"), str(metadata.get("half"))
    return game if isinstance(game, str) else None, int(half) if half in _HALVES else None


def _is_sample_of(sample: Mapping[str, Any], row: Video) -> bool:
    """Return whether a sample is about a video, by its metadata or, without metadata, by a path."""
    game, half = _game_and_half(sample)
    if _contradicts(sample, row):
        return False
    if game and row.game and half == row.half:
        return True
    inputs = sample.get("inputs")
    listed = inputs if isinstance(inputs, list) else []
    paths = [one.get("path") for one in listed if isinstance(one, dict)]
    return any(isinstance(path, str) and _is_path_of(path, row) for path in paths)


def _contradicts(sample: Mapping[str, Any], row: Video | None) -> bool:
    """Return whether a sample's metadata name another game or half than the row."""
    game, half = _game_and_half(sample)
    if row is None:
        return False
    other_game = bool(game and row.game) and not same_game(game or "", row.game or "")
    return other_game or (half is not None and row.half is not None and half != row.half)


def _is_path_of(path: str, row: Video) -> bool:
    """Return whether a path names the video of a row. Parent folders and suffix are ignored.

    In SoccerNet's folders, files of other resolutions show the same half.
    """
    theirs = PurePosixPath("/".join(_parts(path)))
    if not theirs.name:
        return False
    if row.path is not None:
        ours = PurePosixPath("/".join(_parts(str(row.path.absolute()))))
        if same_game(str(theirs.with_suffix("")), str(ours.with_suffix(""))):
            return True
    # A game in one video, as in SoccerNet's ball actions, counts as a first half.
    if row.game and row.half in (None, 1) and same_game(str(theirs), row.game):
        return True
    half = half_in_path(theirs)
    in_game = row.game and len(theirs.parts) > 1 and same_game(str(theirs.parent), row.game)
    return bool(in_game) and half is not None and half == row.half
