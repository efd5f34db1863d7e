"""What really happened in a video: reading SoccerNet's Labels-v2.json, or a plain table."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from touchline.core import paths
from touchline.core.files import read_json, read_text
from touchline.core.records import Team
from touchline.core.soccernet import positions_per_second
from touchline.errors import InputError, nearest_file
from touchline.inputs.clock import HalfSpan, span_at, span_of
from touchline.inputs.hq import untrimmed
from touchline.inputs.labels import Labels
from touchline.inputs.videos import NOTHING_KNOWN, GameHalf, Video

# What a person who judged the predictions did not confirm.
_NO_EVENT = ("rejected", "undecided")
# What a person set on the page about the match's clock.
_CLOCK = ("half start", "half end")
_GAME_TIME = re.compile(r"(\d+) - (\d{1,3}):(\d{2})")
_DAY = 86_400.0  # seconds; no video is longer
_UNITS = {"position": "milliseconds"}  # of what is not in seconds
_TEAMS: dict[str, Team] = {"home": "home", "away": "away"}


@dataclass(frozen=True, slots=True)
class TrueEvent:
    """An event as a person annotated it.

    Attributes:
        time_s: seconds from the start of the video.
        label: name of the class.
        visible: false where the broadcast does not show it, only its consequence.
        in_s, out_s: where its clip starts and ends, seconds of the video; None if not given.
    """

    time_s: float
    label: str
    team: Team | None = None
    visible: bool = True
    in_s: float | None = None
    out_s: float | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """The events of one video, by time, and a line for each annotation that cannot be used.

    Attributes:
        judged: of a person's review, the time and class of each prediction that a verdict is
            about, and whether it is decided on; by time. Empty of other annotations.
        undecided: how many rows of a review are not decided on; a problem of its own line.
    """

    events: list[TrueEvent]
    problems: list[str]
    judged: Sequence[tuple[float, str, bool]] = ()
    undecided: int = 0

    @property
    def is_partly_unusable(self) -> bool:
        """Whether anything but undecided rows is a problem."""
        return len(self.problems) > (self.undecided > 0)


def saved_verdicts(results: str | Path, video: int) -> Path:
    """Return where the verdicts on a video are kept that a person saves with scripts/review.py."""
    return Path(results, paths.VERDICTS.format(video=video))


def find_labels(
    videos: Mapping[int, Video], selected: Iterable[int], results: str | Path
) -> dict[int, str]:
    """Find the file of the ground truth of each video that has one, by number of the video.

    Labels that the table names come first. Verdicts that were saved in the results are the labels
    of the other videos.

    Raises:
        InputError: the table names files that do not exist, or SoccerNet's labels for a video with
            another clock; one line each.
    """
    named = {
        video: path
        for video in selected
        if video in videos and (path := videos[video].labels) is not None
    }
    mistakes = [
        f"{path}: no such file, but the table of videos names it as the labels of video {video}"
        f"{nearest_file(path)}; put it there, or empty that cell."
        for video, path in named.items()
        if not os.path.isfile(path)
    ]
    mistakes += [
        f"{path}: its times are not those of video {video}, {file}, because SoccerNet's labels "
        "belong to the 224p and 720p files, and an HQ file starts earlier; put SoccerNet's "
        "video.ini beside it, or write half_starts into the table of videos, or use the 1_224p or "
        "1_720p file, or leave the video's labels empty in a table of videos."
        for video, path in named.items()
        if path.suffix.lower() == ".json"
        and not videos[video].halves
        and (file := untrimmed(videos[video].path))
    ]
    if mistakes:
        raise InputError("\n".join(mistakes))
    saved = {video: saved_verdicts(results, video) for video in selected if video not in named}
    found = named | {video: path for video, path in saved.items() if path.is_file()}
    return {video: str(path) for video, path in sorted(found.items())}


def labels_beyond(path: str | Path, labels: Labels) -> Counter[str]:
    """Count the annotated events of one file by label, of the labels that name no class.

    Raises:
        InputError: the file cannot be read.
    """
    is_table = Path(path).suffix.lower() == ".csv"
    rows = _of_table(path) if is_table else _of_soccernet(path, ())
    found: Counter[str] = Counter()
    for _, row in rows:
        is_event = not is_table or row.get("verdict") not in (*_CLOCK, *_NO_EVENT)
        label = row.get("label")
        if is_event and isinstance(label, str) and not labels.is_spelling(label):
            found[" ".join(label.split())] += 1
    return found


def check_truth(path: str | Path, labels: Labels, of: GameHalf = NOTHING_KNOWN) -> Truth:
    """Read the ground truth of one video as `read_truth`, and refuse a file without a usable event.

    A person's review may have no confirmed event yet.

    Raises:
        InputError: as `read_truth`, or no event of the file can be used.
    """
    truth = read_truth(path, labels, of=of)
    if truth.is_partly_unusable and not truth.events:
        raise InputError(f"{path} has no event that can be used. The first: {truth.problems[0]}")
    return truth


def read_truth(
    path: str | Path,
    labels: Labels,
    *,
    of: GameHalf = NOTHING_KNOWN,
    duration: float | None = None,
    classes: Collection[str] | None = None,
) -> Truth:
    """Read the ground truth of one video.

    Args:
        path: SoccerNet's Labels-v2.json, with the events of both halves of a game, or a CSV
            file with the columns time_s and label and, if known, team, visibility
            ("not shown" is what matters), in_s and out_s. A column verdict, as a match's page
            writes it, shows which of them a person confirmed; rejected ones are no events.
        of: Says which half the video shows, or where each half begins in it. The times of a CSV
            file are the video's, whatever it shows.
        duration: seconds of video, if known.
        classes: whose events are wanted, if not all.

    Raises:
        InputError: the file is neither, or has events of two halves and nothing says which of
            them the video shows.
    """
    is_table = Path(path).suffix.lower() == ".csv"
    spans = of.spans(duration)
    rows = list(_of_table(path) if is_table else _of_soccernet(path, spans))
    events: list[TrueEvent] = []
    problems: list[str] = []
    undecided, beyond, outside = 0, [], []
    judged: list[tuple[float, str, bool]] = []
    per_second = 1000 if is_table else _positions_per_second(rows)
    if per_second == 1:
        problems.append(
            f"{path}: position is in seconds by gameTime, not in milliseconds as in SoccerNet's "
            "files, and is read as seconds."
        )
    for place, row in rows:
        if is_table and row.get("verdict") in _CLOCK:
            continue
        if is_table and row.get("verdict"):
            judged += _judged(row, labels)
        if is_table and row.get("verdict") in _NO_EVENT:
            undecided += row["verdict"] == "undecided"
            continue
        try:
            event = _event(row, labels, spans, per_second)
        except ValueError as error:
            problems.append(f"{path}, {place}: {error}; it is left out.")
            continue
        if event and classes is not None and event.label not in classes:
            continue
        if event and of.halves and not is_table and not span_at(spans, event.time_s):
            outside.append(event.time_s)
        elif event and duration is not None and event.time_s > duration:
            beyond.append(event.time_s)
        elif event:
            if is_table:
                try:
                    event = _with_points(event, row, duration)
                except ValueError as error:
                    problems.append(f"{path}, {place}: {error}; its clip has the default length.")
            events.append(event)
    if beyond:
        problems.append(
            f"{path}: {len(beyond)} of its events lie beyond the end of the video ({duration:g} "
            f"s), the last at {max(beyond):g} s; they are left out. Is it the right file, and half?"
        )
    if outside:
        problems.append(
            f"{path}: {len(outside)} of its events are not in the halves that the video shows, the "
            f"first at {min(outside):g} s of the video; they are left out. Correct half_starts."
        )
    if undecided:
        problems.append(
            f"{path}: {undecided} events are not decided on; what models predict there counts "
            "neither as right nor as false."
        )
    events.sort(key=lambda event: event.time_s)
    return Truth(events, problems, sorted(judged), undecided)


def _judged(row: Mapping[str, Any], labels: Labels) -> Iterator[tuple[float, str, bool]]:
    """What a row of a review is about: the prediction, and the event that is true instead."""
    pairs = [(row.get("said_time_s"), row.get("said_label")), (row.get("time_s"), row.get("label"))]
    for time, label in pairs:
        with suppress(ValueError):
            yield (
                _seconds(time, "time_s"),
                labels.canonical(label or "") or label or "",
                (row["verdict"] != "undecided"),
            )


def _of_soccernet(
    path: str | Path, spans: Sequence[HalfSpan]
) -> Iterator[tuple[str, dict[str, Any]]]:
    content = read_json(path)
    annotations = content.get("annotations") if isinstance(content, dict) else None
    if not isinstance(annotations, list):
        raise InputError(
            f"{path} holds no list of annotations, as SoccerNet's Labels-v2.json does."
        )
    rows = [item if isinstance(item, dict) else {} for item in annotations]
    halves = {str(row.get("gameTime")).partition(" ")[0] for row in rows}
    if any(span.half is None for span in spans) and len(halves & {"1", "2"}) > 1:
        raise InputError(
            f"{path} has the events of two halves; write into the table of videos which half the "
            "video is."
        )
    return ((f"annotation {number}", row) for number, row in enumerate(rows))


def _of_table(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    try:
        columns, rows = reader.fieldnames or [], list(reader)
    except csv.Error as error:
        raise InputError(f"{path} is no table in CSV: {error}.") from error
    if "time_s" not in columns or "label" not in columns:
        found = ", ".join(map(repr, columns[:8])) or "none"
        raise InputError(
            f"{path} is no table of events; it needs the columns time_s and label, separated by "
            f"commas, and has {found}."
        )
    return ((f"row {number}", row) for number, row in enumerate(rows, start=1))


def _positions_per_second(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
    """The unit of the annotations' positions: 1,000 for milliseconds, 1 for seconds."""
    positions = []
    for _, row in rows:
        with suppress(ValueError):
            positions.append(
                (_seconds(row.get("position"), "position"), _clock(row.get("gameTime"))[1])
            )
    return positions_per_second(positions)


def _event(
    row: Mapping[str, Any], labels: Labels, spans: Sequence[HalfSpan], per_second: int
) -> TrueEvent | None:
    """The event of a row by the video's clock, None if it is of a half that the video lacks.

    Args:
        per_second: the unit of a position.

    Raises:
        ValueError: the row cannot be used; says why.
    """
    time: float
    if "time_s" in row:
        time = _seconds(row["time_s"], "time_s")
    else:
        of_half, time = _clock(row.get("gameTime"))
        if of_half not in (1, 2, *(span.half for span in spans)):
            raise ValueError(f"there is no half {of_half}")
        span = span_of(spans, of_half) or span_of(spans, None)
        if span is None:
            return None
        # The clock has whole seconds; the position is exact.
        if "position" in row:
            time = _seconds(row["position"], "position") / per_second
        time = span.video_time(time)
    if "time_s" in row and row.get("verdict") not in (None, "", "confirmed"):
        raise ValueError(f"verdict is {row['verdict']!a}, not confirmed, rejected or undecided")
    name = labels.canonical(row["label"]) if isinstance(row.get("label"), str) else None
    if name is None:
        raise ValueError(f"{row.get('label')!a} is no class of the labels")
    return TrueEvent(
        time_s=time,
        label=name,
        team=_TEAMS.get(str(row.get("team"))),
        visible=row.get("visibility") != "not shown",
    )


def _with_points(event: TrueEvent, row: Mapping[str, Any], duration: float | None) -> TrueEvent:
    """Add the in and out points of a row to its event.

    Raises:
        ValueError: the points cannot be used; says why.
    """
    begin, end = (
        _seconds(row[name], name) if row.get(name) else None for name in ("in_s", "out_s")
    )
    for name, time in (("in_s", begin), ("out_s", end)):
        if duration is not None and time is not None and time > duration:
            raise ValueError(f"{name} is {time:g}, beyond the end of the video ({duration:g} s)")
    if begin is not None and end is not None and begin > end:
        raise ValueError(f"in_s is {begin:g}, after out_s, {end:g}")
    if begin is not None and end is None and begin > event.time_s:
        raise ValueError(f"in_s is {begin:g}, after the event at {event.time_s:g} s, without out_s")
    if end is not None and begin is None and end < event.time_s:
        raise ValueError(f"out_s is {end:g}, before the event at {event.time_s:g} s, without in_s")
    return replace(event, in_s=begin, out_s=end)


def _clock(value: Any) -> tuple[int, int]:
    """Half and seconds of a gameTime such as "1 - 04:05"."""
    match = _GAME_TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"gameTime is {value!a}, not like '1 - 04:05'")
    return int(match[1]), 60 * int(match[2]) + int(match[3])


def _seconds(value: Any, name: str) -> float:
    try:
        time = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        time = math.nan
    unit = _UNITS.get(name, "seconds")
    if -math.inf < time < 0:
        raise ValueError(f"{name} is {value!a}, before the start of the video")
    if not 0 <= time < math.inf:
        clock = ", but 12:30 is 750" if isinstance(value, str) and ":" in value else ""
        raise ValueError(f"{name} is {value!a}, not a number of {unit}{clock}")
    if time > _DAY * (1000 if name in _UNITS else 1):
        raise ValueError(f"{name} is {value!a}, longer than a day: it must be in {unit}")
    return time
