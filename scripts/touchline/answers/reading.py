"""The result of reading a predictions file, and the limits that all readers apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from touchline.core.records import Counts, Event
from touchline.core.soccernet import LONGEST_HALF
from touchline.errors import InputError

# Seconds (one day). A later time is a mistake even if the duration is unknown.
LONGEST_VIDEO = 86_400.0
# An answer of 256 tokens has about 1,000 characters. Only this number of characters is read from a
# text that is not strict JSON, because the other parsers have no limit of their own. Labels and
# details are cut to the same length.
MAX_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Predictions:
    """The content of a predictions file.

    Attributes:
        hits: events that were read from single answers, before merging, sorted by time.
        times: time of every usable item in seconds, with or without events.
        counts: number of items and events of each kind.
        problems: one line per item that should have given an event but did not, with file and
            number of the item (the first is 0).
        exact: whether a trained spotter (a model that was trained to find events) made the file.
            Its hits are final events with times and scores, not answers about windows.
    """

    hits: list[Event]
    times: list[float]
    counts: Counts
    problems: list[str]
    exact: bool = False

    def reach(self, window: float) -> float:
        """Return the end of the last window with an answer, in seconds.

        Args:
            window: length of a window, in seconds.
        """
        return max(self.times, default=-window) + (0.0 if self.exact else window)


def make_encodable(text: str) -> str:
    """Cut a text to MAX_CHARACTERS and replace lone surrogates, which no file can hold."""
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def usable_items(
    items: Sequence[Any], path: str | Path, half: int | None, duration: float | None
) -> tuple[list[int], list[str]]:
    """Find the items of a predictions file that have a time and an answer.

    Args:
        items: the items.
        path: path of the file, for messages.
        half: the half of the game that the video shows; None if unknown.
        duration: duration of the video in seconds; None if unknown.

    Returns:
        The numbers of the usable items, and one message per other item.

    Raises:
        InputError: there are items, but none can be used.
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
            problems.append(f"{path}, item {number} {mistake}. The item is left out.")
    if items and not usable:
        raise InputError(f"{path} has no usable item. The first problem: {problems[0]}")
    return usable, problems


def quoted(text: str) -> str:
    """Return the start of a model's text on one line with quotes, for a message."""
    return ascii(text if len(text) <= 60 else f"{text[:60]}…")


def _mistake(item: Any, duration: float | None, half: int | None) -> str | None:
    """Return the reason why an item cannot be used, or None."""
    if not isinstance(item, dict):
        return "is not an object"
    time, raw = item.get("time"), item.get("raw")
    if isinstance(time, bool) or not isinstance(time, (int, float)):
        return "has a time that is not a number"
    if not 0 <= time <= LONGEST_VIDEO:  # This also rejects NaN.
        return f"has an impossible time, {quoted(str(time))}"
    if duration is not None and time > duration:
        return f"is at {time:g} s, beyond the end of the video ({duration:g} s)"
    if duration is None and half is not None and time > LONGEST_HALF:
        return f"is at {time:g} s, but no half is longer than {LONGEST_HALF:g} s"
    if not isinstance(raw, str):
        return "has a raw answer that is not a text"
    return None
