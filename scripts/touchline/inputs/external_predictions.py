"""Predictions that were made elsewhere and are given to a run as files."""

from __future__ import annotations

import glob
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from touchline.errors import InputError
from touchline.inputs.spotting_files import expected_place, find_entries
from touchline.inputs.videos import Video, game_of, ranges

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
            their games and halves (`touchline.inputs.spotting_files`).
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
        if not found and (wrong := _placeholder(source)):
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
                f"models.{model}.predictions, or set missing_predictions: skip."
            )
    if mistakes:
        raise InputError("\n".join(mistakes))
    return given


def _placeholder(source: str) -> str | None:
    """The first name in braces that is not {video}."""
    names = re.findall(r"\{\w*\}", source)
    return next((name for name in names if name != _NUMBER), None)


def place_of(source: str, video: int, videos: Mapping[int, Video]) -> str:
    """Where the predictions of a video are, or should be.

    Args:
        source, videos: as of `find_given`.
    """
    if _NUMBER in source:
        return source.replace(_NUMBER, str(video))
    return expected_place(source, video, videos)


def _found(
    source: str, selected: Collection[int], videos: Mapping[int, Video]
) -> Mapping[int, str]:
    if _NUMBER not in source:
        if not Path(source).exists():
            return {}
        return find_entries(source, sorted(selected), videos)
    paths = {video: source.replace(_NUMBER, str(video)) for video in selected}
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
    for template in templates.values():
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
