"""Counts and average precision of one class, for all games and for samples of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from touchline.comparison.chance_level import shifts as shifts_of
from touchline.core.intervals import elapsed, length
from touchline.evaluation.average_precision import (
    Floats,
    average_precision,
    precision_recall,
    ratio,
)
from touchline.evaluation.outcomes import Half, by_class
from touchline.matching import pair_times, true_positives


@dataclass(frozen=True, slots=True)
class Lists:
    """The events of one class in one half: times in seconds, the predicted ones ascending."""

    game: int
    truth: list[float]
    visible: list[bool]
    times: list[float]
    scores: list[float]


# The events of some halves, by class.
ByLabel = dict[str, list[Lists]]


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured of a class, for all games and for each sample of them.

    Attributes:
        counts: [1 + r, 5], row 0 of all games: true, predicted, true positives, true events
            not shown, true positives not shown.
        chance: true positives by chance.
        ap: [1 + r], NaN where there is nothing to average.
        ap_by_chance: NaN as ap.
        curve: precision and recall, [200] each, of all games, by least score; of one class.
    """

    counts: Floats
    chance: float
    ap: Floats
    ap_by_chance: float
    curve: tuple[Floats, Floats] | None = None


def games_of(halves: Iterable[Half]) -> list[str]:
    """The games that halves are of."""
    return sorted({half.game for half in halves})


def samples_of(games: Sequence[str], resamples: int, seed: int) -> Floats:
    """How often each game counts, [1 + r, games]: once, then as drawn with replacement."""
    count = len(games)
    once = np.ones((1, count))
    if count < 2:
        return once
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples)
    return np.vstack([once, drawn])


def by_chance(halves: Sequence[Half], tolerance: float, shifts: int, seed: int) -> list[list[Half]]:
    """The halves, once for each shift in time of what is predicted (see `chance_level`).

    Args:
        tolerance: the widest that events will be matched with, seconds.
    """
    drawn = []
    for half in halves:
        moments = [*(true.time_s for true in half.truth), *(event.time_s for event in half.events)]
        times = elapsed(half.looked_at, moments)
        # So that the halves of one file draw the shifts that they draw as files of their own.
        own_seed = seed + half.video + half.part
        span = length(half.looked_at)
        of_half = shifts_of(times, span, tolerance, count=shifts, seed=own_seed)
        drawn.append([_shifted(half, shift) for shift in of_half])
    return [list(run) for run in zip(*drawn, strict=True)]


def by_label(halves: Iterable[Half], names: Mapping[str, str], games: Sequence[str]) -> ByLabel:
    """The halves' events by what `names` calls their label; labels without a name are left out."""
    lists: ByLabel = {}
    for half in halves:
        for name, (truth, events) in by_class(half, names).items():
            mine = Lists(
                game=games.index(half.game),
                truth=[true.time_s for true in truth],
                visible=[true.visible for true in truth],
                times=[event.time_s for event in events],
                scores=[event.worth for event in events],
            )
            lists.setdefault(name, []).append(mine)
    return lists


def measure(runs: Sequence[ByLabel], label: str, tolerance: float, weights: Floats) -> Measured:
    """Measure one class at one tolerance.

    Args:
        runs: the events as they are, then after each of the shifts in time.
        weights: [1 + r, games], how often each game counts; row 0 is once each.
    """
    here, *shifted = ([*run.get(label, [])] for run in runs)
    counts = np.zeros((weights.shape[1], 5))
    for mine in here:
        pairs = pair_times(mine.truth, mine.times, tolerance)
        hidden = [not visible for visible in mine.visible]
        counts[mine.game] += (
            len(mine.truth),
            len(mine.times),
            len(pairs),
            sum(hidden),
            sum(hidden[i] for i, _ in pairs),
        )
    counts = weights @ counts
    chance = [sum(len(pair_times(m.truth, m.times, tolerance)) for m in run) for run in shifted]
    precision, recall = curve(here, tolerance, weights)
    defined = counts[:, :2].min(axis=1) > 0
    aps = [average_precision(*curve(run, tolerance, weights[:1]))[0] for run in shifted]
    return Measured(
        counts=counts,
        chance=float(np.mean(chance)),
        ap=np.where(defined, average_precision(precision, recall), np.nan),
        ap_by_chance=float(np.mean(aps)) if defined[0] else math.nan,
        curve=(precision[0], recall[0]),
    )


def together(measured: Sequence[Measured], weights: Floats) -> Measured:
    """All classes as one: counts added, average precision the mean over those that occur."""
    if not measured:
        nothing = np.full(len(weights), np.nan)
        return Measured(np.zeros((len(weights), 5)), 0.0, nothing, math.nan)
    aps = np.array([one.ap for one in measured])
    occurs = np.array([one.counts[:, 0] > 0 for one in measured])
    # A class that occurs and is never predicted is worth 0 in the mean.
    mean = ratio(np.where(occurs, np.nan_to_num(aps), 0.0).sum(axis=0), occurs.sum(axis=0), np.nan)
    chances = [
        0.0 if math.isnan(one.ap_by_chance) else one.ap_by_chance
        for one in measured
        if one.counts[0, 0] > 0
    ]
    predicted = sum(one.counts[0, 1] for one in measured) > 0
    return Measured(
        counts=np.sum([one.counts for one in measured], axis=0),
        chance=math.fsum(one.chance for one in measured),
        ap=mean if predicted else np.full_like(mean, np.nan),
        ap_by_chance=float(np.mean(chances)) if chances and predicted else math.nan,
    )


def curve(lists: Sequence[Lists], tolerance: float, weights: Floats) -> tuple[Floats, Floats]:
    """Precision and recall, [1 + r, 200] each, of one class."""
    right: list[bool] = []
    scores: list[float] = []
    games: list[int] = []
    positives = np.zeros(weights.shape[1])
    for mine in lists:
        right += true_positives(mine.truth, mine.times, mine.scores, tolerance)
        scores += mine.scores
        games += [mine.game] * len(mine.times)
        positives[mine.game] += len(mine.truth)
    of_predictions = weights[:, np.array(games, dtype=int)]
    return precision_recall(
        np.array(scores), np.array(right, dtype=float), of_predictions, weights @ positives
    )


def _shifted(half: Half, shift: float) -> Half:
    """A half with its predicted events shifted around where the model looked.

    The stretches are joined for that, as if they followed each other directly.
    """
    span = length(half.looked_at)
    truth = elapsed(half.looked_at, (event.time_s for event in half.truth))
    times = elapsed(half.looked_at, (event.time_s for event in half.events))
    moved = [
        replace(event, time_s=(time + shift) % span)
        for event, time in zip(half.events, times, strict=True)
    ]
    return replace(
        half,
        truth=[replace(e, time_s=time) for e, time in zip(half.truth, truth, strict=True)],
        events=sorted(moved, key=lambda event: event.time_s),
    )
