"""The file formats of evaluation/ and calibration/: figures against the true events."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from touchline.core.records import Model, Probability, Record


class Estimate(Record):
    """A figure with what it takes to judge it; null is what cannot be computed, never 0."""

    value: Probability | None
    by_chance: Probability | None = Field(description="of the same events, shifted in time")
    low: Probability | None = Field(description="2.5 % of samples of the matches are below")
    high: Probability | None = Field(description="2.5 % of samples of the matches are above")


class Ranking(Record):
    """What average precision would be if events were ranked by something else, and as they are.

    Each order is measured by itself, at the score of each event, not at SoccerNet's 200 thresholds.
    """

    plain: Probability | None = Field(
        None,
        description="by what the model states of the event alone: the probability of its "
        "label, else its confidence",
    )
    n_hits: Probability | None = Field(None, description="by the number of windows")
    score: Probability | None = Field(None, description="by the score")
    calibrated: Probability | None = Field(
        None, description="by the probability learnt from other games; null: nothing to learn from"
    )


class ClassFigures(Record):
    """What a model's events of one class are worth, at one tolerance."""

    label: str = Field(description="a class, or all: every class that is annotated, together")
    tolerance: float = Field(ge=0, description="most seconds between two that match")
    true: int = Field(ge=0, description="true events where the model looked")
    not_shown: int = Field(ge=0, description="those of them that the broadcast does not show")
    predicted: int = Field(ge=0)
    true_positives: int = Field(ge=0)
    not_shown_found: int = Field(ge=0, description="true positives that are not shown")
    false_positives: int = Field(ge=0)
    misses: int = Field(ge=0)
    precision: Estimate
    recall: Estimate
    f1: Estimate
    average_precision: Estimate = Field(description="of all: the mean over classes that occur")
    ranked_by: Ranking = Field(description="what helps to rank; of all: means, as above")


class AverageMap(Record):
    """SoccerNet's average-mAP, from SoccerNet's own evaluator, at one or several deltas.

    A delta is the whole window: an event is found if it is at most half of it away. The mean
    is over all 17 classes, and one that does not occur counts 0.
    """

    deltas: list[float] = Field(description="seconds")
    mean: Estimate
    visible: Probability | None
    not_shown: float | None = Field(
        ge=0, description="times 17/13, for the classes that SoccerNet's test games lack"
    )
    classes: dict[str, Probability | None] = Field(description="null: does not occur")

    @property
    def occurring(self) -> int:
        """How many classes occur; no model can exceed their share of all classes."""
        return sum(value is not None for value in self.classes.values())


class EvaluationReport(Record):
    """evaluation/evaluation_{model}.json: a model, or the ensemble, against the truth."""

    model: Model
    videos: list[int]
    matches: int = Field(ge=1)
    seconds: float = Field(ge=0, description="where the model looked; nothing else counts")
    shifts: int = Field(ge=1, description="shifts in time that the chance level is of")
    resamples: int = Field(ge=1, description="samples of the matches that intervals are of")
    seed: int
    unknown: int = Field(ge=0, description="events left out: their label is no class")
    not_annotated: int = Field(ge=0, description="events left out: of a class nobody annotates")
    not_looked_at: int = Field(ge=0, description="true events where the model did not look")
    problems: list[str] = Field([], description="annotations that could not be used")
    overall: list[ClassFigures] = Field(description="one a tolerance")
    classes: list[ClassFigures] = Field(description="one a class and tolerance")
    any_free_kick: list[ClassFigures] = Field(
        description="direct, indirect and unspecified free kicks as one class"
    )
    soccernet: dict[str, AverageMap] = Field({}, description="loose, tight, at1 to at5")

    @property
    def highest_average_map(self) -> str:
        """A sentence with the highest average-mAP that the labels allow."""
        figures = next(iter(self.soccernet.values()))
        occurring, classes = figures.occurring, len(figures.classes)
        return (
            f"{occurring} of the {classes} classes occur here, so no average-mAP can exceed "
            f"{occurring / classes:.2f}."
        )


class Bin(Record):
    """Events with a similar score, or another signal, and how many of them are right."""

    low: float = Field(description="of the signal, included")
    high: float | None = Field(description="included in the last bin only; null: no end")
    events: int = Field(ge=1)
    mean: float = Field(description="of the signal")
    right: Probability = Field(description="share of the events that are true")


class Reliability(Record):
    """How well one signal separates right from false events."""

    signal: Literal["confidence", "label_probability", "score", "n_hits"]
    events: int = Field(ge=0, description="events that it is known of")
    bins: list[Bin]
    error: Probability | None = Field(
        description="mean distance of the signal from the share that is right (expected "
        "calibration error); null for n_hits, which is no probability"
    )
    area: Probability | None = Field(
        description="chance that it is higher for a right event than for a false one (area under "
        "the ROC curve); 0.5 is no better than chance"
    )


# With fewer games than this no difference between them can be told from chance.
LEAST_GAMES = 3


class ClassTerms(Record):
    """The part of a logistic regression that is a class's own."""

    intercept: float
    slope: float = Field(gt=0, description="of the logit of the score, so the order stays")
    uses_features: bool = Field(
        default=False,
        description="whether the features count too, and events of the class rank by probability: "
        "only where cross-validation by match found that order better, within halves and across "
        "them, with confidence",
    )


class Recalibration(Record):
    """A logistic regression that gives the probability that an event is right."""

    classes: dict[str, ClassTerms]
    other_classes: ClassTerms = Field(description="of classes that no event was learnt from")
    features: dict[str, float] = Field(
        description="weights of what else is known of an event, for the classes that use them; "
        "empty where none does"
    )
    list_gains: dict[str, float] = Field(
        default={},
        description="by game: how much higher the average precision of its halves' lists is by "
        "probability, in cross-validation; empty with too few games. The probabilities are used "
        "only where this is above 0 with confidence",
    )


class ProbabilityQuality(Record):
    """How good probabilities are that events are right; lower is better."""

    brier: float = Field(ge=0, description="mean squared distance from right (1) or false (0)")
    log_loss: float = Field(ge=0)
    error: Probability = Field(description="expected calibration error, 10 bins")


class LearntQuality(Record):
    """What recalibration makes of the scores, of all events or of those of one class."""

    label: str | None = Field(description="a class; null: all events")
    events: int = Field(ge=0, description="that can be recalibrated")
    right: int = Field(ge=0)
    as_scored: ProbabilityQuality | None = Field(description="of the scores as they are")
    recalibrated: ProbabilityQuality | None = Field(
        description="of the same events, each by what was learnt from other matches"
    )


class CalibrationReport(Record):
    """calibration/calibration_{model}.json: which of a model's events can be trusted."""

    model: Model
    tolerance: float = Field(ge=0, description="most seconds between a right event and a true one")
    events: int = Field(ge=0)
    right: int = Field(ge=0)
    reliability: list[Reliability]
    from_all: Recalibration | None = Field(description="null: nothing right, or nothing false")
    without: dict[str, Recalibration | None] = Field(
        description="by game: learnt from the other games with labels, to be used on it"
    )
    quality: list[LearntQuality] = Field(description="of all events first, then by class")
