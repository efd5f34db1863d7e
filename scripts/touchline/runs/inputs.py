"""What a run is given: the settings, and what they name, found but not yet looked through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from touchline.core.files import read_text
from touchline.errors import InputError
from touchline.evaluation.annotations import find_labels, labels_beyond
from touchline.inputs.candidates import NONE, candidates_of
from touchline.inputs.class_names import with_class_names
from touchline.inputs.given import find_given, given_videos
from touchline.inputs.labels import Labels, key_of
from touchline.inputs.project import with_project_files
from touchline.inputs.settings import Settings, read_settings, table_of
from touchline.inputs.videos import Video, game_of, select
from touchline.learning.note import read_note
from touchline.learning.records import LEAST_EVENTS

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
        shown: the selected videos whose files are there to be looked at.
        classes: those of labels.yaml, where models weigh them.
        taught: classes that labels of videos, or models learnt elsewhere, have beside those.
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
    taught: Sequence[str] = ()
    warnings: Sequence[str] = ()


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


def find_inputs(config: Mapping[str, Any], project: Path, *, only_models: bool = False) -> Inputs:
    """Read what the settings name.

    Args:
        project: the folder of the project's own files.
        only_models: read the settings alone, as fetching models needs nothing else.

    Raises:
        InputError: one line for each mistake.
    """
    mistakes = Mistakes()
    inputs = collect_inputs(config, project, mistakes, only_models=only_models)
    mistakes.end()
    return inputs


def collect_inputs(
    config: Mapping[str, Any], project: Path, mistakes: Mistakes, *, only_models: bool = False
) -> Inputs:
    """As `find_inputs`, but all mistakes except those in the settings are collected.

    Args:
        only_models: read the settings alone, as fetching models needs nothing else.
    """
    settings = with_project_files(read_settings(config), project)
    if only_models:
        return Inputs(settings, {}, [], {}, {}, {}, [])
    source = settings.videos
    videos: dict[int, Video] = mistakes.of(lambda: table_of(settings), {})
    sources = {
        name: path for name in settings.compare_with if (path := settings.models[name].predictions)
    }
    numbers: list[int] = list(videos)
    if source is None:
        numbers = mistakes.of(lambda: given_videos(sources), numbers)
    selected: list[int] = []
    if numbers:
        selected = mistakes.of(lambda: select(numbers, settings.select), selected)
    skip = settings.missing_predictions == "skip"
    given: dict[int, dict[str, str]] = {}
    given = mistakes.of(lambda: find_given(sources, selected, videos, skip), given)
    annotations: dict[int, str] = {}
    annotations = mistakes.of(lambda: find_labels(videos, selected, settings.results), annotations)
    games = {video: game_of(video, videos) for video in selected}
    shown = selected
    if not settings.detect_with:
        footage = {video: row.path for video, row in videos.items()}
        shown = [video for video in selected if (file := footage.get(video)) and file.exists()]
    classes: tuple[str, ...] = ()
    if settings.detect_with and settings.generation.evidence:
        classes = mistakes.of(lambda: _weighed(settings), classes)
    taught: list[str] = []
    taught = mistakes.of(lambda: taught_classes(settings, annotations.values()), taught)
    named = mistakes.of(lambda: with_class_names(settings, taught), settings)
    return Inputs(named, videos, selected, given, annotations, games, shown, classes, taught)


def taught_classes(settings: Settings, annotations: Iterable[str]) -> list[str]:
    """The classes that are not in labels.yaml and that there is something to learn of.

    Other labels that name no class are mistakes of spelling, or too rare to be learnt.

    Args:
        annotations: paths of the videos' labels.

    Raises:
        InputError: a file cannot be read.
    """
    if not settings.has_features:
        return []
    labels = Labels.read(settings.labels)
    counts: Counter[str] = Counter()
    for path in sorted(set(annotations)):
        counts += labels_beyond(path, labels)
    for name in settings.learned:
        if path_of_learned := settings.models[name].learned:
            parts = read_note(path_of_learned).parts
            known = {label for part in parts for label in part.classes}
            counts += Counter(dict.fromkeys(known - set(labels.classes), LEAST_EVENTS))
    spellings: dict[str, Counter[str]] = {}
    for label, count in counts.items():
        if key := key_of(label):
            spellings.setdefault(key, Counter())[label] += count
    enough = [each for each in spellings.values() if each.total() >= LEAST_EVENTS]
    found = sorted(each.most_common(1)[0][0] for each in enough)
    return [label for label in found if label != NONE and not labels.is_spelling(label)]


def _weighed(settings: Settings) -> tuple[str, ...]:
    """The classes that are weighed, if the prompt has what their candidates are written from."""
    classes = Labels.read(settings.labels).classes
    candidates_of(read_text(settings.prompt), classes)
    return classes
