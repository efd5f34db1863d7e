"""Write the report on learning for people: learned/learning_{model}.json."""

from __future__ import annotations

from collections.abc import Sequence

from touchline.learning.records import CurvePoint, LearningReport, LearntClass
from touchline.learning.training import Fit, Learner, count_events


def learning_report(
    model: str,
    learner: Learner,
    whole: Fit,
    *,
    tolerance: float,
    curve: Sequence[CurvePoint],
    problems: Sequence[str],
) -> LearningReport:
    """Build the report on learning.

    Args:
        model: name of the model.
        learner: learner that holds the games with annotations.
        whole: model learnt from all games.
        tolerance: largest distance between an event and the annotation that it is paired with, in
            seconds.
        curve: points of the learning curve.
        problems: one line per annotation that cannot be used.
    """
    by_game = {
        game: count_events(video for video in learner.videos if video.game == game)
        for game in learner.games
    }
    counts = count_events(learner.videos)
    return LearningReport(
        model=model,
        games=learner.games,
        windows=sum(len(video.states) for video in learner.videos),
        classes=[
            LearntClass(
                label=label,
                events=counts[label],
                games=sum(found[label] > 0 for found in by_game.values()),
                is_learnt=label in whole.classes,
            )
            for label in learner.in_order(counts)
        ],
        strength=whole.strength,
        tolerance=tolerance,
        curve=[*curve],
        problems=[*problems],
    )
