"""From the answers about overlapping windows to one event each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest
from operator import attrgetter, itemgetter
from pathlib import Path

from pydantic import ValidationError

from touchline.answers.hits import hits_of
from touchline.answers.parsing import is_cut_off
from touchline.answers.reading import Predictions
from touchline.core.intervals import SAME_TIME
from touchline.core.records import UNANSWERED, Counts, Event, WindowRecord
from touchline.errors import InputError
from touchline.inputs.labels import Labels
from touchline.inputs.settings import Keep, MergeSettings, WindowSettings
from touchline.inputs.windows import Stretches, Window, slice_bounds, windows_of
from touchline.matching import is_within, reach, suppress

_AGAIN = "Delete the file and run again."


@dataclass(frozen=True, slots=True)
class SliceLedger:
    """A part of a video and what one worker found in it.

    Attributes:
        start, end: seconds of what is looked at in the video.
        windows: the lines of its ledger.
        source: the ledger's path, for messages.
    """

    start: float
    end: float
    windows: Sequence[WindowRecord]
    source: str


@dataclass(frozen=True, slots=True)
class Merged:
    """The events of a video, sorted by time, the hits they are from, and every answer's fate.

    An event's time is still the start of the window that is kept of it.
    """

    events: list[Event]
    hits: list[Event]
    counts: Counts


def read_slices(paths: Sequence[str], stretches: Stretches) -> list[SliceLedger]:
    """The slices of a video from their ledgers, which are in the order of time.

    Args:
        stretches: of the video that are looked at.

    Raises:
        InputError: a ledger cannot be read.
    """
    return [
        SliceLedger(*slice_bounds(stretches, len(paths), number), read_ledger(path), path)
        for number, path in enumerate(paths)
    ]


def read_ledger(path: str | Path) -> list[WindowRecord]:
    """Read a ledger: one line for every window of a slice.

    Raises:
        InputError: the file cannot be read, or a line is no record of a window.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    windows = []
    for number, line in enumerate(lines, start=1):
        try:
            windows.append(WindowRecord.model_validate_json(line))
        except ValidationError as error:
            mistake = error.errors()[0]
            where = ".".join(map(str, mistake["loc"])) or "the line"
            raise InputError(
                f"{path}, line {number}, is no record of a window ({where}: {mistake['msg']}); "
                "delete the file and run again."
            ) from error
    return windows


def merge_slices(
    slices: Iterable[SliceLedger],
    stretches: Stretches,
    *,
    rule: WindowSettings,
    labels: Labels,
    merge: MergeSettings,
) -> Merged:
    """Put the slices of a video together and drop the repeats.

    Args:
        slices: in any order.
        stretches: of the video that are looked at.
        rule: which windows the slices must have.
        merge: which events are repeats.

    Raises:
        InputError: the slices do not tile the video, or a ledger has other windows.
    """
    slices = sorted(slices, key=lambda part: part.start)
    check_slices(slices, stretches, rule)
    windows = [record for part in slices for record in part.windows]
    hits = [
        event
        for record in windows
        for parsed in record.events
        for event in hits_of(record.start, parsed, labels)
    ]
    events: list[Event] = []
    duplicates = 0
    for start, end in stretches:
        # No event of one half is the repeat of one in another.
        of_stretch = (hit for hit in hits if start <= hit.window_s < end)
        kept, dropped = merge_events(of_stretch, merge.window, merge.keep)
        events += kept
        duplicates += dropped
    status = Counter(record.status for record in windows)
    counts = Counts(
        answers=len(windows),
        none=status["none"],
        unparsed=status["unparsed"],
        skipped=sum(status[each] for each in UNANSWERED),
        cut_off=sum(bool(record.events) and is_cut_off(record.text) for record in windows),
        events_in=len(hits),
        duplicates=duplicates,
        events_out=len(events),
        **_tokens(windows),
    )
    return Merged(events, hits, counts)


def _tokens(windows: Iterable[WindowRecord]) -> dict[str, int]:
    """Count the tokens that a server was sent and sent back; nothing of a model that ran here."""
    counted = [window for window in windows if window.prompt_tokens is not None]
    if not counted:
        return {}
    return {
        "prompt_tokens": sum(window.prompt_tokens or 0 for window in counted),
        "answer_tokens": sum(window.tokens for window in counted),
    }


def merge_events(events: Iterable[Event], window: float, keep: Keep) -> tuple[list[Event], int]:
    """Drop the repeats among events of the same label.

    Args:
        events: in any order, of any labels.
        window: seconds within which a second event of the same label is a repeat.
        keep: "first" keeps an event and drops what follows it within the window, as long
            as it is counted from the one kept; "best" keeps the strongest and drops what is
            within the window on both sides, then the strongest of the rest; "run" makes one
            event of hits that follow each other at most a window apart, at the time of the
            first and with the rest from the strongest. Of equals the earliest is kept.

    Returns:
        the events kept, sorted by time, and how many were dropped. Merging them again
        changes nothing.
    """
    ordered = sorted(events, key=_order)
    merged: list[Event] = []
    duplicates = 0
    for _, same in groupby(ordered, key=attrgetter("label")):
        for group in _groups(list(same), window, keep):
            merged.append(_as_one(group, keep))
            duplicates += len(group) - 1
    merged.sort(key=attrgetter("time_s"))  # a stable sort: of one time by label
    if len(ordered) != len(merged) + duplicates:
        raise RuntimeError(
            f"Merging lost events: {len(ordered)} went in, {len(merged)} came out and {duplicates} "
            "were repeats."
        )
    return merged, duplicates


def merge_given(given: Predictions, merge: MergeSettings) -> Merged:
    """Drop the repeats among given predictions, which a model or its merge may have left.

    Exact ones stay as they are: no windows overlap that could show one event twice.
    """
    if given.exact:
        return Merged(given.hits, given.hits, given.counts)
    events, duplicates = merge_events(given.hits, merge.window, merge.keep)
    counts = given.counts.model_copy(update={"duplicates": duplicates, "events_out": len(events)})
    return Merged(events, given.hits, counts)


def rank(event: Event) -> tuple[float, float]:
    """Sorts the strongest event first, of equals the earliest."""
    return -event.worth, event.time_s


def _groups(events: list[Event], window: float, keep: Keep) -> Iterator[list[Event]]:
    """Events of one label, in their order, divided into those that become one."""
    if keep == "run":
        run: list[Event] = []
        end = events[0].first_s
        for event in events:
            if event.first_s - end > reach(window):
                yield run
                run = []
            run.append(event)
            end = max(end, event.last_s)
        yield run
        return
    order = list(range(len(events)))
    if keep == "best":
        order.sort(key=lambda index: rank(events[index]))
    kept_by = suppress([event.time_s for event in events], order, window)
    # What falls to one event lies around it, with nothing of another's in between.
    for _, group in groupby(zip(kept_by, events, strict=True), key=itemgetter(0)):
        yield [event for _, event in group]


def _as_one(group: list[Event], keep: Keep) -> Event:
    """One event for a group in order; it has the hits of all its windows."""
    if len(group) == 1:
        return group[0]
    chosen = group[0] if keep == "first" else min(group, key=rank)
    # One answer that names a label twice is still one window that predicted it.
    hits: dict[float, int] = {}
    for event in group:
        hits[event.time_s] = max(event.n_hits, hits.get(event.time_s, 0))
    kept = group[0] if keep == "run" else chosen
    return replace(
        chosen,
        time_s=kept.time_s,
        window_s=kept.window_s,
        n_hits=sum(hits.values()),
        first_s=min(event.first_s for event in group),
        last_s=max(event.last_s for event in group),
    )


def _order(event: Event) -> tuple[object, ...]:
    """Everything that two events may differ in, the label and the time first.

    So the order of the input has no effect.
    """
    return (
        event.label,
        event.time_s,
        *rank(event),
        event.label_probability is None,
        event.confidence is None,
        event.team or "",
        event.details,
        event.first_s,
        event.last_s,
        event.n_hits,
        event.confidence or 0.0,
    )


def check_slices(slices: Sequence[SliceLedger], stretches: Stretches, rule: WindowSettings) -> None:
    """Make sure that the ledgers have exactly the windows that the settings ask for.

    Args:
        slices: by their start.
        stretches: of the video that are looked at.
        rule: which windows the slices must have.

    Raises:
        InputError: the slices do not tile the video, or a ledger has other windows.
    """
    _check_tiles(slices, math.fsum(end - start for start, end in stretches))
    for part in slices:
        _check_windows(part, windows_of(part.start, part.end, stretches, rule))


def _check_tiles(slices: Sequence[SliceLedger], duration: float) -> None:
    """Raise InputError unless each slice begins where the one before ends, from 0 to the end.

    Args:
        duration: of what is looked at, seconds.
    """
    reached, by = 0.0, "the start of the video"
    for part in slices:
        _check_step(reached, part.start, by, part.source)
        reached, by = part.end, part.source
    _check_step(reached, duration, by, "the end of the video")


def _check_step(reached: float, start: float, by: str, of: str) -> None:
    if abs(start - reached) <= SAME_TIME:
        return
    what = "Nothing covers" if start > reached else "Two slices cover"
    low, high = sorted((reached, start))
    raise InputError(
        f"{what} {low:g} to {high:g} s ({high - low:g} s), between {by} and {of}: were they made "
        "with other settings? Delete the ledgers of this video and run again."
    )


def _check_windows(part: SliceLedger, expected: Sequence[Window]) -> None:
    """Raise InputError unless a ledger has each expected window once, and no other.

    And unless a window has events if, and only if, its status says so: then every window is
    counted once, as none, as unparsed, as skipped, or by its events.
    """
    records = sorted(part.windows, key=lambda record: record.window)
    for number, (record, window) in enumerate(zip_longest(records, expected)):
        if window is None and record.window >= len(expected):
            raise InputError(
                f"{part.source} has window {record.window}, but by the settings this slice has "
                f"{len(expected)} windows. {_AGAIN}"
            )
        if record is None or window is None or record.window != number:
            wrong = number if record is None or window is not None else record.window
            raise InputError(f"{part.source} lacks window {wrong} or repeats a window. {_AGAIN}")
        is_there = is_within(record.start, window.start, 0) and is_within(record.end, window.end, 0)
        if not is_there:
            raise InputError(
                f"{part.source} has window {number} from {record.start:g} to {record.end:g} s, but "
                f"by the settings it goes from {window.start:g} to {window.end:g} s. {_AGAIN}"
            )
        if (record.status == "events") != bool(record.events):
            raise InputError(
                f"{part.source} has window {number} with the status {record.status} and "
                f"{len(record.events)} events. {_AGAIN}"
            )
