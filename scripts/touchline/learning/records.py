"""Define the file formats of learned/."""

from __future__ import annotations

from pydantic import Field

from touchline.core.records import Model, Probability, Record
from touchline.evidence.origin import FeatureOrigin

# Classes with fewer events are not learnt.
LEAST_EVENTS = 5


class LearntGame(Record):
    """A game in the training."""

    game: str
    fingerprints: list[str] = Field(description="fingerprints of its videos")


class LearntPart(Record):
    """A part of a learnt model, to be used on the games that its training left out."""

    without: list[str] = Field(description="names of the games left out; empty if none")
    classes: list[str]
    strength: float = Field(gt=0, description="strength of the regularization")


class LearntNote(Record):
    """The note in a learnt model's file."""

    origin: FeatureOrigin
    games: list[LearntGame]
    parts: list[LearntPart]


class LearntClass(Record):
    """A class in the annotations."""

    label: str
    events: int = Field(ge=0, description="visible events in answered windows")
    games: int = Field(ge=0, description="games with such an event")
    is_learnt: bool = Field(description=f"false with fewer than {LEAST_EVENTS} events")


class CurvePoint(Record):
    """A point of the learning curve: average precision after learning from a number of games."""

    games: int = Field(ge=1, description="number of labelled games in the training")
    value: Probability = Field(
        description="average precision, the mean over learnt classes that occur; each game is "
        "tested with models learnt from other games"
    )
    low: Probability | None = Field(
        description="lower limit; 2.5 % of the resamples have a smaller value"
    )
    high: Probability | None = Field(
        description="upper limit; 2.5 % of the resamples have a larger value"
    )


class LearningReport(Record):
    """learned/learning_{model}.json: the learnt classes, and the learning curve."""

    model: Model
    games: list[str]
    windows: int = Field(ge=0, description="answered windows in the videos with labels")
    classes: list[LearntClass]
    strength: float = Field(gt=0, description="strength of the regularization for all games")
    tolerance: float = Field(
        ge=0,
        description="largest distance between an event and the annotation that it is paired "
        "with, in seconds",
    )
    curve: list[CurvePoint]
    problems: list[str] = Field(default=[], description="annotations that could not be used")

    @property
    def summary(self) -> str:
        """Return a sentence with the learnt classes."""
        learnt = [each.label for each in self.classes if each.is_learnt]
        return (
            f"Learnt {len(learnt)} classes from {len(self.games)} games with {self.windows} "
            f"windows: {', '.join(learnt) or 'none'}."
        )

    @property
    def left_out(self) -> str:
        """Return a sentence with the classes that have too few events, or "" if none."""
        rare = [f"{each.label} ({each.events})" for each in self.classes if not each.is_learnt]
        if not rare:
            return ""
        return f"Too few events to learn, fewer than {LEAST_EVENTS}: {', '.join(rare)}."
