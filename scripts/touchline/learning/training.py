"""Learn to spot classes from the features of annotated games.

The model that is used on a game never learns from this game.

One logistic regression per class separates windows with an event from other windows. Its strength
of regularization is chosen by cross-validation, grouped by game.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from touchline.evaluation.annotations import Truth
from touchline.inputs.windows import Stretches
from touchline.learning.records import LEAST_EVENTS
from touchline.learning.reduction import Floats, components, with_context
from touchline.learning.targets import SHOWS, SHOWS_NOT, UNCERTAIN, showing, targets

# Strengths of the regularization (the inverse of scikit-learn's C), strongest first.
STRENGTHS = (1e3, 1e2, 1e1)
# Strength if there are too few games for cross-validation.
USUAL_STRENGTH = 1e1
# Number of groups for the choice of the strength, and number of groups left out in turn. With fewer
# games, each game is a group.
_COARSE, _FINE = 5, 10
# Most training windows without an event. All windows with an event are used.
_MOST_WITHOUT = 8_000
# Odds below this share of a class's usual odds all count as not seen.
_LEAST_SHARE = 0.1
_SUREST = 1e-6


@dataclass(frozen=True)
class LabelledVideo:
    """An annotated video for learning.

    Attributes:
        video: number of the video.
        game: game of the video.
        stretches: stretches that the model looked at.
        windows: start, end, first frame and last frame of each window in seconds, float [windows,
            4].
        answered: whether each window was answered, bool [windows].
        states: standardized and projected states of the answered windows, [answered, directions].
        truth: annotations of the video.
        step: seconds from one window's start to the next.
    """

    video: int
    game: str
    stretches: Stretches
    windows: NDArray[np.float64]
    answered: NDArray[np.bool_]
    states: Floats
    truth: Truth
    step: float

    def with_states(self, states: Floats) -> LabelledVideo:
        """Return the video with other states."""
        return replace(self, states=states)


@dataclass(frozen=True)
class Fit:
    """The regressions learnt from some games.

    Attributes:
        classes: names of the classes.
        components: principal components, [directions, components].
        weights: weights of the values of a window and of its neighbours, [classes, values].
        intercepts: intercepts, [classes].
        floors: lower limits of the log-odds, [classes].
        strength: strength of the regularization.
    """

    classes: tuple[str, ...]
    components: Floats
    weights: Floats
    intercepts: Floats
    floors: Floats
    strength: float

    def logits(self, video: LabelledVideo) -> Floats:
        """Return the log-odds of each class in each answered window, [answered, classes]."""
        found: Floats = _values(video, self.components) @ self.weights.T + self.intercepts
        return found

    def log_odds(self, video: LabelledVideo) -> Floats:
        """Return the log-odds. Each value below its floor is raised to this floor."""
        found: Floats = np.maximum(self.logits(video), self.floors)
        return found


def count_events(videos: Iterable[LabelledVideo]) -> Counter[str]:
    """Count the visible events of each class that an answered window shows."""
    found: Counter[str] = Counter()
    for video in videos:
        seen = video.windows[video.answered]
        for event in video.truth.events:
            found[event.label] += int(event.visible and showing(seen, event.time_s).any())
    return found


def group_games(games: Collection[str]) -> tuple[list[list[str]], list[list[str]]]:
    """Divide games into coarse and fine groups. Each fine group lies within one coarse group."""
    ordered = sorted(games)
    fine = [group for n in range(_FINE) if (group := ordered[n::_FINE])]
    coarse = [
        [game for group in fine[n::_COARSE] for game in group]
        for n in range(min(_COARSE, len(fine)))
    ]
    return coarse, fine


class Learner:
    """A trainer of models on annotated games.

    Args:
        videos: annotated videos.
        order: order of the classes; other classes follow by name.

    Attributes:
        videos: annotated videos.
        games: names of the games, sorted.
        groups: groups of games, each left out in turn; single games if there are ten or fewer.
    """

    def __init__(self, videos: Sequence[LabelledVideo], order: Sequence[str]) -> None:
        self.videos = videos
        self.games = sorted({video.game for video in videos})
        self._order = order
        self._scatter = {
            game: np.sum(
                [(v.states.T @ v.states).astype(np.float64) for v in videos if v.game == game],
                axis=0,
            )
            for game in self.games
        }
        self._coarse, self.groups = group_games(self.games)
        self._losses = self._strength_losses()

    def classes(self, games: Collection[str]) -> tuple[str, ...]:
        """Return the classes that have enough events in the given games."""
        counts = count_events(video for video in self.videos if video.game in games)
        return self.in_order(label for label, count in counts.items() if count >= LEAST_EVENTS)

    def in_order(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Sort classes in the order of labels.yaml."""
        place = {label: number for number, label in enumerate(self._order)}
        return tuple(sorted(labels, key=lambda label: (place.get(label, len(place)), label)))

    def fit_without(self, group: Collection[str]) -> Fit:
        """Learn from all games except one group.

        The left-out group does not affect the choice of the regularization strength either.

        Args:
            group: one of `groups`.
        """
        rest = [game for game in self.games if game not in group]
        return self.fit(rest, self.strength_without(group))

    def fit_all(self) -> Fit:
        """Learn from all games."""
        return self.fit(self.games, self.strength_without(()))

    def strength_without(self, group: Collection[str]) -> float:
        """Choose the regularization strength with the lowest loss on games outside the training.

        Args:
            group: games of one coarse group that must not affect the choice.
        """
        own = {n for n, games in enumerate(self._coarse) if set(games) & set(group)}
        losses = [
            loss
            for (tested, other), loss in self._losses.items()
            if not own or (tested not in own and other in own)
        ]
        if not losses:
            return USUAL_STRENGTH
        return STRENGTHS[int(np.argmin(np.mean(losses, axis=0)))]

    def _strength_losses(self) -> dict[tuple[int, int], NDArray[np.float64]]:
        """Return the loss of each regularization strength, by pair of coarse groups.

        Models learn from the games outside both groups, and are tested on the first group.
        """
        found = {}
        for pair in combinations(range(len(self._coarse)), 2):
            out = {game for n in pair for game in self._coarse[n]}
            rest = [game for game in self.games if game not in out]
            if not rest:
                continue
            fits = self._fits(rest, STRENGTHS)
            for tested, other in (pair, pair[::-1]):
                held_out = [v for v in self.videos if v.game in self._coarse[tested]]
                found[tested, other] = np.array([_loss(fit, held_out) for fit in fits])
        return found

    def fit(self, games: Collection[str], strength: float) -> Fit:
        """Learn from some games."""
        (fit,) = self._fits(games, (strength,))
        return fit

    def _fits(self, games: Collection[str], strengths: Sequence[float]) -> list[Fit]:
        """Learn from some games, once with each regularization strength."""
        videos = [video for video in self.videos if video.game in games]
        classes = self.classes(games)
        if not classes:
            directions = len(self._scatter[self.games[0]])
            nothing = np.zeros((0, 0), np.float32)
            kept = np.zeros((directions, 0), np.float32)
            return [
                Fit((), kept, nothing, nothing.ravel(), nothing.ravel(), strength)
                for strength in strengths
            ]
        rows = sum(len(video.states) for video in videos)
        kept = components(np.sum([self._scatter[game] for game in sorted(games)], axis=0), rows)
        values, shows, weights = _training_rows(videos, kept, classes)
        places = range(len(classes))
        floors = np.array([_floor(shows[:, place], weights) for place in places], np.float32)
        terms = [_terms(values, shows[:, place], weights, strengths) for place in places]
        return [
            Fit(
                classes,
                kept,
                np.array([of_class[n][0] for of_class in terms], np.float32).reshape(
                    len(classes), values.shape[1]
                ),
                np.array([of_class[n][1] for of_class in terms], np.float32),
                floors,
                strength,
            )
            for n, strength in enumerate(strengths)
        ]


def _targets(video: LabelledVideo, classes: Sequence[str]) -> NDArray[np.int8]:
    """Return the targets of the answered windows."""
    return targets(video.truth, video.windows[video.answered], classes, video.step)


def _floor(shows: NDArray[np.int8], weights: Floats) -> float:
    """Return the log-odds below which a class counts as not seen."""
    right, wrong = (float(weights[shows == value].sum()) for value in (SHOWS, SHOWS_NOT))
    return float(np.log(_LEAST_SHARE * right / max(wrong, 1.0)))


def _values(video: LabelledVideo, kept: Floats) -> Floats:
    """Return the components of the answered windows and their neighbours."""
    return with_context(video.states @ kept, video.answered, video.windows[:, 0], video.step)


def _training_rows(
    videos: Sequence[LabelledVideo], kept: Floats, classes: Sequence[str]
) -> tuple[Floats, NDArray[np.int8], Floats]:
    """Return values, targets and weights of windows for training.

    They are all windows that have an event, and a sample of the others.

    The sample depends only on each video and on the number of windows without an event.
    """
    shows = [_targets(video, classes) for video in videos]
    without = sum(int((each != SHOWS).all(axis=1).sum()) for each in shows)
    share = min(1.0, _MOST_WITHOUT / max(without, 1))
    values, rows, weights = [], [], []
    for video, each in zip(videos, shows, strict=True):
        has_event = (each == SHOWS).any(axis=1)
        drawn = np.random.default_rng(zlib.crc32(f"{video.game}/{video.video}".encode()))
        taken = has_event | (drawn.random(len(each)) < share)
        values.append(_values(video, kept)[taken])
        rows.append(each[taken])
        weights.append(np.where(has_event[taken], 1.0, 1 / share).astype(np.float32))
    return np.vstack(values), np.vstack(rows), np.concatenate(weights)


def _terms(
    values: Floats, shows: NDArray[np.int8], weights: Floats, strengths: Sequence[float]
) -> list[tuple[Floats, float]]:
    """Return the weights and the intercept of one class for each strength."""
    certain = shows != UNCERTAIN
    inputs, right, counts = values[certain], shows[certain] == SHOWS, weights[certain]
    if right.all():
        # All windows show the class, so there is nothing to separate.
        return [(np.zeros(values.shape[1], np.float32), 0.0)] * len(strengths)
    model = LogisticRegression(max_iter=200, warm_start=True)
    found = []
    for strength in strengths:
        model.set_params(C=1 / strength)
        model.fit(inputs, right, sample_weight=counts)
        found.append((model.coef_[0].astype(np.float32), float(model.intercept_[0])))
    return found


def _loss(fit: Fit, videos: Sequence[LabelledVideo]) -> float:
    """Compute the mean log loss over classes, relative to a constant prediction of the class's
    frequency.
    """
    right = np.vstack([_targets(video, fit.classes) for video in videos])
    logits = np.vstack([fit.logits(video) for video in videos])
    losses = []
    for place in range(len(fit.classes)):
        certain = right[:, place] != UNCERTAIN
        is_right = right[certain, place] == SHOWS
        if not 0 < is_right.sum() < len(is_right):
            continue
        likely = np.clip(expit(logits[certain, place]), _SUREST, 1 - _SUREST)
        base = np.full(len(is_right), is_right.mean())
        losses.append(_log_loss(likely, is_right) / _log_loss(base, is_right))
    return float(np.mean(losses)) if losses else 1.0


def _log_loss(likely: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    """Compute the mean log loss."""
    return float(-np.log(np.where(right, likely, 1 - likely)).mean())
