"""What a run is given, looked through before anything runs: all mistakes at once.

Nothing is decoded or loaded; files are opened to see that they are there and of the right kind.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from touchline.core.files import read_text
from touchline.errors import InputError
from touchline.evaluation.annotations import find_labels, read_truth
from touchline.inputs.candidates import candidates_of
from touchline.inputs.external_predictions import find_given, given_videos
from touchline.inputs.labels import Labels
from touchline.inputs.project import with_project_files
from touchline.inputs.settings import Settings, nearest, read_settings
from touchline.inputs.videos import Video, game_of, left_out, read_videos, select
from touchline.models import adapters, checkpoints

# A person fixes the first of so many mistakes of a kind and sees the rest the next time.
_MOST = 10

T = TypeVar("T")


@dataclass(frozen=True)
class Inputs:
    """What a run works on.

    Attributes:
        videos: the table of videos, by number; empty if there is none.
        selected: the numbers of the videos to process.
        given: by video and model, the files of given predictions.
        annotations: by video, the file of its true events, where there is one.
        games: by video, the name of its game.
        classes: those of labels.yaml, where models weigh them.
        shown: the selected videos whose files are there to be looked at.
        warnings: a sentence for what was left out.
    """

    settings: Settings
    videos: Mapping[int, Video]
    selected: Sequence[int]
    given: Mapping[int, Mapping[str, str]]
    annotations: Mapping[int, str]
    games: Mapping[int, str]
    shown: Sequence[int]
    classes: Sequence[str] = ()
    warnings: Sequence[str] = ()


def read_inputs(
    config: Mapping[str, Any], check: bool, with_videos: bool = True, project: Path = Path()
) -> Inputs:
    """Read what the settings name.

    Args:
        check: open every file that is named; for the jobs of a run that was checked before its
            first one, it is not done again.
        with_videos: whether videos must be there: not to fetch the models.
        project: the folder of the project's own files.

    Raises:
        InputError: one line for each mistake.
    """
    settings = with_project_files(read_settings(config), project)
    mistakes = Mistakes()
    source = settings.videos
    videos: dict[int, Video] = mistakes.of(lambda: read_videos(source), {}) if source else {}
    templates = {
        name: template
        for name in settings.compare_with
        if (template := settings.models[name].predictions)
    }
    numbers: list[int] = list(videos)
    if source is None:
        numbers = mistakes.of(lambda: given_videos(templates), numbers)
    selected: list[int] = []
    if numbers:
        selected = mistakes.of(lambda: select(numbers, settings.select), selected)
    skip = settings.missing_predictions == "skip"
    given: dict[int, dict[str, str]] = {}
    given = mistakes.of(lambda: find_given(templates, selected, skip), given)
    annotations: dict[int, str] = {}
    annotations = mistakes.of(lambda: find_labels(videos, selected), annotations)
    games = {video: game_of(video, videos) for video in selected}
    classes: tuple[str, ...] = ()
    if settings.detect_with and settings.generation.evidence:
        classes = mistakes.of(lambda: _weighed(settings), classes)
    if check:
        if settings.detect_with and with_videos:
            mistakes.extend(_missing_videos(videos, selected))
        mistakes.extend(_unusable_files(settings, annotations, videos))
    mistakes.end()
    shown = selected if settings.detect_with else [v for v in selected if _is_there(videos, v)]
    found = [
        left_out(source) if source else None,
        _too_few_games(settings, {games[video] for video in annotations}),
    ]
    warnings = list(filter(None, found)) if check else []
    return Inputs(settings, videos, selected, given, annotations, games, shown, classes, warnings)


class Mistakes:
    """Collects mistakes, to report them together."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def of(self, read: Callable[[], T], otherwise: T) -> T:
        """What is read, or something else to go on with if that is a mistake."""
        try:
            return read()
        except InputError as error:
            self.extend(str(error).splitlines())
            return otherwise

    def extend(self, lines: Sequence[str]) -> None:
        """Add mistakes of one kind; of many only the first are written out."""
        new = [line for line in lines if line not in self.lines]
        self.lines += new[:_MOST]
        if len(new) > _MOST:
            self.lines.append(f"… and {len(new) - _MOST} more like these.")

    def end(self) -> None:
        """Raise InputError if there are any."""
        if self.lines:
            raise InputError("\n".join(self.lines))


def _too_few_games(settings: Settings, games: Set[str]) -> str | None:
    """A warning if scores are to be learnt from other games and there are none with labels."""
    if not settings.ensemble.calibrated or len(games) > 1:
        return None
    return (
        "config.ensemble.calibrated: scores are learnt from the labels of other matches, and "
        f"{len(games)} of the selected matches have labels; where there is nothing to learn from, "
        "events keep their scores. Name labels of two or more matches in the table of videos."
    )


def _weighed(settings: Settings) -> tuple[str, ...]:
    """The classes that are weighed, if the prompt has what their candidates are written from."""
    classes = Labels.read(settings.labels).classes
    candidates_of(read_text(settings.prompt), classes)
    return classes


def _missing_videos(videos: Mapping[int, Video], selected: Sequence[int]) -> list[str]:
    lines = []
    for video in selected:
        path = videos[video].path
        if not path.exists():
            lines.append(f"{path}: there is no such video; correct the path of video {video}.")
        elif path.is_dir():
            lines.append(f"{path} is a folder; give the path of a file as video {video}.")
        elif not os.access(path, os.R_OK):
            lines.append(f"{path} (video {video}) may not be read by you; ask for the right to.")
        elif path.stat().st_size == 0:
            lines.append(f"{path} (video {video}) is empty (0 bytes); copy the video again.")
    return lines


def _is_there(videos: Mapping[int, Video], video: int) -> bool:
    return video in videos and videos[video].path.is_file()


def _unusable_files(
    settings: Settings, truth: Mapping[int, str], videos: Mapping[int, Video]
) -> list[str]:
    """A line for each file that settings or table name and that is not what it should be."""
    mistakes = Mistakes()
    labels = mistakes.of(lambda: Labels.read(settings.labels), None)
    if settings.detect_with:
        mistakes.of(lambda: _check_prompt(settings.prompt), None)
    for name in settings.detect_with:
        checkpoint = settings.models[name].checkpoint or ""
        family = settings.models[name].family
        mistakes.of(lambda: checkpoints.check_source(checkpoint, family), None)  # noqa: B023
        if adapter := settings.models[name].adapter:
            mistakes.of(lambda: adapters.check_source(adapter), None)
    if labels is not None:
        mistakes.extend(_unknown_classes(settings.evaluation.classes or (), labels))
        files = {(path, videos[video].half) for video, path in truth.items()}
        for path, half in sorted(files, key=str):
            mistakes.of(lambda: _check_truth(path, labels, half), None)  # noqa: B023
    return mistakes.lines


def _unknown_classes(names: Sequence[str], labels: Labels) -> list[str]:
    return [
        f"config.evaluation.classes: {name!a} is no class of labels.yaml"
        f"{nearest(name, labels.classes)}"
        for name in names
        if name not in labels.classes
    ]


def _check_prompt(path: str) -> None:
    if not read_text(path).strip():
        raise InputError(f"{path} is empty; write into it what the model is to be asked.")


def _check_truth(path: str, labels: Labels, half: int | None) -> None:
    truth = read_truth(path, labels, half)
    if truth.problems and not truth.events:
        raise InputError(f"{path} has no event that can be used. The first: {truth.problems[0]}")
