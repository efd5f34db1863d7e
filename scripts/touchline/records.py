"""The file formats: what stands in each JSON file that the workflow writes.

Times are seconds from the start of the video. The JSON Schemas in schemas/ are
made from these classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, description="seconds from the start of the video")]
Probability = Annotated[float, Field(ge=0, le=1)]
Team = Literal["home", "away"]


class Record(BaseModel):
    """Base of every record: immutable, and no field but those named."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Manifest(Record):
    """videos/video_{v}.json: what the probe found out about one video."""

    video: int = Field(ge=0, description="number of the video in the table")
    path: str = Field(description="where the video was when it was probed")
    bytes: int = Field(gt=0, description="size of the file")
    fingerprint: str = Field(description="SHA-256 of samples of the content")
    duration: float = Field(gt=0, description="seconds of video that are to be processed")
    start_time: float = Field(description="presentation time of the first frame, seconds")
    frame_rate: float = Field(gt=0, description="mean frames per second")
    width: int = Field(gt=0, description="pixels, before rotation")
    height: int = Field(gt=0, description="pixels, before rotation")
    rotation: int = Field(description="degrees, anticlockwise, that a player turns the picture by")
    codec: str
    game: str | None = Field(default=None, description="the match this video is a part of")
    half: int | None = Field(default=None, ge=1, description="which half of the game")
    home: str | None = None
    away: str | None = None


class ParsedEvent(Record):
    """One event as a model's answer tells it; the label is the model's own word."""

    label: str = Field(min_length=1)
    team: Team | None = None
    confidence: Probability | None = Field(default=None, description="as the model states it")
    details: str = ""
    score: Probability | None = Field(default=None, description="probability of the label's tokens")


Status = Literal["events", "none", "unparsed", "skipped_oom", "no_frames"]


class WindowRecord(Record):
    """One line of windows/windows_{model}_vid{v}_gpu{s}.jsonl: what became of a window."""

    window: int = Field(ge=0, description="number of the window in its slice")
    start: Seconds
    end: Seconds
    frame_times: list[float] = Field(description="true presentation times of the frames shown")
    status: Status
    text: str = Field(default="", description="the model's answer, untouched")
    events: list[ParsedEvent] = Field(default=[], description="what the answer tells")
    score: Probability | None = Field(
        default=None, description="mean probability of the answer's tokens"
    )
    tokens: int = Field(default=0, ge=0, description="tokens generated")
    attempts: int = Field(ge=0, description="more than one where memory ran out")


class RawAnswer(Record):
    """One item of a partial or of a predictions file."""

    time: Seconds
    raw: str = Field(description="a model's answer, or one event as a Python literal")


Model = Annotated[str, Field(min_length=1, description="name of a model")]


class Counts(Record):
    """What became of every answer on its way to events."""

    answers: int = Field(ge=0, description="windows of the ledgers, or items of the file")
    none: int = Field(ge=0, description="answers that say there is no event")
    unparsed: int = Field(ge=0, description="answers in which no event can be read")
    skipped: int = Field(default=0, ge=0, description="windows that no answer exists for")
    invalid: int = Field(default=0, ge=0, description="items left out: no time, no text, a repeat")
    events_in: int = Field(ge=0, description="events told by the answers")
    duplicates: int = Field(default=0, ge=0, description="events merged into another one")
    events_out: int = Field(ge=0, description="events that stand in the result")


@dataclass(frozen=True, slots=True)
class Vote:
    """That a model says an event, and when; how sure it is, if it tells."""

    model: str
    time_s: float
    strength: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One row of events/events_{model}_video_{v}.csv. (A dataclass: there can be millions.)

    Attributes:
        time_s, first_s, last_s: seconds from the start of the video: of the event, and of
            the first and last window that told of it.
        label: name of the class if `known`, else the model's own word.
        confidence: as the model states it.
        score: probability of the label's tokens; for a fused event that of the ensemble.
        n_hits: how many windows told of it.
        said_by: the models behind a fused event; empty for one model's own.
    """

    time_s: float
    label: str
    known: bool
    team: Team | None
    confidence: float | None
    score: float | None
    n_hits: int
    first_s: float
    last_s: float
    details: str = ""
    said_by: tuple[Vote, ...] = ()

    @property
    def strength(self) -> float | None:
        """What events are ranked by: the score, or the stated confidence where there is none."""
        return self.confidence if self.score is None else self.score


class Stretch(Record):
    """A part of a video, from start to end."""

    start: Seconds
    end: Seconds


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
    """How often model A says one label where, at the same moment, model B says the other."""

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
    compared: list[Stretch] = Field(description="where both models looked")
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
    looked_at: list[Stretch]


class ComparisonReport(Record):
    """comparison/comparison_video_{v}.json: any number of models, pairwise and together."""

    video: int | None = Field(default=None, ge=0)
    tolerance: float = Field(ge=0, description="most seconds between two that match")
    shifts: int = Field(ge=1, description="circular shifts in time that the chance level is of")
    seed: int
    models: list[ComparedModel]
    pairs: list[PairComparison]
    together: list[Moments]


class Coverage(Record):
    """coverage/coverage_{model}_video_{v}.json: what a model's events alone do not tell."""

    duration: float | None = Field(ge=0, description="of the video, seconds; null if not known")
    looked_at: list[Stretch]
    likely_lost: list[Stretch] = Field(
        description="stretches without any item, too long to be chance; given predictions only"
    )
    counts: Counts
