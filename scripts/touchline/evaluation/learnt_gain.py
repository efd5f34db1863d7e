"""Whether an order that was learnt from some games is better in others.

Labels of a few games can teach an order that is worse than none. So nothing that was learnt is used
unless cross-validation by game, inside the games with labels, finds it better with confidence.
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
# Less is how numbers are rounded.
_LEAST_GAIN = 1e-9

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Judged:
    """An event, the game it is of, whether it is right, and what that is learnt from."""

    game: str
    event: Event
    right: bool
    features: dict[str, float]


@dataclass(frozen=True, slots=True)
class JudgedHalf:
    """The events of the annotated classes in a half, and the times of the true ones by class."""

    game: str
    truth: Mapping[str, Sequence[float]]
    events: Mapping[str, Sequence[Judged]]

    @property
    def worths(self) -> dict[str, list[float]]:
        """What each event ranks by without labels."""
        return {label: [one.event.worth for one in mine] for label, mine in self.events.items()}


# What the events of each class in a half rank by, in the order of `JudgedHalf.events`.
Scores = Mapping[str, Sequence[float]]


def better_classes(
    halves: Sequence[JudgedHalf], learnt: Sequence[Scores], tolerance: float
) -> set[str]:
    """Name the classes whose learnt order is better than the order by worth.

    Average precision has to rise with confidence both within halves (the mean over them) and
    across all of them.

    Args:
        learnt: of each half, what the other games taught.
        tolerance: most seconds between a right event and the true one.
    """
    better = set()
    plain = [half.worths for half in halves]
    for label in {label for half in halves for label in half.truth}:
        in_halves = [
            (half.game, _OfClass.of(half, label, worths, scores, tolerance))
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
    """How much nearer learnt probabilities bring right events to the front of a half's list.

    Without labels the list has the best of every class, then the second best of every class, and so
    on (`touchline.events.shortlist`).

    Returns:
        by game, the mean difference in average precision over its halves with true events.
    """
    gains: defaultdict[str, list[float]] = defaultdict(list)
    for half, scores in zip(halves, learnt, strict=True):
        if true := sum(map(len, half.truth.values())):
            plain = _list_precision(half, _places(half, half.worths), tolerance, true)
            gains[half.game].append(_list_precision(half, scores, tolerance, true) - plain)
    return {game: round(float(np.mean(of_game)), 6) for game, of_game in gains.items()}


def is_gain(values: Collection[float]) -> bool:
    """Whether the mean of games' values is above 0 with a confidence of 95 % (Student's t)."""
    count = len(values)
    if count < LEAST_GAMES:
        return False
    of_games = np.array([*values])
    error = float(of_games.std(ddof=1)) / count**0.5
    return bool(of_games.mean() - stdtrit(count - 1, _CONFIDENCE) * error > _LEAST_GAIN)


def _by_game(
    gain: Callable[[Sequence[T]], float], parts: Sequence[tuple[str, T]], games: Sequence[str]
) -> list[float]:
    """What each game adds to a gain (pseudo-values of the jackknife).

    Source: Tukey, 1958, Annals of Mathematical Statistics 29: 614.

    Args:
        gain: of any of the parts.
        parts: each with the game that it is of.
    """
    count = len(games)
    if count < LEAST_GAMES:
        return []
    whole = gain([part for _, part in parts])
    without = [gain([part for of, part in parts if of != game]) for game in games]
    return [count * whole - (count - 1) * rest for rest in without]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


@dataclass(frozen=True, slots=True)
class _OfClass:
    """One class in one half, in two orders: scores and which events are right, (2, n) each."""

    true: int
    scores: tuple[Sequence[float], Sequence[float]]
    right: tuple[Sequence[bool], Sequence[bool]]

    @staticmethod
    def of(
        half: JudgedHalf, label: str, plain: Scores, learnt: Scores, tolerance: float
    ) -> _OfClass:
        scores = (plain.get(label, ()), learnt.get(label, ()))
        times = [one.event.time_s for one in half.events.get(label, ())]
        truth = half.truth.get(label, ())
        right = tuple(true_positives(truth, times, each, tolerance) for each in scores)
        return _OfClass(len(truth), scores, (right[0], right[1]))


def _gain(halves: Sequence[_OfClass]) -> float:
    """How much the learnt order raises the average precision of some halves' events together."""
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
    """The place of each event in its class, negative, so that the first ranks highest.

    Minus infinity of what a shortlist leaves out.
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
    """Average precision of a half's list of candidates, all classes together."""
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
