"""Predictions that were made elsewhere and are given to a run as files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from touchline.errors import InputError
from touchline.videos import ranges

_NUMBER = "{video}"


def find_given(
    templates: Mapping[str, str], videos: Iterable[int], skip_missing: bool
) -> dict[int, dict[str, str]]:
    """The files of given predictions there are, by video and model.

    Args:
        templates: a path a model, in which {video} stands for the video's number.
        videos: those to look for.
        skip_missing: leave a model out of the videos it has no file for.

    Raises:
        InputError: a file is missing and may not be; names all the videos that lack one.
    """
    given: dict[int, dict[str, str]] = {video: {} for video in videos}
    for model, template in templates.items():
        for video, files in given.items():
            path = template.replace(_NUMBER, str(video))
            if Path(path).is_file():
                files[model] = path
        lacking = [video for video, files in given.items() if model not in files]
        if lacking and not skip_missing:
            raise InputError(
                f"{template.replace(_NUMBER, str(lacking[0]))}: no such file, so there are no "
                f"predictions of {model} for video {ranges(lacking)}; put them there, correct "
                f"models.{model}.predictions, or set missing_predictions: skip."
            )
    return given


def given_videos(templates: Iterable[str]) -> list[int]:
    """The numbers of the videos that any model has given predictions for."""
    numbers: set[int] = set()
    for template in templates:
        folder, name = Path(template).parent, Path(template).name
        before, after = name.split(_NUMBER, 1)
        pattern = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
        matches = map(pattern.fullmatch, (p.name for p in folder.glob("*")))
        numbers.update(int(match[1]) for match in matches if match)
    return sorted(numbers)
