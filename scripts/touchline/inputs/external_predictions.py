"""Predictions that were made elsewhere and are given to a run as files."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from touchline.errors import InputError
from touchline.inputs.videos import ranges

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
        InputError: files are missing and may not be; one line a model, which names all the
            videos that lack one.
    """
    given: dict[int, dict[str, str]] = {video: {} for video in videos}
    mistakes = []
    for model, template in templates.items():
        for video, files in given.items():
            path = template.replace(_NUMBER, str(video))
            if Path(path).is_file():
                files[model] = path
        lacking = [video for video, files in given.items() if model not in files]
        if lacking and not skip_missing:
            mistakes.append(
                f"{template.replace(_NUMBER, str(lacking[0]))}: no such file, so there are no "
                f"predictions of {model} for video {ranges(lacking)}; put them there, correct "
                f"models.{model}.predictions, or set missing_predictions: skip."
            )
    if mistakes:
        raise InputError("\n".join(mistakes))
    return given


def given_videos(templates: Mapping[str, str]) -> list[int]:
    """The numbers of the videos that any model has given predictions for.

    Args:
        templates: as of `find_given`; {video} may stand in any part of the path, and more than
            once.

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
