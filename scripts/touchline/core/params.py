"""Records of videos and models. They are parts of the parameters of several rules."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PredictedVideo:
    """A video, and a model (or the ensemble) that has events for this video."""

    video: int
    model: str


@dataclass(frozen=True, slots=True)
class MissingPredictions:
    """A video without given predictions for a model, with their expected path."""

    video: int
    model: str
    path: str
