"""Compute counts and average precision of one class, for all games and for resamples of
the games.
"""

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
class HalfEvents:
    """The events of one class in one half. Times are in seconds. Predicted times ascend."""

    game: int
    truth: list[float]
    visible: list[bool]
    times: list[float]
    scores: list[float]


# The events of some halves, by class.
ByLabel = dict[str, list[HalfEvents]]


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """Metrics of one class, for all games and for each resample of the games.

    Attributes:
        counts: counts with shape [1 + r, 5]; row 0 is for all games. The columns are true events,
            predicted events, true positives, true events that the broadcast does not show, and true
            positives among these.
        chance: number of true positives by chance.
        ap: average precision with shape [1 + r]; NaN where undefined.
        ap_by_chance: average precision by chance; NaN where `ap` is NaN.
        curve: precision and recall of one class for all games, for 200 minimum scores, shape [200]
            each.
    """

    counts: Floats
    chance: float
    ap: Floats
    ap_by_chance: float
    curve: tuple[Floats, Floats] | None = None


def game_names(halves: Iterable[Half]) -> list[str]:
    """Return the names of the halves' games, sorted."""
    return sorted({half.game for half in halves})


def game_weights(games: Sequence[str], resamples: int, seed: int) -> Floats:
    """Return the weight of each game, shape [1 + r, games].

    Row 0 has each game once. The other rows have games drawn with replacement.
    """
    count = len(games)
    once = np.ones((1, count))
    if count < 2:
        return once
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples)
    return np.vstack([once, drawn])


def shifted_halves(
    halves: Sequence[Half], tolerance: float, shifts: int, seed: int
) -> list[list[Half]]:
    """Return a copy of the halves per time shift, with shifted predicted events (`chance_level`).

    Args:
        halves: halves with predicted and true events.
        tolerance: widest tolerance for pairing events, in seconds.
        shifts: number of shifts.
        seed: seed of the random shifts.
    """
    drawn = []
    for half in halves:
        moments = [*(true.time_s for true in half.truth), *(event.time_s for event in half.events)]
        times = elapsed(half.looked_at, moments)
        # Two halves in one file get the same shifts as in separate files.
        own_seed = seed + half.video + half.part
        span = length(half.looked_at)
        of_half = shifts_of(times, span, tolerance, count=shifts, seed=own_seed)
        drawn.append([_shifted(half, shift) for shift in of_half])
    return [list(run) for run in zip(*drawn, strict=True)]


def by_label(halves: Iterable[Half], names: Mapping[str, str], games: Sequence[str]) -> ByLabel:
    """Group the events of each half by the class that `names` gives for their label.

    Labels that `names` lacks are left out.
    """
    lists: ByLabel = {}
    for half in halves:
        for name, (truth, events) in by_class(half, names).items():
            mine = HalfEvents(
                game=games.index(half.game),
                truth=[true.time_s for true in truth],
                visible=[true.visible for true in truth],
                times=[event.time_s for event in events],
                scores=[event.ranking_score for event in events],
            )
            lists.setdefault(name, []).append(mine)
    return lists


def measure(runs: Sequence[ByLabel], label: str, tolerance: float, weights: Floats) -> ClassMetrics:
    """Compute the metrics of one class at one tolerance.

    Args:
        runs: the unchanged events, then the events after each time shift.
        label: name of the class.
        tolerance: largest distance between two paired events, in seconds.
        weights: weight of each game, shape [1 + r, games]; row 0 is all ones.
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
    return ClassMetrics(
        counts=counts,
        chance=float(np.mean(chance)),
        ap=np.where(defined, average_precision(precision, recall), np.nan),
        ap_by_chance=float(np.mean(aps)) if defined[0] else math.nan,
        curve=(precision[0], recall[0]),
    )


def combine_classes(measured: Sequence[ClassMetrics], weights: Floats) -> ClassMetrics:
    """Combine the metrics of all classes.

    Counts are added up, and the average precision is the mean over the classes that occur.
    """
    if not measured:
        nothing = np.full(len(weights), np.nan)
        return ClassMetrics(np.zeros((len(weights), 5)), 0.0, nothing, math.nan)
    aps = np.array([one.ap for one in measured])
    occurs = np.array([one.counts[:, 0] > 0 for one in measured])
    # A class that occurs but is never predicted counts 0 in the mean.
    mean = ratio(np.where(occurs, np.nan_to_num(aps), 0.0).sum(axis=0), occurs.sum(axis=0), np.nan)
    chances = [
        0.0 if math.isnan(one.ap_by_chance) else one.ap_by_chance
        for one in measured
        if one.counts[0, 0] > 0
    ]
    predicted = sum(one.counts[0, 1] for one in measured) > 0
    return ClassMetrics(
        counts=np.sum([one.counts for one in measured], axis=0),
        chance=math.fsum(one.chance for one in measured),
        ap=mean if predicted else np.full_like(mean, np.nan),
        ap_by_chance=float(np.mean(chances)) if chances and predicted else math.nan,
    )


def curve(lists: Sequence[HalfEvents], tolerance: float, weights: Floats) -> tuple[Floats, Floats]:
    """Compute precision and recall of one class, shape [1 + r, 200] each."""
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
    """Shift a half's predicted events in a circle, within the stretches that the model looked at.

    For the shift, these stretches are joined as if there were no gaps.
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
