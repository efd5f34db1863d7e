"""Define the file formats of evaluation/ and calibration/."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from touchline.core.records import Model, Probability, Record


class Estimate(Record):
    """A figure with its chance level and interval.

    Figures that cannot be computed are null, never 0.
    """

    value: Probability | None
    by_chance: Probability | None = Field(description="value for the same events, shifted in time")
    low: Probability | None = Field(
        description="lower end of the 95 % interval from resampled games"
    )
    high: Probability | None = Field(
        description="upper end of the 95 % interval from resampled games"
    )


class Ranking(Record):
    """Average precision of the same events ranked by several values.

    Each order has a threshold at every score, instead of SoccerNet's 200 thresholds.
    """

    plain: Probability | None = Field(
        None,
        description="ranked by the model's statement about the event: the probability of its "
        "label, or else its stated confidence",
    )
    n_hits: Probability | None = Field(None, description="ranked by the number of hits")
    score: Probability | None = Field(None, description="ranked by the score")
    calibrated: Probability | None = Field(
        None, description="ranked by the probability learnt from other games; null without them"
    )


class ClassFigures(Record):
    """Metrics of one class at one tolerance."""

    label: str = Field(description="name of the class, or all for all annotated classes together")
    tolerance: float = Field(
        ge=0, description="largest distance between two paired events, in seconds"
    )
    true: int = Field(ge=0, description="true events where the model looked")
    not_shown: int = Field(ge=0, description="true events that the broadcast does not show")
    predicted: int = Field(ge=0)
    true_positives: int = Field(ge=0)
    not_shown_found: int = Field(
        ge=0, description="true positives that the broadcast does not show"
    )
    false_positives: int = Field(ge=0)
    misses: int = Field(ge=0)
    precision: Estimate
    recall: Estimate
    f1: Estimate
    average_precision: Estimate = Field(
        description="for all classes: the mean over classes that occur"
    )
    ranked_by: Ranking = Field(
        description="average precision of events ranked in several ways; for all classes: the mean"
    )


class AverageMap(Record):
    """SoccerNet's average-mAP from SoccerNet's own evaluator, at one or several deltas.

    A delta is the whole window: an event is found if it is at most half a delta away. The mean is
    over all 17 classes. A class that does not occur counts as 0.
    """

    deltas: list[float] = Field(description="seconds")
    mean: Estimate
    visible: Probability | None
    not_shown: float | None = Field(
        ge=0,
        description="the mean, multiplied by 17/13 as SoccerNet's test games lack four classes",
    )
    classes: dict[str, Probability | None] = Field(
        description="null for a class that does not occur"
    )

    @property
    def occurring(self) -> int:
        """Return the number of classes that occur.

        This number limits the highest possible average-mAP.
        """
        return sum(value is not None for value in self.classes.values())


class EvaluationReport(Record):
    """evaluation/evaluation_{model}.json: the evaluation of a model or the ensemble."""

    model: Model
    videos: list[int]
    matches: int = Field(ge=1)
    seconds: float = Field(ge=0, description="seconds that the model looked at; only these count")
    shifts: int = Field(ge=1, description="number of time shifts for the chance level")
    resamples: int = Field(
        ge=1, description="number of resamples of the games for confidence intervals"
    )
    seed: int
    unknown: int = Field(ge=0, description="events left out because their label is not a class")
    not_annotated: int = Field(
        ge=0, description="events left out because nobody annotates their class"
    )
    not_looked_at: int = Field(ge=0, description="true events outside the coverage of the model")
    problems: list[str] = Field([], description="annotations that could not be used")
    overall: list[ClassFigures] = Field(description="one entry per tolerance")
    classes: list[ClassFigures] = Field(description="one entry per class and tolerance")
    any_free_kick: list[ClassFigures] = Field(
        description="direct, indirect and unspecified free kicks as one class"
    )
    soccernet: dict[str, AverageMap] = Field({}, description="loose, tight, at1 to at5")

    @property
    def highest_average_map(self) -> str:
        """Return a sentence with the highest average-mAP that the annotations allow."""
        figures = next(iter(self.soccernet.values()))
        occurring, classes = figures.occurring, len(figures.classes)
        return (
            f"{occurring} of the {classes} classes occur here, so no average-mAP can exceed "
            f"{occurring / classes:.2f}."
        )


class Bin(Record):
    """Events with similar values of a signal, and the share of them that is right."""

    low: float = Field(description="lower edge of the bin, included")
    high: float | None = Field(
        description="upper edge of the bin, included in the last bin only; null for no edge"
    )
    events: int = Field(ge=1)
    mean: float = Field(description="mean of the signal")
    right: Probability = Field(description="share of the events that are right")


class Reliability(Record):
    """The reliability of one signal: how well it separates right events from false ones."""

    signal: Literal["confidence", "label_probability", "score", "n_hits"]
    events: int = Field(ge=0, description="events with a known value of the signal")
    bins: list[Bin]
    error: Probability | None = Field(
        description="mean distance of the signal from the share of right events (expected "
        "calibration error); null for n_hits, which is not a probability"
    )
    area: Probability | None = Field(
        description="probability that the signal is higher for a right event than for a false "
        "event (area under the ROC curve); 0.5 is no better than chance"
    )


# With fewer games, no difference between games can be separated from chance.
LEAST_GAMES = 3


class ClassTerms(Record):
    """The terms of a logistic regression that belong to one class."""

    intercept: float
    slope: float = Field(
        gt=0, description="factor of the score's logit; positive, so the order stays"
    )
    uses_features: bool = Field(
        default=False,
        description="whether the features change the probability and the order of the class's "
        "events. They do so only if cross-validation by game shows a significantly better order, "
        "within halves and across halves",
    )


class Recalibration(Record):
    """A logistic regression that gives the probability that an event is right."""

    classes: dict[str, ClassTerms]
    other_classes: ClassTerms = Field(
        description="weights of the function for classes without any event to learn from"
    )
    features: dict[str, float] = Field(
        description="weights of the features, for the classes that use them; empty if no class does"
    )
    list_gains: dict[str, float] = Field(
        default={},
        description="gain in average precision of each game, if the events of its halves are "
        "ordered by probability instead of by score, from cross-validation. Empty "
        "with too few games. Probabilities "
        "are used only if the gain is significantly above 0",
    )


class ProbabilityQuality(Record):
    """The quality of predicted probabilities. Lower values are better."""

    brier: float = Field(
        ge=0,
        description="mean squared difference between the probability and right (1) or false (0)",
    )
    log_loss: float = Field(ge=0)
    error: Probability = Field(description="expected calibration error, 10 bins")


class LearntQuality(Record):
    """The quality of scores before and after recalibration, for all events or for one class."""

    label: str | None = Field(description="name of the class; null for all events")
    events: int = Field(ge=0, description="events that can be recalibrated")
    right: int = Field(ge=0)
    as_scored: ProbabilityQuality | None = Field(description="quality of the original scores")
    recalibrated: ProbabilityQuality | None = Field(
        description="quality of the probabilities, each learnt from other games"
    )


class CalibrationReport(Record):
    """calibration/calibration_{model}.json: the reliability of a model's events."""

    model: Model
    tolerance: float = Field(
        ge=0, description="largest distance between a right event and its annotation, in seconds"
    )
    events: int = Field(ge=0)
    right: int = Field(ge=0)
    reliability: list[Reliability]
    from_all: Recalibration | None = Field(
        description="null if all events are right or all are false"
    )
    without: dict[str, Recalibration | None] = Field(
        description="by game: the calibration function that was learnt from the other games"
    )
    quality: list[LearntQuality] = Field(description="quality for all events first, then by class")
