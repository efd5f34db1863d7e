"""What reading a file of predictions gives, and the bounds that all readers keep to."""

from __future__ import annotations

from dataclasses import dataclass

from touchline.core.records import Counts, Event

# Seconds: a day. A time beyond is a mistake even where the duration is unknown.
LONGEST_VIDEO = 86_400.0
# An answer of 256 tokens has some 1,000 characters. Of a longer text that is not strict JSON
# this much is read, because the other readers have no bound of their own; and so much of a
# label or of details is kept.
MAX_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a predictions file holds.

    Attributes:
        hits: sorted by time, each an event as read from one answer (nothing is merged yet).
        times: seconds, of every item that can be used, whatever its answer is.
        problems: one line for each item that gave no event though it should, with file
            and number of the item (the first is 0).
        exact: the hits are the events themselves, with the times and scores of a model that
            spots events, and not what it answered about windows.
    """

    hits: list[Event]
    times: list[float]
    counts: Counts
    problems: list[str]
    exact: bool = False

    def reach(self, window: float) -> float:
        """How far the predictions get, seconds.

        Args:
            window: how long the windows last, seconds.
        """
        return max(self.times, default=-window) + (0.0 if self.exact else window)


def encodable(text: str) -> str:
    """The text, bounded, with lone surrogates, which no file can hold, as question marks."""
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
