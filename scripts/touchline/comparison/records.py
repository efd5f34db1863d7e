"""Records of comparisons: the content of comparison/comparison_video_{v}.json."""

from __future__ import annotations

from pydantic import Field

from touchline.core.records import Interval, Model, Probability, Record


class Agreement(Record):
    """The agreement of two models, with the chance level from lists that are shifted in time."""

    events_a: int = Field(ge=0)
    events_b: int = Field(ge=0)
    matched: int = Field(ge=0, description="number of pairs of the same class within the tolerance")
    matched_by_chance: float = Field(ge=0)
    f1: Probability | None = Field(description="2 matched / (events_a + events_b)")
    f1_by_chance: Probability | None
    jaccard: Probability | None = Field(description="matched / (events_a + events_b - matched)")
    jaccard_by_chance: Probability | None


class ClassAgreement(Agreement):
    """The agreement of two models for one class."""

    label: str


class Confusion(Record):
    """Number of pairs with one label from model A and another (or the same) label from model B."""

    label_a: str
    label_b: str
    count: int = Field(ge=0)
    by_chance: float = Field(ge=0)


class PairComparison(Record):
    """The comparison of two models.

    The counts of the groups include all events. The agreement includes only known classes.
    """

    model_a: Model
    model_b: Model
    compared: list[Interval] = Field(description="intervals that both models looked at")
    both: int = Field(ge=0, description="number of pairs with the same label")
    other_label: int = Field(ge=0, description="number of pairs with different labels")
    only_a: int = Field(ge=0)
    only_b: int = Field(ge=0)
    not_compared_a: int = Field(
        ge=0, description="number of events where the other model did not look"
    )
    not_compared_b: int = Field(ge=0)
    overall: Agreement
    classes: list[ClassAgreement]
    confusion: list[Confusion] = Field(description="counts of label pairs, most frequent first")


class Moments(Record):
    """Number of moments of a class that exactly these models found."""

    label: str
    models: list[Model]
    count: int = Field(ge=1)


class ComparedModel(Record):
    """A model in a comparison."""

    name: Model
    events: int = Field(ge=0)
    unknown: int = Field(ge=0, description="number of events whose label is no class")
    looked_at: list[Interval]


class ComparisonReport(Record):
    """comparison/comparison_video_{v}.json: a comparison of models, pairwise and together."""

    video: int | None = Field(default=None, ge=0)
    tolerance: float = Field(ge=0, description="largest distance between paired events, in seconds")
    shifts: int = Field(ge=1, description="number of circular time shifts for the chance level")
    seed: int
    models: list[ComparedModel]
    pairs: list[PairComparison]
    together: list[Moments]
