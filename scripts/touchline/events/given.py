"""Reading of given predictions as events, in any supported format."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from touchline.answers.reading import LONGEST_VIDEO, Predictions, make_encodable, usable_items
from touchline.core.records import Counts, Event, Team
from touchline.core.soccernet import LONGEST_HALF, is_another_time, positions_per_second
from touchline.errors import InputError, plain
from touchline.inputs.clock import span_of
from touchline.inputs.given import Entries, Form, read_entries
from touchline.inputs.labels import Labels
from touchline.inputs.videos import NOTHING_KNOWN, GameHalf, Video


def read_given(
    path: str | Path,
    video: int,
    row: Video | None,
    labels: Labels,
    *,
    duration: float | None = None,
) -> Predictions:
    """Read the given predictions of a video, in any supported format.

    Args:
        path: a predictions file, a results_spotting.json, an OSL JSON file, a pred-*.json of
            E2E-Spot or T-DEED, or a zip.
        video: number of the video.
        row: the video's row in the table of videos, if there is one.
        labels: the classes and their spellings.
        duration: duration of the video in seconds, if known. Later items are left out as invalid.
            Without a duration, the limit for a half is the longest possible half.

    Raises:
        InputError: the file cannot be read, is about another game, or has no usable item.
    """
    entries = read_entries(path, video, row)
    half = row.half if row else None
    if entries.form == "answers":
        # The environment that plans a run has no parser (envs/workflow.yaml).
        from touchline.answers.hits import read_items

        return read_items(entries.items, entries.place, labels, duration=duration, half=half)
    return spotter_predictions(entries, row.game_half if row else NOTHING_KNOWN, labels, duration)


# Some tools write 5:3 for 05:03.
_GAME_TIME = re.compile(r"(\d{1,2}) - (\d{1,5}):(\d{1,2})")
_TEAMS: dict[object, Team] = {"home": "home", "away": "away"}
# Keys by format. The first key that an item has is used.
_POSITION: Mapping[Form, tuple[str, ...]] = {
    "soccernet": ("position",),
    "osl": ("position_ms", "position"),
    "frames": ("frame",),
}
_SCORE: Mapping[Form, tuple[str, ...]] = {
    "soccernet": ("confidence",),
    "osl": ("confidence_score", "confidence"),
    "frames": ("score",),
}
# Distance in frames within which weaker events of a class are dropped. E2E-Spot's default.
_SUPPRESSED_FRAMES = 2
# A mean of 32-bit probabilities can slightly exceed 1.
_ROUNDING = 1e-6


def check_given(path: str | Path, video: int, row: Video | None, labels: Labels) -> None:
    """Check before a run that given predictions can be read.

    A file of answers is only checked for usable items. The job parses the answers later, because
    the parser is not installed where the run is planned.

    Args:
        path: the file, as for `read_given`.
        video: number of the video.
        row: the video's row in the table of videos, if there is one.
        labels: the classes and their spellings.

    Raises:
        InputError: the file cannot be used. The reasons are those of `read_given`.
    """
    entries = read_entries(path, video, row)
    half = row.half if row else None
    # Footage may be longer than a half. Only the job knows its duration.
    duration = LONGEST_VIDEO if row and row.path else None
    if entries.form == "answers":
        usable_items(entries.items, entries.place, half, duration)
    else:
        spotter_predictions(entries, row.game_half if row else NOTHING_KNOWN, labels, duration)


def spotter_predictions(
    entries: Entries, game_half: GameHalf, labels: Labels, duration: float | None
) -> Predictions:
    """Convert the entries of a trained spotter's file to the events of one video.

    Each event takes its time and its score from the file, because no windows are known. A label
    that is no class is kept and marked as unknown. Some files have scores of single frames instead
    of events. In this case, frames near a frame with a higher score are suppressed, by the rule of
    the project that wrote the file.

    Args:
        entries: the entries of the file.
        game_half: says which half the video shows, or where each half begins in the video.
            SoccerNet's times are on the clock of a half. Times in the other formats are on the
            video's clock.
        labels: the classes and their spellings.
        duration: duration of the video in seconds, if known. Otherwise the longest possible half is
            the limit.

    Raises:
        InputError: an item names two halves, or no item can be used. Or the file has two halves,
            and the table of videos does not say which half the video shows.
    """
    events: list[Event] = []
    problems: list[str] = []
    beyond: list[float] = []
    seen: dict[Event, int] = {}
    halves = [_half_or_mistake(entries, number) for number in range(len(entries.items))]
    stated = {each for each in halves if isinstance(each, int)}
    per_second = _positions_per_second(entries)
    spans = game_half.spans(duration)
    wanted = {span.half for span in spans if span.half is not None}
    longest, end = LONGEST_VIDEO, "any video"
    if duration is not None:
        longest, end = duration, "the end of the video"
    elif len(spans) == 1 and (wanted or stated):
        longest, end = LONGEST_HALF, "any half"
    is_soccernet = entries.form == "soccernet"
    count = 0
    for number, (item, item_half) in enumerate(zip(entries.items, halves, strict=True)):
        where = f"{entries.place}, item {number}"
        if wanted and isinstance(item_half, int) and item_half not in wanted:
            continue
        count += 1
        try:
            if isinstance(item_half, str):
                raise ValueError(item_half)
            if not isinstance(item_half, int) and stated:
                raise ValueError("the item names no half, but other items do")
            event = _event(item, entries, per_second, labels)
            span = span_of(spans, item_half) if is_soccernet and game_half.halves else None
            by_video = _at(event, span.video_time(event.time_s)) if span else event
            if seen.setdefault(by_video, number) != number:
                raise ValueError(f"the item repeats item {seen[by_video]}")
        except ValueError as error:
            problems.append(f"{where}: {error}. The item is left out.")
            continue
        last = min(span.end, span.video_time(LONGEST_HALF)) if span else longest
        if by_video.time_s > last:
            beyond.append(by_video.time_s)
        elif is_soccernet and (mistake := _contradiction(item, event.time_s)):
            problems.append(f"{where}: {mistake}. The item is left out.")
        else:
            events.append(by_video)
    if not wanted and len(stated) > 1:
        raise InputError(
            f"{entries.place} has predictions of two halves. Write into the table of videos which "
            "half the video shows."
        )
    if beyond:
        problems.append(
            f"{entries.place}: {len(beyond)} of {count} predictions lie beyond {end} ({longest:g} "
            f"s), the last at {max(beyond):g} s. They are left out. Check the file and the half."
        )
    has_others = bool(wanted) and bool(stated - wanted)
    if count and not events and not (has_others and not wanted & stated):
        raise InputError(
            f"{entries.place} has no usable prediction. The first problem: {problems[0]}"
        )
    if stated and (lacking := wanted - stated):
        halves_ = " and ".join(map(str, sorted(lacking)))
        problems.append(f"{entries.place} has no prediction for half {halves_} of the video.")
    if is_soccernet and per_second == 1:
        problems.append(
            f"{entries.place} has positions in seconds, judging by gameTime. SoccerNet's files "
            "have milliseconds. The positions are read as seconds."
        )
    events.sort(key=lambda event: (event.time_s, event.label))
    kept = events if entries.is_suppressed else _suppressed(events, entries.fps)
    counts = Counts(
        answers=count,
        none=0,
        unparsed=0,
        invalid=count - len(events),
        events_in=len(events),
        duplicates=len(events) - len(kept),
        events_out=len(kept),
    )
    return Predictions(kept, [event.time_s for event in kept], counts, problems, exact=True)


def _at(event: Event, time: float) -> Event:
    """Move a spotted event to another time, in seconds."""
    return replace(event, time_s=time, window_s=time, first_s=time, last_s=time)


def _half_or_mistake(entries: Entries, number: int) -> int | str | None:
    """Return the half of an item, None if the item names none, or a message if the item is wrong.

    Raises:
        InputError: the item names two different halves.
    """
    item = entries.items[number]
    if not isinstance(item, dict):
        return "the item is not an object"
    if entries.form != "soccernet":
        return None
    clock = _GAME_TIME.match(str(item.get("gameTime")))
    by_clock = int(clock[1]) if clock else None
    stated = by_clock if item.get("half") is None else item["half"]
    if stated is None:
        return None
    if str(stated) not in ("1", "2"):
        return f"the half is {plain(ascii(stated), 60)}, not 1 or 2"
    if by_clock not in (None, int(stated)):
        raise InputError(
            f"{entries.place}, item {number} has the half {stated}, but its gameTime is "
            f"{plain(ascii(item['gameTime']), 60)}. Correct one of them, or swap the halves."
        )
    return int(stated)


def _positions_per_second(entries: Entries) -> float:
    """Return the unit of the items' positions: 1,000 for milliseconds, or the frames per second."""
    if entries.form == "frames":
        return entries.fps
    if entries.form == "osl":
        return 1000
    return positions_per_second(
        (position, clock)
        for item in entries.items
        if (clock := _clock(item)) is not None
        and (position := _number(item.get("position"))) is not None
    )


def _clock(item: Any) -> float | None:
    """Return the gameTime of an item in seconds, or None."""
    text = str(item.get("gameTime")) if isinstance(item, dict) else ""
    match = _GAME_TIME.match(text)
    return 60.0 * int(match[2]) + int(match[3]) if match else None


def _contradiction(item: Mapping[str, Any], time: float) -> str | None:
    """Return a message if an item's position and gameTime cannot be the same moment, else None."""
    clock = _clock(item)
    if clock is None or not is_another_time(time, clock):
        return None
    return f"the position is {time:g} s, but gameTime is {plain(ascii(item['gameTime']), 60)}"


def _suppressed(events: Sequence[Event], fps: float) -> list[Event]:
    """Drop each event that has a better event with the same label in a neighbouring frame.

    This is `non_maximum_supression` of E2E-Spot's util/eval.py, which its evaluation calls.
    """
    kept: list[Event] = []
    reach = (_SUPPRESSED_FRAMES + 0.5) / fps
    for _, same_label in groupby(sorted(events, key=attrgetter("label")), key=attrgetter("label")):
        same = list(same_label)
        times = [event.time_s for event in same]
        for event in same:
            near = same[
                bisect_left(times, event.time_s - reach) : bisect_right(times, event.time_s + reach)
            ]
            if all(
                other.ranking_score <= event.ranking_score or other.time_s == event.time_s
                for other in near
            ):
                kept.append(event)
    return sorted(kept, key=lambda event: (event.time_s, event.label))


def _event(item: Mapping[str, Any], entries: Entries, per_second: float, labels: Labels) -> Event:
    """Convert an item to an event.

    Raises:
        ValueError: the item cannot be used. The message gives the reason.
    """
    label = item.get("label")
    word = " ".join(make_encodable(label).split()) if isinstance(label, str) else ""
    if not word:
        raise ValueError(f"the label is {plain(ascii(label), 60)}, not a word")
    position, value = _first(item, _POSITION[entries.form])
    time = _number(value)
    if time is None or not 0 <= time <= per_second * LONGEST_VIDEO:
        unit = "the number of a frame" if entries.form == "frames" else "milliseconds"
        raise ValueError(f"the {position} is {plain(ascii(value), 60)}, not {unit} of a video")
    name, value = _first(item, _SCORE[entries.form])
    score = _number(value)
    if value is not None and (score is None or not 0 <= score <= 1 + _ROUNDING):
        raise ValueError(f"the {name} is {plain(ascii(value), 60)}, not between 0 and 1")
    known = labels.canonical(word)
    seconds = round(time / per_second, 3)
    score = None if score is None else min(score, 1.0)
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
    """Return the first of several keys that has a value, and this value."""
    return next(
        ((name, item[name]) for name in names if item.get(name) is not None), (names[0], None)
    )


def _number(value: Any) -> float | None:
    """Convert a number or its text, as in SoccerNet's files, to a float.

    Return None for other values.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
