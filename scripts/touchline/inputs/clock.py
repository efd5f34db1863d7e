"""The position of each half in a video, and conversion between video time and match clock.

Annotations and SoccerNet's files give a half and the seconds since its kick-off. A video may begin
before the kick-off, and may show both halves with a break between them. Every stage that converts
times uses this module.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator

from touchline.errors import InputError

# Longest duration of a half with stoppages, in seconds, if its end is not given.
_LONGEST = {1: 3600.0, 2: 3600.0, 3: 1500.0, 4: 1500.0}
_PART = re.compile(r"([1-4])\s*=\s*([\d:.]+)(?:\s*-\s*([\d:.]+))?")
_FORM = "write as 1=00:04:10,2=01:06:32, or with ends: 1=00:04:10-00:51:30"


@dataclass(frozen=True)
class HalfStart:
    """The start and the end of a half in a video.

    Attributes:
        half: Number of the half; 3 and 4 are extra time. None if unknown.
        start: Kick-off, in seconds of video. Negative if the video begins after the kick-off.
        end: End of the half, in seconds of video; None if it is not given.
    """

    half: int | None
    start: float
    end: float | None = None


@dataclass(frozen=True)
class HalfSpan:
    """The part of a video that shows a half.

    Attributes:
        half: Number of the half; None if unknown.
        kickoff: Seconds of video at the kick-off, where the half's clock shows 0. May be negative.
        start: Start of the part, in seconds of video.
        end: End of the part, in seconds of video.
    """

    half: int | None
    kickoff: float = 0.0
    start: float = 0.0
    end: float = math.inf

    def video_time(self, time: float) -> float:
        """Convert seconds on the clock of the half to seconds of video."""
        return round(time + self.kickoff, 3) if self.kickoff else time

    def half_time(self, time: float) -> float:
        """Convert seconds of video to seconds on the clock of the half."""
        return round(time - self.kickoff, 3) if self.kickoff else time


def parse_half_starts(text: str) -> tuple[HalfStart, ...]:
    """Parse the starts (and ends) of halves from a text such as "1=00:04:10,2=01:06:32".

    Raises:
        ValueError: The text is invalid. The message gives the reason.
    """
    found: list[HalfStart] = []
    reached, before = -math.inf, 0
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is not the start of a half; {_FORM}")
        half, start = int(match[1]), _seconds(match[2])
        end = None if match[3] is None else _seconds(match[3])
        if half <= before:
            raise ValueError(f"half {half} is written after half {before}; {_FORM}")
        if start <= reached:
            raise ValueError(f"half {half} begins before half {before} has ended; {_FORM}")
        if end is not None and end <= start:
            raise ValueError(f"half {half} ends before it begins; {_FORM}")
        found.append(HalfStart(half, start, end))
        reached, before = start if end is None else end - 1e-3, half
    if not found:
        raise ValueError(f"no half is named; {_FORM}")
    return tuple(found)


def _read_halves(value: object) -> object:
    """Convert a text or data to starts of halves. None gives no starts."""
    return parse_half_starts(value) if isinstance(value, str) else value or ()


# A field with starts of halves, in settings or in a table.
HalfStarts = Annotated[tuple[HalfStart, ...], BeforeValidator(_read_halves)]


def _seconds(text: str) -> float:
    """Convert "01:06:32.5", "06:32" or "392" to seconds."""
    parts = text.split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        raise ValueError(f"{text!r} is not a time; {_FORM}") from None
    if len(parts) > 3 or any(number >= 60 for number in numbers[1:]):
        raise ValueError(f"{text!r} is not a time; {_FORM}")
    seconds = 0.0
    for number in numbers:
        seconds = 60 * seconds + number
    return round(seconds, 3)


def half_spans(
    halves: Sequence[HalfStart], half: int | None, duration: float | None
) -> tuple[HalfSpan, ...]:
    """List the parts of a video that show a half, ordered by time.

    Args:
        halves: The known starts of halves. Without any, the whole video is one half.
        half: Number of this half, if it is known.
        duration: Duration of the video in seconds, if it is known.

    Raises:
        InputError: The video ends before any half begins.
    """
    limit = math.inf if duration is None else duration
    if not halves:
        return (HalfSpan(half, 0.0, 0.0, limit),)
    nexts = [*(each.start for each in halves[1:]), math.inf]
    spans = []
    for each, following in zip(halves, nexts, strict=True):
        longest = math.inf if len(halves) == 1 else _LONGEST.get(each.half or 1, math.inf)
        end = each.start + longest if each.end is None else each.end
        start, end = max(0.0, each.start), min(end, following, limit)
        if start < end:
            spans.append(HalfSpan(each.half, each.start, start, end))
    if not spans:
        raise InputError(
            f"The video ends after {duration:g} s, before any half begins. Correct half_starts (or "
            "offset) in the table of videos."
        )
    return tuple(spans)


def span_at(spans: Sequence[HalfSpan], time: float) -> HalfSpan | None:
    """Return the half that contains a time of the video, or None.

    The end of a half belongs to the half.
    """
    return next((span for span in reversed(spans) if span.start <= time <= span.end), None)


def span_of(spans: Sequence[HalfSpan], half: int | None) -> HalfSpan | None:
    """Return the half with this number, or None if the video does not show it."""
    return next((span for span in spans if span.half == half), None)
