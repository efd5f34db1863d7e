"""Read a video's annotations from SoccerNet's Labels-v2.json or from a CSV table."""

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
from touchline.inputs.hq import find_hq_file
from touchline.inputs.labels import Labels
from touchline.inputs.videos import NOTHING_KNOWN, GameHalf, Video

# Verdicts of a person who did not confirm a prediction.
_NO_EVENT = ("rejected", "undecided")
# Verdicts that set the clock of the match instead of judging a prediction.
_CLOCK = ("half start", "half end")
_GAME_TIME = re.compile(r"(\d+) - (\d{1,3}):(\d{2})")
_DAY = 86_400.0  # seconds; every video is shorter
_UNITS = {"position": "milliseconds"}  # units other than seconds
_TEAMS: dict[str, Team] = {"home": "home", "away": "away"}


@dataclass(frozen=True, slots=True)
class TrueEvent:
    """An annotated event.

    Attributes:
        time_s: seconds from the start of the video.
        label: name of the class.
        team: team of the event; None if unknown.
        visible: False if the broadcast shows only the consequence of the event.
        in_s, out_s: start and end of the event's clip in seconds of video; None if not given.
    """

    time_s: float
    label: str
    team: Team | None = None
    visible: bool = True
    in_s: float | None = None
    out_s: float | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """The annotated events of one video by time, and the problems found while reading them.

    Attributes:
        events: the annotated events.
        problems: one line per annotation that cannot be used.
        judged: judged predictions of a review, in order of time: time, class, and whether the
            judgement is final. Empty for annotations that are no review.
        undecided: number of undecided rows in a review. These rows share one line in `problems`.
    """

    events: list[TrueEvent]
    problems: list[str]
    judged: Sequence[tuple[float, str, bool]] = ()
    undecided: int = 0

    @property
    def has_unusable_annotations(self) -> bool:
        """Return whether there are problems other than undecided rows."""
        return len(self.problems) > (self.undecided > 0)


def verdicts_path(results: str | Path, video: int) -> Path:
    """Return the path where scripts/review.py saves the verdicts on a video."""
    return Path(results, paths.VERDICTS.format(video=video))


def find_labels(
    videos: Mapping[int, Video], selected: Iterable[int], results: str | Path
) -> dict[int, str]:
    """Find the annotation file of each video that has one, by number of the video.

    Files named in the table of videos come first. For other videos, verdicts saved in the results
    are used.

    Raises:
        InputError: a named file does not exist, or SoccerNet's labels have another clock than the
            video. The message has one line per file.
    """
    named = {
        video: path
        for video in selected
        if video in videos and (path := videos[video].labels) is not None
    }
    mistakes = [
        f"{path}: no such file, but the table of videos names it as the labels of video {video}"
        f"{nearest_file(path)}. Copy the file there, or empty the cell."
        for video, path in named.items()
        if not os.path.isfile(path)
    ]
    mistakes += [
        f"{path}: its times do not fit video {video}, {file}. SoccerNet's labels belong to the "
        "224p and 720p files, and an HQ file starts earlier. Put SoccerNet's video.ini beside the "
        "HQ file, or write half_starts into the table of videos. Otherwise use the 1_224p or "
        "1_720p file, or leave the video's labels empty."
        for video, path in named.items()
        if path.suffix.lower() == ".json"
        and not videos[video].halves
        and (file := find_hq_file(videos[video].path))
    ]
    if mistakes:
        raise InputError("\n".join(mistakes))
    saved = {video: verdicts_path(results, video) for video in selected if video not in named}
    found = named | {video: path for video, path in saved.items() if path.is_file()}
    return {video: str(path) for video, path in sorted(found.items())}


def count_unknown_labels(path: str | Path, labels: Labels) -> Counter[str]:
    """Count the annotated events whose label is not a class, by label.

    Raises:
        InputError: the file cannot be read.
    """
    is_table = Path(path).suffix.lower() == ".csv"
    rows = _table_rows(path) if is_table else _soccernet_rows(path, ())
    found: Counter[str] = Counter()
    for _, row in rows:
        is_event = not is_table or row.get("verdict") not in (*_CLOCK, *_NO_EVENT)
        label = row.get("label")
        if is_event and isinstance(label, str) and not labels.is_spelling(label):
            found[" ".join(label.split())] += 1
    return found


def check_truth(path: str | Path, labels: Labels, of: GameHalf = NOTHING_KNOWN) -> Truth:
    """Read annotations with `read_truth`, and refuse a file without any usable event.

    However, a person's review may still have no confirmed event.

    Raises:
        InputError: the file cannot be read, or none of its events can be used.
    """
    truth = read_truth(path, labels, of=of)
    if truth.has_unusable_annotations and not truth.events:
        raise InputError(f"{path} has no usable event. The first problem: {truth.problems[0]}")
    return truth


def read_truth(
    path: str | Path,
    labels: Labels,
    *,
    of: GameHalf = NOTHING_KNOWN,
    duration: float | None = None,
    classes: Collection[str] | None = None,
) -> Truth:
    """Read the annotations of one video.

    Args:
        path: SoccerNet's Labels-v2.json with the events of both halves of a game, or a CSV file.
            The CSV file needs the columns time_s and label. Optional columns are team, visibility
            ("not shown" marks hidden events), in_s, out_s and verdict. The page of a match writes
            verdicts; rejected events are left out.
        labels: the classes and their spellings.
        of: the half that the video shows, or the start of each half in the video. Times in a CSV
            file always use the clock of the video.
        duration: length of the video in seconds; None if unknown.
        classes: classes whose events are wanted; None for all.

    Raises:
        InputError: the file has another format, or it has events of two halves and the video's half
            is unknown.
    """
    is_table = Path(path).suffix.lower() == ".csv"
    spans = of.spans(duration)
    rows = list(_table_rows(path) if is_table else _soccernet_rows(path, spans))
    events: list[TrueEvent] = []
    problems: list[str] = []
    undecided, beyond, outside = 0, [], []
    judged: list[tuple[float, str, bool]] = []
    per_second = 1000 if is_table else _positions_per_second(rows)
    if per_second == 1:
        problems.append(
            f"{path}: position is read as seconds, because it agrees with gameTime in seconds and "
            "not in milliseconds."
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
            event = _parse_event(row, labels, spans, per_second)
        except ValueError as error:
            problems.append(f"{path}, {place}: {error}. The annotation is left out.")
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
                    event = _add_clip_points(event, row, duration)
                except ValueError as error:
                    problems.append(f"{path}, {place}: {error}. Its clip has the default length.")
            events.append(event)
    if beyond:
        problems.append(
            f"{path}: {len(beyond)} of its events lie beyond the end of the video ({duration:g} "
            f"s), the last at {max(beyond):g} s. They are left out. Check that the file and the "
            "half are right."
        )
    if outside:
        problems.append(
            f"{path}: {len(outside)} of its events are not in the halves that the video shows, the "
            f"first at {min(outside):g} s of the video. They are left out. Correct half_starts."
        )
    if undecided:
        problems.append(
            f"{path}: {undecided} verdicts are undecided. Predictions with an undecided verdict "
            "count neither as right nor as false."
        )
    events.sort(key=lambda event: event.time_s)
    return Truth(events, problems, sorted(judged), undecided)


def _judged(row: Mapping[str, Any], labels: Labels) -> Iterator[tuple[float, str, bool]]:
    """Yield the prediction that a review row judges, and the true event that replaces it."""
    pairs = [(row.get("said_time_s"), row.get("said_label")), (row.get("time_s"), row.get("label"))]
    for time, label in pairs:
        with suppress(ValueError):
            yield (
                _parse_seconds(time, "time_s"),
                labels.canonical(label or "") or label or "",
                (row["verdict"] != "undecided"),
            )


def _soccernet_rows(
    path: str | Path, spans: Sequence[HalfSpan]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the place and fields of each annotation in a Labels-v2.json."""
    content = read_json(path)
    annotations = content.get("annotations") if isinstance(content, dict) else None
    if not isinstance(annotations, list):
        raise InputError(f"{path} has no list of annotations. SoccerNet's Labels-v2.json has one.")
    rows = [item if isinstance(item, dict) else {} for item in annotations]
    halves = {str(row.get("gameTime")).partition(" ")[0] for row in rows}
    if any(span.half is None for span in spans) and len(halves & {"1", "2"}) > 1:
        raise InputError(
            f"{path} has the events of two halves. Write the half of the video into the table of "
            "videos."
        )
    return ((f"annotation {number}", row) for number, row in enumerate(rows))


def _table_rows(path: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the place and fields of each row in a CSV table."""
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    try:
        columns, rows = reader.fieldnames or [], list(reader)
    except csv.Error as error:
        raise InputError(f"{path} is not a CSV table: {error}.") from error
    if "time_s" not in columns or "label" not in columns:
        found = ", ".join(map(repr, columns[:8])) or "none"
        raise InputError(
            f"{path} is not a table of events. It needs the columns time_s and label, separated by "
            f"commas, but has {found}."
        )
    return ((f"row {number}", row) for number, row in enumerate(rows, start=1))


def _positions_per_second(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
    """Return the unit of the annotations' positions: 1,000 for milliseconds, 1 for seconds."""
    positions = []
    for _, row in rows:
        with suppress(ValueError):
            positions.append(
                (
                    _parse_seconds(row.get("position"), "position"),
                    _parse_game_time(row.get("gameTime"))[1],
                )
            )
    return positions_per_second(positions)


def _parse_event(
    row: Mapping[str, Any], labels: Labels, spans: Sequence[HalfSpan], per_second: int
) -> TrueEvent | None:
    """Parse a row into an event on the video's clock.

    Return None if the video does not show the event's half.

    Args:
        row: fields of the annotation.
        labels: the classes and their spellings.
        spans: halves that the video shows.
        per_second: units of the field `position` per second, for example 1000.

    Raises:
        ValueError: the row cannot be used; the message says why.
    """
    time: float
    if "time_s" in row:
        time = _parse_seconds(row["time_s"], "time_s")
    else:
        of_half, time = _parse_game_time(row.get("gameTime"))
        if of_half not in (1, 2, *(span.half for span in spans)):
            raise ValueError(f"there is no half {of_half}")
        span = span_of(spans, of_half) or span_of(spans, None)
        if span is None:
            return None
        # The clock has whole seconds. The position is exact.
        if "position" in row:
            time = _parse_seconds(row["position"], "position") / per_second
        time = span.video_time(time)
    if "time_s" in row and row.get("verdict") not in (None, "", "confirmed"):
        raise ValueError(f"verdict is {row['verdict']!a}, not confirmed, rejected or undecided")
    name = labels.canonical(row["label"]) if isinstance(row.get("label"), str) else None
    if name is None:
        raise ValueError(f"label is {row.get('label')!a}, which is not a class")
    return TrueEvent(
        time_s=time,
        label=name,
        team=_TEAMS.get(str(row.get("team"))),
        visible=row.get("visibility") != "not shown",
    )


def _add_clip_points(event: TrueEvent, row: Mapping[str, Any], duration: float | None) -> TrueEvent:
    """Add the in and out points of a row to its event.

    Raises:
        ValueError: the points cannot be used; the message says why.
    """
    begin, end = (
        _parse_seconds(row[name], name) if row.get(name) else None for name in ("in_s", "out_s")
    )
    for name, time in (("in_s", begin), ("out_s", end)):
        if duration is not None and time is not None and time > duration:
            raise ValueError(f"{name} is {time:g}, beyond the end of the video ({duration:g} s)")
    if begin is not None and end is not None and begin > end:
        raise ValueError(f"in_s is {begin:g}, after out_s, {end:g}")
    if begin is not None and end is None and begin > event.time_s:
        raise ValueError(
            f"in_s ({begin:g}) is after the event ({event.time_s:g} s), and out_s is empty"
        )
    if end is not None and begin is None and end < event.time_s:
        raise ValueError(
            f"out_s ({end:g}) is before the event ({event.time_s:g} s), and in_s is empty"
        )
    return replace(event, in_s=begin, out_s=end)


def _parse_game_time(value: Any) -> tuple[int, int]:
    """Parse a gameTime such as "1 - 04:05" into the half and the seconds."""
    match = _GAME_TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"gameTime is {value!a}, not like '1 - 04:05'")
    return int(match[1]), 60 * int(match[2]) + int(match[3])


def _parse_seconds(value: Any, name: str) -> float:
    """Parse a number of seconds or milliseconds, and check its range."""
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
