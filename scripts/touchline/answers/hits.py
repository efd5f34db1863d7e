"""Conversion of the answers in a predictions file to hits: one event per class in an answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from touchline.answers.asked import PromptContent
from touchline.answers.parsing import is_cut_off, parse_answer
from touchline.answers.plain_answers import names_in
from touchline.answers.reading import Predictions, quoted, usable_items
from touchline.core.records import Counts, Event, ParsedEvent
from touchline.inputs.labels import Labels


def make_hits(time: float, parsed: ParsedEvent, labels: Labels) -> list[Event]:
    """Return the hits for one parsed event of a window.

    A label with the names of several classes ("Corner kick and foul") gives one hit per class.

    Args:
        time: start of the window, in seconds.
        parsed: the event.
        labels: the classes and their spellings.
    """
    found = names_in(parsed.label, lambda name: labels.canonical(name) is not None)
    names = [labels.canonical(name) for name in found]
    return [
        Event(
            time_s=time,
            label=parsed.label if name is None else name,
            known=name is not None,
            team=parsed.team,
            confidence=parsed.confidence,
            label_probability=parsed.score,
            n_hits=1,
            window_s=time,
            first_s=time,
            last_s=time,
            details=parsed.details,
        )
        for name in names or [labels.canonical(parsed.label)]
    ]


def read_items(
    items: Sequence[Any],
    path: str | Path,
    labels: Labels,
    *,
    duration: float | None = None,
    half: int | None = None,
) -> Predictions:
    """Read the items of a predictions file: a list of `{"time": seconds, "raw": answer}`.

    Args:
        items: the items.
        path: path of the file, for messages.
        labels: the classes and their spellings.
        duration: duration of the video in seconds, if known. Items after the end of the video are
            left out as invalid.
        half: the half of the game that the video shows; None if unknown.

    Raises:
        InputError: no item can be used.
    """
    hits: list[Event] = []
    times: list[float] = []
    tally = {"events": 0, "none": 0, "unparsed": 0}
    cut_off = 0
    asked = PromptContent(labels.is_spelling)
    usable, problems = usable_items(items, path, half, duration)
    for number in usable:
        time, raw = float(items[number]["time"]), items[number]["raw"]
        times.append(time)
        answer = parse_answer(raw, asked)
        tally[answer.status] += 1
        cut_off += bool(answer.events) and is_cut_off(raw)
        if answer.status == "unparsed":
            problems.append(
                f"{path}, item {number} ({time:g} s): the answer {quoted(raw)} has no readable "
                "event."
            )
        for parsed in answer.events:
            hits += make_hits(time, parsed, labels)
    hits.sort(key=lambda hit: hit.time_s)
    counts = Counts(
        answers=len(items),
        none=tally["none"],
        unparsed=tally["unparsed"],
        invalid=len(items) - len(usable),
        cut_off=cut_off,
        events_in=len(hits),
        events_out=len(hits),
    )
    return Predictions(hits, times, counts, problems)
