"""Read the features of videos, and the annotations for learning."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from touchline.core.files import read_record
from touchline.core.records import Manifest, WindowRecord
from touchline.errors import InputError
from touchline.evaluation.annotations import read_truth
from touchline.events.merge import check_slices, read_slices
from touchline.evidence.features import VideoFeatures, join_features
from touchline.evidence.origin import FeatureOrigin
from touchline.inputs.clock import HalfStart
from touchline.inputs.labels import Labels
from touchline.inputs.settings import WindowSettings
from touchline.inputs.videos import AnnotatedVideo
from touchline.inputs.windows import Stretches, watched_parts
from touchline.learning.records import LearntGame
from touchline.learning.reduction import directions, standardize
from touchline.learning.training import LabelledVideo


class LearningFiles(Protocol):
    """Paths of the files for learning, in the order of the videos.

    Attributes:
        truth, manifests: one file per video.
        features, ledgers: one file per slice.
        labels: path of labels.yaml.
    """

    truth: Sequence[str]
    manifests: Sequence[str]
    features: Sequence[str]
    ledgers: Sequence[str]
    labels: str


@dataclass(frozen=True)
class WatchedVideo:
    """A video with its features.

    Attributes:
        manifest: manifest of the video.
        stretches: stretches that the model looked at.
        windows: lines of the ledgers.
        features: features of the video.
    """

    manifest: Manifest
    stretches: Stretches
    windows: Sequence[WindowRecord]
    features: VideoFeatures


@dataclass(frozen=True)
class LabelledVideos:
    """The annotated videos for learning.

    Attributes:
        videos: the videos.
        classes: names of the classes, in the order of labels.yaml.
        games: games of the videos.
        origin: origin of the features.
        width: width of a window's features.
        problems: one line per annotation that cannot be used.
    """

    videos: Sequence[LabelledVideo]
    classes: Sequence[str]
    games: Sequence[LearntGame]
    origin: FeatureOrigin
    width: int
    problems: Sequence[str]


def read_watched(
    manifest: str,
    features: Sequence[str],
    ledgers: Sequence[str],
    *,
    halves: Sequence[HalfStart],
    rule: WindowSettings,
) -> WatchedVideo:
    """Read the features of a video.

    Args:
        manifest: path of the manifest.
        features, ledgers: paths of the files, one per slice.
        halves: where halves begin in the video.
        rule: settings of the windows.

    Raises:
        InputError: a file cannot be read, or does not fit the other files.
    """
    found = read_record(manifest, Manifest)
    stretches = watched_parts(found.duration, halves, rule)
    slices = read_slices(ledgers, stretches)
    check_slices(slices, stretches, rule)
    parts = [(path, part.windows) for path, part in zip(features, slices, strict=True)]
    windows = [window for part in slices for window in part.windows]
    return WatchedVideo(found, stretches, windows, join_features(parts))


def read_labelled(
    rows: Sequence[AnnotatedVideo],
    files: LearningFiles,
    *,
    slices: int,
    rule: WindowSettings,
    classes: Collection[str] | None,
    taught: Sequence[str],
) -> LabelledVideos:
    """Read the videos for learning. They are read one after the other to save memory.

    Args:
        rows: annotated videos in the order of the files.
        files: paths of the files.
        slices: number of slices per video.
        rule: settings of the windows.
        classes: classes whose annotations are complete; None for all.
        taught: classes that annotations name and labels.yaml does not have.

    Raises:
        InputError: a file cannot be read, or does not fit the other files.
    """
    labels = Labels.read(files.labels, taught)
    videos: list[LabelledVideo] = []
    games: dict[str, list[str]] = {}
    origins: list[tuple[str, FeatureOrigin]] = []
    problems: list[str] = []
    width = 0
    for place, row in enumerate(rows):
        own = slice(place * slices, (place + 1) * slices)
        video = read_watched(
            files.manifests[place],
            files.features[own],
            files.ledgers[own],
            halves=row.game_half.halves,
            rule=rule,
        )
        manifest, features = video.manifest, video.features
        origins.append((files.features[own][0], features.origin))
        _check_equal(*origins[0], *origins[-1])
        truth = read_truth(
            files.truth[place],
            labels,
            of=row.game_half,
            duration=manifest.duration,
            classes=classes,
        )
        problems += [problem for problem in truth.problems if problem not in problems]
        width = max(width, features.states.shape[1])
        games.setdefault(row.game, []).append(manifest.fingerprint)
        videos.append(
            LabelledVideo(
                video=row.video,
                game=row.game,
                stretches=video.stretches,
                windows=features.windows,
                answered=features.answered,
                states=standardize(features.states) @ directions(features.states.shape[1]),
                truth=truth,
                step=features.origin.window["step"],
            )
        )
    empty = np.zeros((0, directions(width).shape[1]), np.float32)
    # The features of a video without answers have width 0.
    videos = [video if len(video.states) else video.with_states(empty) for video in videos]
    learnt = [LearntGame(game=game, fingerprints=found) for game, found in games.items()]
    return LabelledVideos(videos, labels.classes, learnt, origins[0][1], width, problems)


def _check_equal(first: str, origin: FeatureOrigin, path: str, other: FeatureOrigin) -> None:
    """Refuse features whose model or settings differ from those of the first features."""
    if changed := origin.differences(other):
        raise InputError(
            f"{path} was made with other settings than {first}: {'; '.join(changed)}. Delete the "
            "older file and run again."
        )
