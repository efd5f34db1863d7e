"""Events in the formats of other tools. Text from a model is untrusted and is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any
from xml.etree import ElementTree

from touchline.core.records import Event
from touchline.core.soccernet import game_time
from touchline.errors import InputError
from touchline.inputs.clock import HalfSpan, span_at
from touchline.inputs.labels import Labels
from touchline.inputs.videos import GameHalf, Video, game_name

# Seconds of a clip or caption before and after its event.
_BEFORE, _AFTER = 5.0, 5.0
# Characters that XML 1.0 forbids even if escaped, and characters that break a line.
_UNWRITABLE = re.compile("[^\t -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\x7f-\x9f\u2028\u2029]")


def group_by_game(
    videos: Iterable[tuple[Video, Sequence[Event]]],
) -> dict[str, dict[int, Sequence[Event]]]:
    """Group the events of several videos by game and half, as SoccerNet's files do.

    A video without a game counts as its own game. A video without a half counts as a first half.
    Times are on the clock of the half. Events outside the halves of a video are left out.

    Raises:
        InputError: two videos show the same half of a game, or a game's name cannot be a folder.
    """
    games: dict[str, dict[int, Sequence[Event]]] = {}
    for video, events in videos:
        game = game_name(video.video, {video.video: video})
        if PurePath(game).is_absolute() or ".." in PurePath(game).parts:
            raise InputError(
                f"The game {game!r} of video {video.video} is not a valid folder name."
            )
        for span in video.game_half.spans(None):
            half = span.half or 1
            if half in games.setdefault(game, {}):
                raise InputError(
                    f"Video {video.video} and another video are both half {half} of {game!r}. "
                    "Correct the table of videos."
                )
            games[game][half] = _in_half(events, span) if video.halves else events
    return games


def _in_half(events: Iterable[Event], span: HalfSpan) -> list[Event]:
    """Return the events of one half, with times on the clock of the half."""
    return [
        replace(event, time_s=span.half_time(event.time_s))
        for event in events
        if span.start <= event.time_s <= span.end
    ]


def results_spotting(game: str, halves: Mapping[int, Sequence[Event]]) -> dict[str, Any]:
    """Convert a game's events to SoccerNet's results_spotting.json, which its evaluator reads.

    Events whose label is no class are left out, because the evaluator rejects other labels.

    Args:
        game: name of the game.
        halves: events by number of the half.
    """
    return {
        "UrlLocal": game,
        "predictions": [
            {
                "gameTime": game_time(event.time_s, half),
                "label": event.label,
                "position": str(round(1000 * event.time_s)),
                "half": str(half),
                "confidence": str(event.ranking_score),
            }
            for half, events in sorted(halves.items())
            for event in events
            if event.known
        ],
    }


def osl_json(
    name: str, videos: Sequence[tuple[Video, Sequence[Event]]], labels: Labels
) -> dict[str, Any]:
    """Convert the events of several videos to OSL JSON 2.0, which OpenSportsLab's annotator opens.

    Args:
        name: name of the data set.
        videos: each video with its events. Events whose label is no class are left out, because the
            format requires every label in its schema.
        labels: the classes.
    """
    samples = []
    for video, events in videos:
        details = {"game": video.game, "half": video.half, "home": video.home, "away": video.away}
        samples.append(
            {
                "id": f"video_{video.video}",
                "inputs": [{"type": "video", "path": str(video.path.absolute())}]
                if video.path
                else [],
                "metadata": {key: value for key, value in details.items() if value is not None},
                "events": [_osl_event(event, video.game_half) for event in events if event.known],
            }
        )
    return {
        "version": "2.0",
        "task": "action_spotting",
        "dataset_name": name,
        "modalities": ["video"],
        "metadata": {"sport": "soccer", "type": "predictions"},
        "labels": {"action": {"type": "single_label", "labels": list(labels.classes)}},
        "data": samples,
    }


def sportscode_xml(
    events: Iterable[Event], duration: float | None = None, offset: float = 0.0
) -> str:
    """Convert events to Sportscode XML.

    Each event becomes one instance, from 5 s before to 5 s after the event.

    Args:
        events: the events.
        duration: duration of the video in seconds, if known. No instance ends after this time.
        offset: time that a video player shows at the start of the video, in seconds.
    """
    file = ElementTree.Element("file")
    instances = ElementTree.SubElement(file, "ALL_INSTANCES")
    for number, event in enumerate(events, start=1):
        instance = ElementTree.SubElement(instances, "instance")
        start, end = _clip(event, duration, offset)
        for tag, text in (("ID", number), ("start", start), ("end", end), ("code", event.label)):
            ElementTree.SubElement(instance, tag).text = _clean(str(text))
        given = {"team": event.team, "score": event.strength, "details": event.details}
        for group, value in given.items():
            if value not in (None, ""):
                label = ElementTree.SubElement(instance, "label")
                ElementTree.SubElement(label, "group").text = group
                ElementTree.SubElement(label, "text").text = _clean(str(value))
    ElementTree.indent(file)
    text = ElementTree.tostring(file, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def webvtt(events: Iterable[Event], duration: float | None = None, offset: float = 0.0) -> str:
    """Convert events to WebVTT captions, from 5 s before to 5 s after each event.

    Args:
        events: the events.
        duration: duration of the video in seconds, if known. No caption ends after this time.
        offset: time that a video player shows at the start of the video, in seconds.
    """
    blocks = ["WEBVTT"]
    for event in sorted(events, key=lambda event: event.time_s):
        start, end = _clip(event, duration, offset)
        about = " ".join(filter(None, (event.label, event.team and f"({event.team})")))
        # After escaping, no text contains a tag or the arrow of a timing line.
        lines = [html.escape(_clean(text).strip(), quote=False) for text in (about, event.details)]
        text = "\n".join(filter(None, lines))
        blocks.append(f"{_timestamp(start)} --> {_timestamp(end)}\n{text}")
    return "\n\n".join(blocks) + "\n"


def _osl_event(event: Event, game_half: GameHalf) -> dict[str, Any]:
    """Convert an event to an object of OSL JSON."""
    span = span_at(game_half.spans(None), event.time_s) or HalfSpan(None)
    fields = {
        "head": "action",
        "label": event.label,
        "position_ms": round(1000 * event.time_s),
        "gameTime": game_time(span.half_time(event.time_s), span.half),
        # The annotator shows events with this key as not yet confirmed by a person.
        "confidence_score": event.ranking_score,
    }
    return fields | ({"team": event.team} if event.team else {})


def _clip(event: Event, duration: float | None, offset: float) -> tuple[float, float]:
    """Return the start and end of an event's clip on a player's clock, in seconds."""
    end = event.time_s + _AFTER if duration is None else min(duration, event.time_s + _AFTER)
    return round(max(0.0, event.time_s - _BEFORE) + offset, 3), round(end + offset, 3)


def _clean(text: str) -> str:
    """Replace characters that XML cannot contain, and characters that break a line, by spaces."""
    return _UNWRITABLE.sub(" ", text)


def _timestamp(time: float) -> str:
    """Format seconds as WebVTT does, for example "01:02:03.500"."""
    total = round(1000 * time)
    hours, rest = divmod(total, 3_600_000)
    minutes, milliseconds = divmod(rest, 60_000)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"
