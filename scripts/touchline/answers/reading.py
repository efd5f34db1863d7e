"""What reading a file of predictions gives, and the bounds that all readers keep to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from touchline.core.records import Counts, Event
from touchline.core.soccernet import LONGEST_HALF
from touchline.errors import InputError

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


def usable_items(
    items: Sequence[Any], path: str | Path, half: int | None, duration: float | None
) -> tuple[list[int], list[str]]:
    """Find the items of a predictions file that have a time and an answer.

    Args:
        path, half, duration: as of `touchline.answers.hits.predictions_of`.

    Returns:
        their numbers, and a line for each other item.

    Raises:
        InputError: there are items, and none can be used.
    """
    usable: list[int] = []
    problems: list[str] = []
    seen: dict[tuple[float, str], int] = {}
    for number, item in enumerate(items):
        mistake = _mistake(item, duration, half)
        if mistake is None:
            first = seen.setdefault((float(item["time"]), item["raw"]), number)
            mistake = None if first == number else f"repeats item {first}"
        if mistake is None:
            usable.append(number)
        else:
            problems.append(f"{path}, item {number}: {mistake}; it is left out.")
    if items and not usable:
        raise InputError(f"{path} has no usable item. The first problem: {problems[0]}")
    return usable, problems


def quoted(text: str) -> str:
    """A model's text, short and on one line, for a message."""
    return ascii(text if len(text) <= 60 else f"{text[:60]}…")


def _mistake(item: Any, duration: float | None, half: int | None) -> str | None:
    """What is wrong with an item of a predictions file, or None."""
    if not isinstance(item, dict):
        return "is no object"
    time, raw = item.get("time"), item.get("raw")
    if isinstance(time, bool) or not isinstance(time, (int, float)):
        return "has no number as its time"
    if not 0 <= time <= LONGEST_VIDEO:  # NaN is not between
        return f"has an impossible time, {quoted(str(time))}"
    if duration is not None and time > duration:
        return f"is at {time:g} s, beyond the end of the video ({duration:g} s)"
    if duration is None and half is not None and time > LONGEST_HALF:
        return f"is at {time:g} s, and no half is longer than {LONGEST_HALF:g} s"
    if not isinstance(raw, str):
        return "has no text as its raw answer"
    return None
