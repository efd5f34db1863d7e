"""Merging of the answers about overlapping windows, so that each event is listed once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, zip_longest
from operator import attrgetter, itemgetter
from pathlib import Path

from pydantic import ValidationError

from touchline.answers.hits import make_hits
from touchline.answers.parsing import is_cut_off
from touchline.answers.reading import Predictions
from touchline.core.intervals import SAME_TIME
from touchline.core.records import UNANSWERED, Counts, Event, WindowRecord
from touchline.errors import InputError
from touchline.inputs.labels import Labels
from touchline.inputs.settings import Keep, MergeSettings, WindowSettings
from touchline.inputs.windows import Stretches, Window, list_windows, slice_bounds
from touchline.matching import is_within, reach, suppress

_AGAIN = "Delete the file and run again."


@dataclass(frozen=True, slots=True)
class SliceLedger:
    """The ledger of one slice of a video.

    Attributes:
        start: start of the slice, in seconds. The count covers only the parts of the video to look
            at, without the gaps between them.
        end: end of the slice, counted in the same way.
        windows: lines of the ledger.
        source: path of the ledger, for messages.
    """

    start: float
    end: float
    windows: Sequence[WindowRecord]
    source: str


@dataclass(frozen=True, slots=True)
class MergedEvents:
    """The merged events of a video, with their hits and the counts of all answers.

    The time of an event is the start of the window of its best hit. `touchline.events.timing`
    corrects this time later.

    Attributes:
        events: merged events, sorted by time.
        hits: the hits that became these events.
        counts: number of answers and events at each step.
    """

    events: list[Event]
    hits: list[Event]
    counts: Counts


def read_slices(paths: Sequence[str], stretches: Stretches) -> list[SliceLedger]:
    """Read the slices of a video from their ledgers.

    Args:
        paths: paths of the ledgers, in order of time.
        stretches: the parts of the video to look at.

    Raises:
        InputError: a ledger cannot be read.
    """
    return [
        SliceLedger(*slice_bounds(stretches, len(paths), number), read_ledger(path), path)
        for number, path in enumerate(paths)
    ]


def read_ledger(path: str | Path) -> list[WindowRecord]:
    """Read a ledger, which has one line per window of a slice.

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
                f"{path}, line {number}, is not a record of a window ({where}: {mistake['msg']}). "
                "Delete the file and run again."
            ) from error
    return windows


def merge_slices(
    slices: Iterable[SliceLedger],
    stretches: Stretches,
    *,
    rule: WindowSettings,
    labels: Labels,
    merge: MergeSettings,
) -> MergedEvents:
    """Join the slices of a video and drop duplicates.

    Args:
        slices: the slices in any order.
        stretches: the parts of the video to look at.
        rule: settings of the windows that the slices must contain.
        labels: the classes and their spellings.
        merge: settings that define duplicates.

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
        for event in make_hits(record.start, parsed, labels)
    ]
    events: list[Event] = []
    duplicates = 0
    for start, end in stretches:
        # Events of different halves are never duplicates of each other.
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
    return MergedEvents(events, hits, counts)


def _tokens(windows: Iterable[WindowRecord]) -> dict[str, int]:
    """Count the tokens in prompts and answers of a server.

    Return an empty dict for a local model.
    """
    counted = [window for window in windows if window.prompt_tokens is not None]
    if not counted:
        return {}
    return {
        "prompt_tokens": sum(window.prompt_tokens or 0 for window in counted),
        "answer_tokens": sum(window.tokens for window in counted),
    }


def merge_events(events: Iterable[Event], radius: float, keep: Keep) -> tuple[list[Event], int]:
    """Drop duplicates among events of the same label.

    The setting `keep` has three values. "first" keeps an event and drops all later events within
    the radius of the kept event. "best" keeps the strongest event and drops all events within the
    radius on both sides, then repeats this with the rest. "run" joins each hit with the previous
    hit if their distance is at most the radius. The joined event has the time of the first hit and
    all other fields of the strongest hit. Among equally strong events, the earliest is preferred.

    Args:
        events: events in any order, of any labels.
        radius: distance in seconds within which a second event of the same label is a duplicate.
        keep: the rule that selects the kept event.

    Returns:
        The kept events, sorted by time, and the number of dropped events. Merging the kept events
        again changes nothing.
    """
    ordered = sorted(events, key=_full_sort_key)
    merged: list[Event] = []
    duplicates = 0
    for _, same in groupby(ordered, key=attrgetter("label")):
        for group in _groups(list(same), radius, keep):
            merged.append(_merge_group(group, keep))
            duplicates += len(group) - 1
    # The sort is stable, so events at the same time stay sorted by label.
    merged.sort(key=attrgetter("time_s"))
    if len(ordered) != len(merged) + duplicates:
        raise RuntimeError(
            f"Merging lost events: of {len(ordered)} events, {len(merged)} were kept and "
            f"{duplicates} were duplicates."
        )
    return merged, duplicates


def merge_given(given: Predictions, merge: MergeSettings) -> MergedEvents:
    """Drop duplicates among given predictions.

    The predictions of a trained spotter stay unchanged, because they do not come from overlapping
    windows.
    """
    if given.exact:
        return MergedEvents(given.hits, given.hits, given.counts)
    events, duplicates = merge_events(given.hits, merge.window, merge.keep)
    counts = given.counts.model_copy(update={"duplicates": duplicates, "events_out": len(events)})
    return MergedEvents(events, given.hits, counts)


def rank_key(event: Event) -> tuple[float, float]:
    """Return a sort key that puts the strongest event first.

    Among equally strong events, the earliest comes first.
    """
    return -event.ranking_score, event.time_s


def _groups(events: list[Event], radius: float, keep: Keep) -> Iterator[list[Event]]:
    """Split the sorted events of one label into groups. Each group becomes one event."""
    if keep == "run":
        run: list[Event] = []
        end = events[0].first_s
        for event in events:
            if event.first_s - end > reach(radius):
                yield run
                run = []
            run.append(event)
            end = max(end, event.last_s)
        yield run
        return
    order = list(range(len(events)))
    if keep == "best":
        order.sort(key=lambda index: rank_key(events[index]))
    kept_by = suppress([event.time_s for event in events], order, radius)
    # The events of a group are contiguous, because groups do not interleave.
    for _, group in groupby(zip(kept_by, events, strict=True), key=itemgetter(0)):
        yield [event for _, event in group]


def _merge_group(group: list[Event], keep: Keep) -> Event:
    """Merge a sorted group into one event, which counts the hits of all its windows."""
    if len(group) == 1:
        return group[0]
    chosen = group[0] if keep == "first" else min(group, key=rank_key)
    # A window that names a label twice counts as one hit.
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


def _full_sort_key(event: Event) -> tuple[object, ...]:
    """Return a sort key of all fields in which events can differ, starting with label and time.

    With this key, the order of the input has no effect.
    """
    return (
        event.label,
        event.time_s,
        *rank_key(event),
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
    """Check that the ledgers have exactly the windows that the settings define.

    Args:
        slices: the slices, sorted by start.
        stretches: the parts of the video to look at.
        rule: settings of the windows that the slices must contain.

    Raises:
        InputError: the slices do not tile the video, or a ledger has other windows.
    """
    _check_tiles(slices, math.fsum(end - start for start, end in stretches))
    for part in slices:
        _check_windows(part, list_windows(part.start, part.end, stretches, rule))


def _check_tiles(slices: Sequence[SliceLedger], duration: float) -> None:
    """Raise InputError unless the slices cover the video without gaps and overlaps.

    Args:
        slices: the slices, sorted by start.
        duration: total length of the parts to look at, in seconds.
    """
    reached, by = 0.0, "the start of the video"
    for part in slices:
        _check_step(reached, part.start, by, part.source)
        reached, by = part.end, part.source
    _check_step(reached, duration, by, "the end of the video")


def _check_step(reached: float, start: float, by: str, of: str) -> None:
    """Raise InputError unless the next slice starts at the end of the previous slice."""
    if abs(start - reached) <= SAME_TIME:
        return
    problem = "Nothing covers" if start > reached else "Two slices cover"
    low, high = sorted((reached, start))
    raise InputError(
        f"{problem} {low:g} to {high:g} s ({high - low:g} s), between {by} and {of}. "
        "Delete the ledgers of this video and run again."
    )


def _check_windows(part: SliceLedger, expected: Sequence[Window]) -> None:
    """Raise InputError unless a ledger has each expected window exactly once, with a valid status.

    A window must have events if and only if its status is "events". This makes sure that every
    window is counted once.
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
