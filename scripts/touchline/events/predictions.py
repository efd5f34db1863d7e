"""Predictions files and event tables: reading what others wrote, writing our own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from pandas import DataFrame
from pydantic import TypeAdapter, ValidationError

from touchline.answers.asked import Asked
from touchline.answers.parsing import is_cut_off, parse_answer, render_event
from touchline.answers.plain_answers import names_in
from touchline.answers.reading import Predictions, quoted, usable_items
from touchline.core.files import write_json
from touchline.core.records import Context, Counts, Event, ParsedEvent
from touchline.core.soccernet import game_time
from touchline.core.tables import Table, columns
from touchline.errors import InputError
from touchline.inputs.labels import Labels

_EVENT = TypeAdapter(Event)
_CONTEXT = [field.name for field in fields(Context)]

# events/events_{model}_video_{v}.csv, a line an event.
EVENTS = Table(
    [
        ("video", "Int64"),
        ("game", "str"),
        ("half", "Int64"),
        ("time_s", "float64"),
        ("game_time", "str"),
        ("label", "str"),
        ("known", "bool"),
        ("team", "str"),
        ("confidence", "Float64"),
        ("label_probability", "Float64"),
        ("score", "Float64"),
        ("score_kind", "str"),
        ("n_hits", "int64"),
        ("window_s", "float64"),
        ("first_s", "float64"),
        ("last_s", "float64"),
        *columns("Float64", _CONTEXT),
        ("details", "str"),
        ("said_by", "str"),
    ]
)


def hits_of(time: float, parsed: ParsedEvent, labels: Labels) -> list[Event]:
    """The hits for one parsed event of the window that starts at `time`, in seconds.

    One event; a label of several classes' names ("Corner kick and foul") is one of each.
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


def predictions_of(
    items: Sequence[Any],
    path: str | Path,
    labels: Labels,
    *,
    duration: float | None = None,
    half: int | None = None,
) -> Predictions:
    """Read the items of a predictions file: a list of `{"time": seconds, "raw": answer}`.

    Args:
        path: of the file, for messages.
        duration: seconds of video, if known; items beyond are left out as invalid.
        half: of the game, which the video shows; None if it is not known.

    Raises:
        InputError: no item can be used.
    """
    hits: list[Event] = []
    times: list[float] = []
    tally = {"events": 0, "none": 0, "unparsed": 0}
    cut_off = 0
    asked = Asked(labels.is_spelling)
    usable, problems = usable_items(items, path, half, duration)
    for number in usable:
        time, raw = float(items[number]["time"]), items[number]["raw"]
        times.append(time)
        answer = parse_answer(raw, asked)
        tally[answer.status] += 1
        cut_off += bool(answer.events) and is_cut_off(raw)
        if answer.status == "unparsed":
            problems.append(
                f"{path}, item {number} ({time:g} s): no event can be read in {quoted(raw)}."
            )
        for parsed in answer.events:
            hits += hits_of(time, parsed, labels)
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


def write_predictions(path: str | Path, events: Iterable[Event]) -> None:
    """Write a predictions file: one item an event, sorted by time.

    An item's time is the start of the window that is kept of those that predicted it, as in the
    files that other tools know. `raw` has what a model's answer has; of a fused event also the
    models behind it, with such times.
    """
    ordered = sorted(events, key=lambda event: event.window_s)
    write_json(path, [{"time": event.window_s, "raw": _raw(event)} for event in ordered])


def write_events_csv(
    path: str | Path,
    events: Iterable[Event],
    *,
    video: int | None = None,
    game: str | None = None,
    half: int | None = None,
) -> None:
    """Write events as a table, in the order given."""
    EVENTS.write(path, table_of_events(events, video=video, game=game, half=half))


def table_of_events(
    events: Iterable[Event],
    *,
    video: int | None = None,
    game: str | None = None,
    half: int | None = None,
) -> DataFrame:
    """Events as a table with the columns of `EVENTS`, in the order given."""
    return EVENTS.frame(
        (
            video,
            game,
            half,
            event.time_s,
            game_time(event.time_s, half),
            event.label,
            event.known,
            event.team,
            event.confidence,
            event.label_probability,
            event.score,
            event.score_kind,
            event.n_hits,
            event.window_s,
            event.first_s,
            event.last_s,
            *(astuple(event.context) if event.context else [None] * len(_CONTEXT)),
            event.details,
            "; ".join(f"{vote.model} {vote.time_s:g}" for vote in event.said_by),
        )
        for event in events
    )


def read_events_csv(path: str | Path) -> list[Event]:
    """Read the events of a table that `write_events_csv` wrote, without the models behind them.

    Raises:
        InputError: the file cannot be read or is no such table.
    """
    try:
        return list(_events(EVENTS.read(path)))
    except ValidationError as error:
        mistake = error.errors()[0]
        raise InputError(
            f"{path}, column {mistake['loc'][-1]}: {quoted(str(mistake['input']))} is impossible "
            f"({mistake['msg']})."
        ) from error


def _raw(event: Event) -> str:
    parsed = ParsedEvent(
        label=event.label, team=event.team, confidence=event.confidence, details=event.details
    )
    if not event.said_by:
        return render_event(parsed)
    return render_event(parsed, said_by=[(vote.model, vote.window_s) for vote in event.said_by])


def _events(frame: DataFrame) -> Iterator[Event]:
    """The events of a table.

    Raises:
        ValidationError: a cell is not what its column holds.
    """
    # As objects, missing values can be None.
    for cells in frame.astype(object).where(frame.notna(), None).to_dict("records"):
        context = {name: cells[name] for name in _CONTEXT}
        known = None not in context.values()
        # Of a text, what is missing is empty.
        texts = {name: cells[name] or None for name in ("team", "score_kind")}
        yield _EVENT.validate_python(
            cells | texts | {"context": context if known else None, "said_by": ()}
        )
