"""Find a run's inputs: the settings and the files that they name.

The files are not checked here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from touchline.core.files import read_text
from touchline.errors import InputError
from touchline.evaluation.annotations import count_unknown_labels, find_labels
from touchline.inputs.candidates import NONE, make_candidates
from touchline.inputs.class_names import resolve_class_names
from touchline.inputs.given import find_given, given_videos
from touchline.inputs.labels import Labels, normalize_label
from touchline.inputs.project import with_project_files
from touchline.inputs.settings import Settings, read_settings, videos_in_settings
from touchline.inputs.videos import Video, game_name, select
from touchline.learning.note import read_note
from touchline.learning.records import LEAST_EVENTS

# Most mistakes of one kind to print. A person fixes these and sees the rest the next time.
_MOST = 10

T = TypeVar("T")


@dataclass(frozen=True)
class Inputs:
    """The inputs of a run.

    Attributes:
        settings: the settings of the run.
        videos: the table of videos, by number; empty if there is no table.
        selected: the numbers of the videos to process.
        given: the files of given predictions, by video and model.
        annotations: the file of annotations, by video; only videos that have annotations.
        games: the name of the game, by video.
        shown: the selected videos whose footage is used.
        classes: the classes of labels.yaml; empty unless the run keeps evidence.
        taught: classes beyond labels.yaml, from labels of videos or from models learnt elsewhere.
        warnings: one sentence per warning.
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
    """A collection of mistakes that are reported together."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def catch(self, read: Callable[[], T], otherwise: T) -> T:
        """Call `read` and return its result.

        If it raises InputError, keep its lines and return `otherwise`.
        """
        try:
            return read()
        except InputError as error:
            self.extend(str(error).splitlines())
            return otherwise

    def extend(self, lines: Sequence[str]) -> None:
        """Add mistakes of one kind. If there are many, keep the first and count the rest."""
        new = [line for line in lines if line not in self.lines]
        self.lines += new[:_MOST]
        if len(new) > _MOST:
            self.lines.append(f"… and {len(new) - _MOST} more like these.")

    def end(self) -> None:
        """Raise InputError with all mistakes, if there are any."""
        if self.lines:
            raise InputError("\n".join(self.lines))


def find_inputs(config: Mapping[str, Any], project: Path, *, only_models: bool = False) -> Inputs:
    """Find the inputs that the settings name.

    Args:
        config: the settings as Snakemake passes them.
        project: the folder of the project's own files.
        only_models: whether to read only the settings, because fetching models needs nothing else.

    Raises:
        InputError: something is wrong; the message has one line per mistake.
    """
    mistakes = Mistakes()
    inputs = collect_inputs(config, project, mistakes, only_models=only_models)
    mistakes.end()
    return inputs


def collect_inputs(
    config: Mapping[str, Any], project: Path, mistakes: Mistakes, *, only_models: bool = False
) -> Inputs:
    """Find the inputs as `find_inputs` does, but collect mistakes instead of raising them.

    Mistakes in the settings themselves are still raised as InputError.

    Args:
        config: the settings as Snakemake passes them.
        project: the folder of the project's own files.
        mistakes: the collection that gets the mistakes.
        only_models: whether to read only the settings, because fetching models needs nothing else.
    """
    settings = with_project_files(read_settings(config), project)
    if only_models:
        return Inputs(settings, {}, [], {}, {}, {}, [])
    source = settings.videos
    videos: dict[int, Video] = mistakes.catch(lambda: videos_in_settings(settings), {})
    sources = {
        name: path for name in settings.compare_with if (path := settings.models[name].predictions)
    }
    numbers: list[int] = list(videos)
    if source is None:
        numbers = mistakes.catch(lambda: given_videos(sources), numbers)
    selected: list[int] = []
    if numbers:
        selected = mistakes.catch(lambda: select(numbers, settings.select), selected)
    skip = settings.missing_predictions == "skip"
    given: dict[int, dict[str, str]] = {}
    given = mistakes.catch(lambda: find_given(sources, selected, videos, skip), given)
    annotations: dict[int, str] = {}
    annotations = mistakes.catch(
        lambda: find_labels(videos, selected, settings.results), annotations
    )
    games = {video: game_name(video, videos) for video in selected}
    shown = selected
    if not settings.detect_with:
        footage = {video: row.path for video, row in videos.items()}
        shown = [video for video in selected if (file := footage.get(video)) and file.exists()]
    classes: tuple[str, ...] = ()
    if settings.detect_with and settings.generation.evidence:
        classes = mistakes.catch(lambda: _weighed_classes(settings), classes)
    taught: list[str] = []
    taught = mistakes.catch(lambda: taught_classes(settings, annotations.values()), taught)
    named = mistakes.catch(lambda: resolve_class_names(settings, taught), settings)
    return Inputs(named, videos, selected, given, annotations, games, shown, classes, taught)


def taught_classes(settings: Settings, annotations: Iterable[str]) -> list[str]:
    """Return the classes that are not in labels.yaml but have enough examples to learn from.

    Other labels that are not in labels.yaml are misspelt, or too rare to learn.

    Args:
        settings: the settings of the run.
        annotations: paths of the annotation files.

    Raises:
        InputError: a file cannot be read.
    """
    if not settings.has_features:
        return []
    labels = Labels.read(settings.labels)
    counts: Counter[str] = Counter()
    for path in sorted(set(annotations)):
        counts += count_unknown_labels(path, labels)
    for name in settings.learned:
        if path_of_learned := settings.models[name].learned:
            parts = read_note(path_of_learned).parts
            known = {label for part in parts for label in part.classes}
            counts += Counter(dict.fromkeys(known - set(labels.classes), LEAST_EVENTS))
    spellings: dict[str, Counter[str]] = {}
    for label, count in counts.items():
        if key := normalize_label(label):
            spellings.setdefault(key, Counter())[label] += count
    enough = [each for each in spellings.values() if each.total() >= LEAST_EVENTS]
    found = sorted(each.most_common(1)[0][0] for each in enough)
    return [label for label in found if label != NONE and not labels.is_spelling(label)]


def _weighed_classes(settings: Settings) -> tuple[str, ...]:
    """Return the classes of labels.yaml, after checking that the prompt has an example answer.

    Evidence is the likelihood of answers that are written like this example.
    """
    classes = Labels.read(settings.labels).classes
    make_candidates(read_text(settings.prompt), classes)
    return classes
