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
