"""The learning curve: what is spotted in games by what was learnt from few or many others."""

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
    """How spotted events are judged.

    Attributes:
        radius: most seconds between an event and its repeats.
        tolerance: most seconds between an event and the true one.
        resamples: samples of the games that intervals are taken from.
        seed: of these samples, and of the games that are drawn to be learnt from.
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
    """Measure what is spotted by what was learnt from 1, 2, 4, … games, and from all others.

    Each game is judged by games drawn from the others.

    Args:
        without: what was learnt from all games but some, and these.
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
    """The mean average precision over the classes that occur, [1 + samples of the games].

    A class that occurs and is never spotted counts 0.
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
    count = 1
    while count < most:
        yield count
        count *= 2


def _drawn(
    learner: Learner, without: Sequence[tuple[Sequence[str], Fit]], count: int, seed: int
) -> Iterator[tuple[Sequence[str], Fit]]:
    """Learn from a few of the games that each part was learnt from."""
    for number, (group, fit) in enumerate(without):
        others = [game for game in learner.games if game not in group]
        drawn = np.random.default_rng((seed, count, number)).permutation(len(others))[:count]
        yield group, learner.fit([others[n] for n in sorted(drawn)], fit.strength)


def _halves(learner: Learner, fit: Fit, games: Sequence[str], radius: float) -> Iterator[Half]:
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
    """The events of a video by what was learnt from others.

    Args:
        radius: most seconds between an event and its repeats.
    """
    weights = np.full((len(video.windows), len(fit.classes) + 1), np.nan)
    weights[video.answered] = log_probabilities(fit.log_odds(video))
    evidence = Evidence(video.windows, fit.classes, weights, "learned")
    return [
        event
        for stretch in video.stretches
        for event in spot_events(evidence.between(*stretch), radius)
    ]
