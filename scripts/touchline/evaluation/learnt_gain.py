"""Decide whether an order learnt from some games is better in other games.

Annotations of a few games can teach an order that is worse than the original. Therefore a learnt
order is used only if cross-validation by game shows with confidence that it is better.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.special import stdtrit

from touchline.core.records import Event
from touchline.evaluation.average_precision import precision_at_hits
from touchline.evaluation.records import LEAST_GAMES
from touchline.events.shortlist import is_suppressed
from touchline.matching import true_positives

_CONFIDENCE = 0.95
# Smaller differences are rounding errors.
_LEAST_GAIN = 1e-9

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JudgedEvent:
    """A predicted event, with its game, its features and whether it is right."""

    game: str
    event: Event
    right: bool
    features: dict[str, float]


@dataclass(frozen=True, slots=True)
class JudgedHalf:
    """The judged events of a half's annotated classes, and the times of its true
    events, by class.
    """

    game: str
    truth: Mapping[str, Sequence[float]]
    events: Mapping[str, Sequence[JudgedEvent]]

    @property
    def worths(self) -> dict[str, list[float]]:
        """Return the values that rank the events of each class without learning."""
        return {
            label: [one.event.ranking_score for one in mine] for label, mine in self.events.items()
        }


# Scores of the events of each class in a half, in the order of `JudgedHalf.events`.
Scores = Mapping[str, Sequence[float]]


def improved_classes(
    halves: Sequence[JudgedHalf], learnt: Sequence[Scores], tolerance: float
) -> set[str]:
    """Return the classes whose learnt order is better than the order without labels.

    The rise of average precision has to be significant, both within halves (mean over halves) and
    across all halves.

    Args:
        halves: halves with judged events.
        learnt: scores of each half, learnt from the other games.
        tolerance: largest distance between a right event and its annotation, in seconds.
    """
    better = set()
    plain = [half.worths for half in halves]
    for label in {label for half in halves for label in half.truth}:
        in_halves = [
            (half.game, _ClassInHalf.of(half, label, worths, scores, tolerance))
            for half, worths, scores in zip(halves, plain, learnt, strict=True)
        ]
        gains = [(game, _gain([of_class])) for game, of_class in in_halves if of_class.true]
        games = sorted({game for game, _ in gains})
        if is_gain(_by_game(_mean, gains, games)) and is_gain(_by_game(_gain, in_halves, games)):
            better.add(label)
    return better


def list_gains(
    halves: Sequence[JudgedHalf], learnt: Sequence[Scores], tolerance: float
) -> dict[str, float]:
    """Compute the gain in average precision of each half's list from learnt probabilities.

    Without learning, the list has the best event of every class, then the second best of every
    class, and so on (`touchline.events.shortlist`).

    Returns:
        Mean gain over the halves with true events, by game.
    """
    gains: defaultdict[str, list[float]] = defaultdict(list)
    for half, scores in zip(halves, learnt, strict=True):
        if true := sum(map(len, half.truth.values())):
            plain = _list_precision(half, _places(half, half.worths), tolerance, true)
            gains[half.game].append(_list_precision(half, scores, tolerance, true) - plain)
    return {game: round(float(np.mean(of_game)), 6) for game, of_game in gains.items()}


def is_gain(values: Collection[float]) -> bool:
    """Return whether the mean over games is above 0 with 95 % confidence (Student's t)."""
    count = len(values)
    if count < LEAST_GAMES:
        return False
    of_games = np.array([*values])
    error = float(of_games.std(ddof=1)) / count**0.5
    return bool(of_games.mean() - stdtrit(count - 1, _CONFIDENCE) * error > _LEAST_GAIN)


def _by_game(
    gain: Callable[[Sequence[T]], float], parts: Sequence[tuple[str, T]], games: Sequence[str]
) -> list[float]:
    """Compute the contribution of each game to a gain (jackknife pseudo-values).

    Source: Tukey, 1958, Annals of Mathematical Statistics 29: 614.

    Args:
        gain: function that computes the gain of some parts.
        parts: each part with the name of its game.
        games: names of all games.
    """
    count = len(games)
    if count < LEAST_GAMES:
        return []
    whole = gain([part for _, part in parts])
    without = [gain([part for of, part in parts if of != game]) for game in games]
    return [count * whole - (count - 1) * rest for rest in without]


def _mean(values: Sequence[float]) -> float:
    """Return the mean as a Python float."""
    return float(np.mean(values))


@dataclass(frozen=True, slots=True)
class _ClassInHalf:
    """The events of one class in one half, in the original and in the learnt order.

    Attributes:
        true: number of true events.
        scores: scores of the events in each order.
        right: whether each event is right in each order.
    """

    true: int
    scores: tuple[Sequence[float], Sequence[float]]
    right: tuple[Sequence[bool], Sequence[bool]]

    @staticmethod
    def of(
        half: JudgedHalf, label: str, plain: Scores, learnt: Scores, tolerance: float
    ) -> _ClassInHalf:
        """Judge the events of one class in one half, in the plain order and in the learnt order."""
        scores = (plain.get(label, ()), learnt.get(label, ()))
        times = [one.event.time_s for one in half.events.get(label, ())]
        truth = half.truth.get(label, ())
        right = tuple(true_positives(truth, times, each, tolerance) for each in scores)
        return _ClassInHalf(len(truth), scores, (right[0], right[1]))


def _gain(halves: Sequence[_ClassInHalf]) -> float:
    """Compute the gain in average precision over all events of some halves."""
    plain, learnt = (
        precision_at_hits(
            [score for half in halves for score in half.scores[order]],
            [right for half in halves for right in half.right[order]],
            sum(half.true for half in halves),
        )
        for order in (0, 1)
    )
    return learnt - plain


def _places(half: JudgedHalf, scores: Scores) -> dict[str, list[float]]:
    """Return the negative rank of each event in its class. The first event has the highest value.

    Events that a shortlist leaves out get minus infinity.
    """
    places = {}
    for label, mine in half.events.items():
        order = sorted(range(len(mine)), key=lambda at: -scores[label][at])
        of_class = [-np.inf] * len(mine)
        listed = (at for at in order if not is_suppressed(mine[at].event))
        for rank, at in enumerate(listed, start=1):
            of_class[at] = -float(rank)
        places[label] = of_class
    return places


def _list_precision(half: JudgedHalf, ranks: Scores, tolerance: float, true: int) -> float:
    """Compute the average precision of a half's list of candidates over all classes."""
    scores: list[float] = []
    hits: list[bool] = []
    for label, mine in half.events.items():
        times = [one.event.time_s for one in mine]
        right = true_positives(half.truth.get(label, ()), times, ranks[label], tolerance)
        for one, rank, is_right in zip(mine, ranks[label], right, strict=True):
            if not is_suppressed(one.event):
                scores.append(rank)
                hits.append(is_right)
    return precision_at_hits(scores, hits, true)
