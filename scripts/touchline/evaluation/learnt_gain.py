"""Whether an order that was learnt from some games is better in others.

Labels of a few games can teach an order that is worse than none. So nothing that was learnt is used
unless cross-validation by game, inside the games with labels, finds it better with confidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from touchline.core.records import Event
from touchline.evaluation.average_precision import precision_at_hits
from touchline.evaluation.records import LEAST_GAMES
from touchline.events.shortlist import is_suppressed
from touchline.matching import found

_CONFIDENCE = 0.95
# Less is how numbers are rounded.
_LEAST_GAIN = 1e-9


@dataclass(frozen=True, slots=True)
class Judged:
    """An event, the game it is of, whether it is right, and what that is learnt from."""

    game: str
    event: Event
    right: bool
    rank: float
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
        pairs = [
            _OfClass.of(half, label, worths, scores, tolerance)
            for half, worths, scores in zip(halves, plain, learnt, strict=True)
        ]
        occurs = [pair for pair in pairs if pair.true]
        games = [pair.game for pair in occurs]
        if is_gain(_by_game(_mean_gain(occurs), games)) and is_gain(
            _by_game(_pooled_gain(pairs), games)
        ):
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


def _by_game(gain: Callable[[str | None], float], games: Iterable[str]) -> list[float]:
    """What each game adds to a gain (pseudo-values of the jackknife).

    Source: Tukey, 1958, Annals of Mathematical Statistics 29: 614.

    Args:
        gain: without the game named, or of all for None.
    """
    names = sorted(set(games))
    count = len(names)
    if count < LEAST_GAMES:
        return []
    whole = gain(None)
    return [count * whole - (count - 1) * gain(game) for game in names]


@dataclass(frozen=True, slots=True)
class _OfClass:
    """One class in one half, in two orders: scores and which events are right, (2, n) each."""

    game: str
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
        right = tuple(found(truth, times, each, tolerance) for each in scores)
        return _OfClass(half.game, len(truth), scores, (right[0], right[1]))


def _mean_gain(halves: Sequence[_OfClass]) -> Callable[[str | None], float]:
    gains = [
        (
            half.game,
            precision_at_hits(half.scores[1], half.right[1], half.true)
            - precision_at_hits(half.scores[0], half.right[0], half.true),
        )
        for half in halves
    ]

    def gain(without: str | None) -> float:
        return float(np.mean([value for game, value in gains if game != without]))

    return gain


def _pooled_gain(halves: Sequence[_OfClass]) -> Callable[[str | None], float]:
    def precision(order: int, without: str | None) -> float:
        mine = [half for half in halves if half.game != without]
        return precision_at_hits(
            [score for half in mine for score in half.scores[order]],
            [right for half in mine for right in half.right[order]],
            sum(half.true for half in mine),
        )

    return lambda without: precision(1, without) - precision(0, without)


def _right(half: JudgedHalf, scores: Scores, tolerance: float) -> dict[str, list[bool]]:
    """Which events of each class are right, if they rank by these scores."""
    return {
        label: found(
            half.truth.get(label, ()),
            [one.event.time_s for one in mine],
            scores[label],
            tolerance,
        )
        for label, mine in half.events.items()
    }


def _places(half: JudgedHalf, scores: Scores) -> dict[str, list[float]]:
    """The place of each event in its class, negative, so that the first ranks highest.

    Minus infinity of what a shortlist leaves out.
    """
    places = {}
    for label, mine in half.events.items():
        order = sorted(range(len(mine)), key=lambda at: (-scores[label][at], at))
        of_class = [-np.inf] * len(mine)
        rank = 0
        for at in order:
            if not is_suppressed(mine[at].event):
                rank += 1
                of_class[at] = -float(rank)
        places[label] = of_class
    return places


def _list_precision(half: JudgedHalf, ranks: Scores, tolerance: float, true: int) -> float:
    """Average precision of a half's list of candidates, all classes together."""
    scores: list[float] = []
    hits: list[bool] = []
    for label, right in _right(half, ranks, tolerance).items():
        for one, rank, is_right in zip(half.events[label], ranks[label], right, strict=True):
            if not is_suppressed(one.event):
                scores.append(rank)
                hits.append(is_right)
    return precision_at_hits(scores, hits, true)
