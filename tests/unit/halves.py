"""Halves with annotations and predictions, and their evaluation by SoccerNet's code."""

import random

import numpy as np
from samples import event
from SoccerNet.Evaluation.ActionSpotting import compute_class_scores

from touchline.evaluation.annotations import TrueEvent
from touchline.evaluation.outcomes import Half

WHOLE = ((0.0, 2700.0),)


def half(truth, events, video=0, game=None, looked_at=WHOLE):
    """Return a half with true events (time, label) and predictions (time, label, score)."""
    return Half(
        video,
        game or f"game {video}",
        [TrueEvent(*one) for one in truth],
        [event(time, label, score=score) for time, label, score in events],
        looked_at,
    )


def generated(video, labels=("Goal", "Foul", "Corner"), seed=0):
    """Return a half with random predictions on a grid of 2 s, some of them near true events."""
    source = random.Random(f"{video} {seed}")
    truth = [(source.uniform(0, 2700), source.choice(labels)) for _ in range(60)]
    near = [(2 * round((t + source.gauss(0, 6)) / 2), name) for t, name in truth[::2]]
    noise = [(2.0 * source.randrange(1350), source.choice(labels)) for _ in range(60)]
    predicted = {(min(max(0.0, float(t)), 2698.0), name) for t, name in near + noise}
    return half(truth, [(t, name, source.random()) for t, name in sorted(predicted)], video)


def soccernets_hits(truth, times, scores, tolerance, rate=10):
    """Count the true positives with SoccerNet's compute_class_scores."""
    target, detection = np.zeros(2800 * rate), np.full(2800 * rate, -1.0)
    target[[int(rate * time) for time in truth]] = 1
    detection[[int(rate * time) for time in times]] = scores
    scores, visible, _ = compute_class_scores(target, target, detection, 2 * tolerance * rate)
    return int(scores[:, 1].sum()), len(scores), visible
