"""The formats of learned/: what was learnt, from which games, and what more labels would bring."""

from __future__ import annotations

from pydantic import Field

from touchline.core.records import Model, Probability, Record
from touchline.evidence.origin import FeatureOrigin

# A class with fewer events is not learnt.
LEAST_EVENTS = 5


class LearntGame(Record):
    """A game that was learnt from."""

    game: str
    fingerprints: list[str] = Field(description="of its videos' content")


class LearntPart(Record):
    """What was learnt from all games but some, to be used on these."""

    without: list[str] = Field(description="names of the games; empty: from all")
    classes: list[str]
    strength: float = Field(gt=0, description="what weights are held back by")


class LearntNote(Record):
    """What stands in a learnt model's file beside its numbers."""

    origin: FeatureOrigin
    games: list[LearntGame]
    parts: list[LearntPart]


class LearntClass(Record):
    """A class that the labels have."""

    label: str
    events: int = Field(ge=0, description="visible ones, in windows that were answered")
    games: int = Field(ge=0, description="games with such an event")
    is_learnt: bool = Field(description=f"false with fewer than {LEAST_EVENTS} events")


class CurvePoint(Record):
    """What is spotted in a game by what was learnt from some number of other games."""

    games: int = Field(ge=1, description="labelled games that were learnt from")
    value: Probability = Field(
        description="average precision, the mean over the classes that are learnt and occur; each "
        "game is judged by what other games taught"
    )
    low: Probability | None = Field(description="2.5 % of samples of the games are below")
    high: Probability | None = Field(description="2.5 % of samples of the games are above")


class LearningReport(Record):
    """learned/learning_{model}.json: what was learnt from the labels, and what more would bring."""

    model: Model
    games: list[str]
    windows: int = Field(ge=0, description="that were answered, in the videos with labels")
    classes: list[LearntClass]
    strength: float = Field(gt=0, description="what weights are held back by, of all games")
    tolerance: float = Field(ge=0, description="most seconds between an event and the true one")
    curve: list[CurvePoint]
    problems: list[str] = Field(default=[], description="annotations that could not be used")

    @property
    def summary(self) -> str:
        """A sentence that says what was learnt."""
        learnt = [each.label for each in self.classes if each.is_learnt]
        return (
            f"Learnt {len(learnt)} classes from {len(self.games)} games with {self.windows} "
            f"windows: {', '.join(learnt) or 'none'}."
        )

    @property
    def left_out(self) -> str:
        """A sentence that names the classes with too few events; empty if there are none."""
        rare = [f"{each.label} ({each.events})" for each in self.classes if not each.is_learnt]
        if not rare:
            return ""
        return f"Too few events to learn, fewer than {LEAST_EVENTS}: {', '.join(rare)}."
