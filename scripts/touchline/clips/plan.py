"""Planning of the clips of a video, and of their file names."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from touchline.inputs.clock import span_at
from touchline.inputs.settings import ClipsSettings
from touchline.inputs.videos import Name

# Maximum bytes of UTF-8 for the game or the class in a file name. Encrypted disks allow file names
# of 143 bytes.
_LONGEST_PART = 50


@dataclass(frozen=True, slots=True)
class Moment:
    """An event that gets a clip.

    Attributes:
        time_s: time of the event, in seconds of the video.
        label: class of the event.
        in_s: start of the clip, chosen by a person; None for the start from the settings.
        out_s: end of the clip, chosen by a person; None for the end from the settings.
    """

    time_s: float
    label: str
    in_s: float | None = None
    out_s: float | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """A part of a video that becomes a file.

    Attributes:
        file: name of the file.
        label: class of the event.
        time_s: time of the event, in seconds of the video.
        start: start of the clip, in seconds of the video.
        end: end of the clip, in seconds of the video.
    """

    file: str
    label: str
    time_s: float
    start: float
    end: float


def plan_clips(
    moments: Iterable[Moment], settings: ClipsSettings, *, name: Name, video: int, duration: float
) -> list[Clip]:
    """Plan a clip for each moment inside the video, ordered by time.

    Args:
        moments: the moments.
        settings: settings of the clips.
        name: name of the video, from the table of videos.
        video: number of the video.
        duration: duration of the video, in seconds.
    """
    game = safe_part((name.game or "").rpartition("/")[2]) or f"video{video}"
    spans = name.spans(duration)
    unique = _unique_names()
    clips = []
    for moment in sorted(moments, key=lambda each: (each.time_s, each.label)):
        start = moment.time_s - settings.before if moment.in_s is None else moment.in_s
        end = moment.time_s + settings.after if moment.out_s is None else moment.out_s
        start, end = max(0.0, round(start, 3)), min(duration, round(end, 3))
        if start >= duration:
            continue
        span = span_at(spans, moment.time_s)
        half, clock = "", moment.time_s
        if span and span.half:
            half, clock = f"half{span.half}_", span.half_time(moment.time_s)
        label = safe_part(moment.label) or "event"
        stem = unique(f"{game}_{half}{_clock(clock)}_{label}")
        clips.append(Clip(f"{stem}.mp4", moment.label, moment.time_s, start, end))
    return clips


def plan_reels(clips: Sequence[Clip]) -> dict[str, tuple[str, list[Clip]]]:
    """Return the file name and the clips of each class's reel, by class."""
    unique = _unique_names()
    labels = sorted({clip.label for clip in clips})
    return {
        label: (
            unique(f"reel_{safe_part(label) or 'event'}") + ".mp4",
            [clip for clip in clips if clip.label == label],
        )
        for label in labels
    }


def safe_part(text: str) -> str:
    """Convert a text to a part of a file name that is valid on every file system.

    Letters, marks and digits of any script stay. Everything else becomes a hyphen. The result can
    be empty.
    """
    letters = (
        char if unicodedata.category(char)[0] in "LMN" else "-"
        for char in unicodedata.normalize("NFC", text)
    )
    joined = "-".join(filter(None, "".join(letters).split("-")))
    return joined.encode()[:_LONGEST_PART].decode(errors="ignore").strip("-")


def _unique_names() -> Callable[[str], str]:
    """Return a function that appends a number to a repeated name, ignoring case."""
    seen: set[str] = set()

    def unique(name: str) -> str:
        candidate, number = name, 1
        while candidate.casefold() in seen:
            number += 1
            candidate = f"{name}_{number}"
        seen.add(candidate.casefold())
        return candidate

    return unique


def _clock(seconds: float) -> str:
    """Format seconds as hours, minutes and seconds, with hyphens."""
    whole = int(seconds)
    return f"{whole // 3600:02d}-{whole // 60 % 60:02d}-{whole % 60:02d}"
