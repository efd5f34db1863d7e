"""Writing of predictions files, and reading and writing of event tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple, fields
from pathlib import Path

from pandas import DataFrame
from pydantic import TypeAdapter, ValidationError

from touchline.answers.parsing import render_event
from touchline.answers.reading import quoted
from touchline.core.files import write_json
from touchline.core.records import Context, Event, ParsedEvent
from touchline.core.soccernet import game_time
from touchline.core.tables import Table, columns
from touchline.errors import InputError
from touchline.inputs.clock import HalfSpan, span_at
from touchline.inputs.videos import NOTHING_KNOWN, GameHalf

_EVENT = TypeAdapter(Event)
_CONTEXT = [field.name for field in fields(Context)]

# The columns of events/events_{model}_video_{v}.csv, with one line per event.
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


def write_predictions(path: str | Path, events: Iterable[Event]) -> None:
    """Write a predictions file with one item per event, sorted by time.

    The time of an item is the start of the window of its best hit, as in the files that other tools
    read. The field `raw` has the same fields as a model's answer. For a fused event it also has the
    models that predicted the event, with the starts of their windows.
    """
    ordered = sorted(events, key=lambda event: event.window_s)
    write_json(path, [{"time": event.window_s, "raw": _raw(event)} for event in ordered])


def write_events_csv(
    path: str | Path,
    events: Iterable[Event],
    *,
    video: int | None = None,
    game_half: GameHalf = NOTHING_KNOWN,
) -> None:
    """Write events as a table, in the given order.

    Args:
        path: the file to write.
        events: the events.
        video: number of the video.
        game_half: gives the half of each event and the clock of the half.
    """
    EVENTS.write(path, events_table(events, video=video, game_half=game_half))


def events_table(
    events: Iterable[Event],
    *,
    video: int | None = None,
    game_half: GameHalf = NOTHING_KNOWN,
) -> DataFrame:
    """Convert events to a table with the columns of `EVENTS`, in the given order.

    An event outside all halves has no half, and its game_time is the video's clock.
    """
    spans = game_half.spans(None)
    located = ((event, span_at(spans, event.time_s) or HalfSpan(None)) for event in events)
    return EVENTS.frame(
        (
            video,
            game_half.game,
            span.half,
            event.time_s,
            game_time(span.half_time(event.time_s), span.half),
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
        for event, span in located
    )


def read_events_csv(path: str | Path) -> list[Event]:
    """Read the events of a table that `write_events_csv` wrote, without the votes of fused events.

    Raises:
        InputError: the file cannot be read or is no such table.
    """
    try:
        return list(_events(EVENTS.read(path)))
    except ValidationError as error:
        mistake = error.errors()[0]
        raise InputError(
            f"{path}, column {mistake['loc'][-1]}: {quoted(str(mistake['input']))} is not valid "
            f"({mistake['msg']})."
        ) from error


def _raw(event: Event) -> str:
    """Return the field `raw` of an event in a predictions file."""
    parsed = ParsedEvent(
        label=event.label, team=event.team, confidence=event.confidence, details=event.details
    )
    if not event.said_by:
        return render_event(parsed)
    return render_event(parsed, said_by=[(vote.model, vote.window_s) for vote in event.said_by])


def _events(frame: DataFrame) -> Iterator[Event]:
    """Yield the events of a table.

    Raises:
        ValidationError: a cell does not fit its column.
    """
    # Only columns of objects can contain None for missing values.
    for cells in frame.astype(object).where(frame.notna(), None).to_dict("records"):
        context = {name: cells[name] for name in _CONTEXT}
        known = None not in context.values()
        # A missing text is an empty cell.
        texts = {name: cells[name] or None for name in ("team", "score_kind")}
        yield _EVENT.validate_python(
            cells | texts | {"context": context if known else None, "said_by": ()}
        )
