"""Records of videos and models that several rules' parameters have as fields."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Predicted:
    """A video, and a model (or the ensemble) that has events of it."""

    video: int
    model: str


@dataclass(frozen=True, slots=True)
class MissingPredictions:
    """A video, a model without given predictions of it, and the path where they were expected."""

    video: int
    model: str
    path: str


@dataclass(frozen=True, slots=True)
class AnnotatedVideo:
    """A video with labels, as a model's evaluation reads it.

    Attributes:
        game: the game it is of; a video without a game is one by itself.
        half: which half of it; None if that is not known.
        models: how many files of coverage it has: an ensemble's are those of its models.
        others: how many other models have events of it; none counts beside an ensemble.
    """

    video: int
    game: str
    half: int | None
    models: int
    others: int
