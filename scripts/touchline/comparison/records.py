"""The file formats of comparisons: what stands in comparison/comparison_video_{v}.json."""

from __future__ import annotations

from pydantic import Field

from touchline.core.records import Interval, Model, Probability, Record


class Agreement(Record):
    """How far two models agree, beside what the same lists give when shifted in time."""

    events_a: int = Field(ge=0)
    events_b: int = Field(ge=0)
    matched: int = Field(ge=0, description="pairs of the same class within the tolerance")
    matched_by_chance: float = Field(ge=0)
    f1: Probability | None = Field(description="2 matched / (events_a + events_b)")
    f1_by_chance: Probability | None
    jaccard: Probability | None = Field(description="matched / (events_a + events_b - matched)")
    jaccard_by_chance: Probability | None


class ClassAgreement(Agreement):
    label: str


class Confusion(Record):
    """How often model A predicts one label where, at the same moment, B predicts the other."""

    label_a: str
    label_b: str
    count: int = Field(ge=0)
    by_chance: float = Field(ge=0)


class PairComparison(Record):
    """Two models side by side.

    The counts of the groups are of all events; the agreement is of the known classes.
    """

    model_a: Model
    model_b: Model
    compared: list[Interval] = Field(description="where both models looked")
    both: int = Field(ge=0, description="pairs with the same label")
    other_label: int = Field(ge=0, description="pairs at the same moment with another label")
    only_a: int = Field(ge=0)
    only_b: int = Field(ge=0)
    not_compared_a: int = Field(ge=0, description="events where the other model did not look")
    not_compared_b: int = Field(ge=0)
    overall: Agreement
    classes: list[ClassAgreement]
    confusion: list[Confusion] = Field(description="most frequent first")


class Moments(Record):
    """How many moments of a class exactly these models found."""

    label: str
    models: list[Model]
    count: int = Field(ge=1)


class ComparedModel(Record):
    name: Model
    events: int = Field(ge=0)
    unknown: int = Field(ge=0, description="events whose label is no class")
    looked_at: list[Interval]


class ComparisonReport(Record):
    """comparison/comparison_video_{v}.json: any number of models, pairwise and together."""

    video: int | None = Field(default=None, ge=0)
    tolerance: float = Field(ge=0, description="most seconds between two that match")
    shifts: int = Field(ge=1, description="circular shifts in time that the chance level is of")
    seed: int
    models: list[ComparedModel]
    pairs: list[PairComparison]
    together: list[Moments]
