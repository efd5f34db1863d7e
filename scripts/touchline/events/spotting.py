"""Events as trained spotters predict them: at exact times, each with the score that it ranks by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from touchline.core.records import Counts, Event, Team
from touchline.errors import InputError, plain
from touchline.events.reading import LONGEST_VIDEO, Predictions, encodable
from touchline.inputs.labels import Labels
from touchline.inputs.spotting_files import Entries, Form, read_entries
from touchline.inputs.videos import Video

_GAME_TIME = re.compile(r"(\d+) - \d+:\d+")
_TEAMS: dict[object, Team] = {"home": "home", "away": "away"}
# What the formats call the same: the first of these that an item has.
_POSITION: Mapping[Form, tuple[str, ...]] = {
    "soccernet": ("position",),
    "osl": ("position_ms", "position"),
}
_SCORE: Mapping[Form, tuple[str, ...]] = {
    "soccernet": ("confidence",),
    "osl": ("confidence_score", "confidence"),
}


def check_given(path: str | Path, video: int, row: Video | None, labels: Labels) -> None:
    """Make sure before a run that given predictions can be read.

    Of a predictions file, that it is one: the job that parses its answers says the rest.

    Args:
        path, video, row: as of `touchline.events.given.read_given`.

    Raises:
        InputError: as there.
    """
    entries = read_entries(path, video, row)
    if entries.form != "answers":
        spotted_in(entries, row.half if row else None, labels, duration=None)


def spotted_in(
    entries: Entries, half: int | None, labels: Labels, duration: float | None
) -> Predictions:
    """The events of one video.

    An event has the time and the score that the file has: nothing is known of windows. A label
    that is no class stays, marked unknown.
    """
    events: list[Event] = []
    problems: list[str] = []
    beyond: list[float] = []
    seen: dict[Event, int] = {}
    count, halves = 0, set()
    for number, item in enumerate(entries.items):
        where = f"{entries.place}, item {number}"
        try:
            of_half = _half(item) if entries.form == "soccernet" else None
            halves.add(of_half)
            if half is not None and of_half not in (None, half):
                continue
            count += 1
            event = _event(item, entries.form, labels)
            if seen.setdefault(event, number) != number:
                raise ValueError(f"repeats item {seen[event]}")
        except _Contradiction:
            raise InputError(
                f"{where} is of half {item['half']}, but its gameTime is "
                f"{plain(ascii(item['gameTime']), 60)}; are the halves swapped? Correct one of "
                "them."
            ) from None
        except ValueError as error:
            problems.append(f"{where}: {error}; it is left out.")
            continue
        if duration is not None and event.time_s > duration:
            beyond.append(event.time_s)
        else:
            events.append(event)
    if half is None and len(halves - {None}) > 1:
        raise InputError(
            f"{entries.place} has predictions of two halves; write into the table of videos which "
            "half the video is."
        )
    if beyond:
        problems.append(
            f"{entries.place}: {len(beyond)} of {count} predictions lie beyond the end of the "
            f"video ({duration:g} s), the last at {max(beyond):g} s; they are left out. Is it the "
            "right file, and half?"
        )
    if count and not events:
        raise InputError(
            f"{entries.place} has no usable prediction. The first problem: {problems[0]}"
        )
    if half is not None and halves and half not in halves and None not in halves:
        problems.append(f"{entries.place} has nothing of half {half}, which the video is.")
    events.sort(key=lambda event: (event.time_s, event.label))
    counts = Counts(
        answers=count,
        none=0,
        unparsed=0,
        invalid=count - len(events),
        events_in=len(events),
        events_out=len(events),
    )
    return Predictions(events, [event.time_s for event in events], counts, problems, exact=True)


class _Contradiction(Exception):
    """An item is said to be of two halves."""


def _half(item: Any) -> int | None:
    """The half that an item of a results_spotting.json is of; None if it does not say.

    Raises:
        ValueError: it says no half that there is.
        _Contradiction: it says two.
    """
    if not isinstance(item, dict):
        raise ValueError("is no object")
    clock = _GAME_TIME.match(str(item.get("gameTime")))
    by_clock = int(clock[1]) if clock and len(clock[1]) < 3 else None
    stated = item.get("half")
    if stated is None:
        return by_clock
    if str(stated) not in ("1", "2"):
        raise ValueError(f"half is {plain(ascii(stated), 60)}, not 1 or 2")
    if by_clock not in (None, int(stated)):
        raise _Contradiction
    return int(stated)


def _event(item: Any, form: Form, labels: Labels) -> Event:
    """The event of an item.

    Raises:
        ValueError: the item cannot be used; says why.
    """
    if not isinstance(item, dict):
        raise ValueError("is no object")
    label = item.get("label")
    word = " ".join(encodable(label).split()) if isinstance(label, str) else ""
    if not word:
        raise ValueError(f"label is {plain(ascii(label), 60)}, not a word")
    position, value = _first(item, _POSITION[form])
    time = _number(value)
    if time is None or not 0 <= time <= 1000 * LONGEST_VIDEO:
        raise ValueError(f"{position} is {plain(ascii(value), 60)}, not milliseconds of a video")
    name, value = _first(item, _SCORE[form])
    score = _number(value)
    if value is not None and (score is None or not 0 <= score <= 1):
        raise ValueError(f"{name} is {plain(ascii(value), 60)}, not between 0 and 1")
    known = labels.canonical(word)
    seconds = round(time / 1000, 3)
    return Event(
        time_s=seconds,
        label=known or word,
        known=known is not None,
        team=_TEAMS.get(str(item.get("team"))),
        confidence=score,
        label_probability=None,
        n_hits=1,
        window_s=seconds,
        first_s=seconds,
        last_s=seconds,
        score=score,
        score_kind="given",
    )


def _first(item: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, Any]:
    """The first of some keys that has a value, and that."""
    return next(
        ((name, item[name]) for name in names if item.get(name) is not None), (names[0], None)
    )


def _number(value: Any) -> float | None:
    """A number, which SoccerNet's files have as text; None of anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
