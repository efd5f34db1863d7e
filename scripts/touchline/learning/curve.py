"""Measure the learning curve: average precision by the number of games in the training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from touchline.core.records import Event
from touchline.evaluation.average_precision import average_precision, ratio
from touchline.evaluation.metrics import by_label, curve, game_weights
from touchline.evaluation.outcomes import Half, restrict_to_coverage
from touchline.evidence.peaks import spot_events
from touchline.evidence.tables import Evidence
from touchline.learning.model import log_probabilities
from touchline.learning.records import CurvePoint
from touchline.learning.training import Fit, LabelledVideo, Learner


@dataclass(frozen=True)
class Judging:
    """The settings for evaluating spotted events.

    Attributes:
        radius: largest distance between an event and its duplicates, in seconds.
        tolerance: largest distance between an event and the annotation that it is paired with, in
            seconds.
        resamples: number of resamples of the games for intervals.
        seed: seed of the resamples and of the games drawn for training.
    """

    radius: float
    tolerance: float
    resamples: int
    seed: int


def learning_curve(
    learner: Learner,
    without: Sequence[tuple[Sequence[str], Fit]],
    how: Judging,
) -> list[CurvePoint]:
    """Measure the average precision after learning from 1, 2, 4, … games and from all other games.

    Each game is tested with models that learnt from other games.

    Args:
        learner: the games with annotations.
        without: each group of left-out games, and the model learnt from all other games.
        how: settings of the evaluation.
    """
    most = len(learner.games) - max((len(group) for group, _ in without), default=0)
    if most < 1:
        return []
    classes = learner.classes(learner.games)
    points = []
    for count in [*_doubling(most), most]:
        fits = without if count == most else [*_drawn(learner, without, count, how.seed)]
        halves = [half for group, fit in fits for half in _halves(learner, fit, group, how.radius)]
        values = mean_precisions(halves, classes, learner.games, how)
        low, high = np.percentile(values[1:], [2.5, 97.5]) if len(values) > 1 else (None, None)
        points.append(CurvePoint(games=count, value=values[0], low=low, high=high))
    return points


def mean_precisions(
    halves: Sequence[Half], classes: Sequence[str], games: Sequence[str], how: Judging
) -> NDArray[np.float64]:
    """Compute the mean average precision over the classes that occur, [1 + resamples].

    A class that occurs but is never spotted counts as 0.
    """
    weights = game_weights(games, how.resamples, how.seed)
    lists = by_label(map(restrict_to_coverage, halves), {label: label for label in classes}, games)
    total = np.zeros(len(weights))
    occurring = np.zeros(len(weights))
    for of_class in lists.values():
        positives = np.zeros(len(games))
        for mine in of_class:
            positives[mine.game] += len(mine.truth)
        occurs = weights @ positives > 0
        if any(mine.times for mine in of_class):
            found = average_precision(*curve(of_class, how.tolerance, weights))
            total += np.where(occurs, found, 0.0)
        occurring += occurs
    return ratio(total, occurring).round(6)


def _doubling(most: int) -> Iterator[int]:
    """Yield 1, 2, 4, … below `most`."""
    count = 1
    while count < most:
        yield count
        count *= 2


def _drawn(
    learner: Learner, without: Sequence[tuple[Sequence[str], Fit]], count: int, seed: int
) -> Iterator[tuple[Sequence[str], Fit]]:
    """Learn once for each group, from `count` games drawn at random from its training games."""
    for number, (group, fit) in enumerate(without):
        others = [game for game in learner.games if game not in group]
        drawn = np.random.default_rng((seed, count, number)).permutation(len(others))[:count]
        yield group, learner.fit([others[n] for n in sorted(drawn)], fit.strength)


def _halves(learner: Learner, fit: Fit, games: Sequence[str], radius: float) -> Iterator[Half]:
    """Yield the halves of some games with their annotations and spotted events."""
    for video in learner.videos:
        if video.game in games:
            yield Half(
                video.video,
                video.game,
                video.truth.events,
                spotted(video, fit, radius),
                tuple(video.stretches),
            )


def spotted(video: LabelledVideo, fit: Fit, radius: float) -> list[Event]:
    """Return the events in a video that a learnt model spots.

    Args:
        video: the video.
        fit: model learnt from other games.
        radius: largest distance between an event and its duplicates, in seconds.
    """
    weights = np.full((len(video.windows), len(fit.classes) + 1), np.nan)
    weights[video.answered] = log_probabilities(fit.log_odds(video))
    evidence = Evidence(video.windows, fit.classes, weights, "learned")
    return [
        event
        for stretch in video.stretches
        for event in spot_events(evidence.between(*stretch), radius)
    ]
