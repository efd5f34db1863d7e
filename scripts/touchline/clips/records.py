"""The list of the clips of a video."""

from __future__ import annotations

from pydantic import Field

from touchline.core.records import Record, Seconds


class ClipRecord(Record):
    """A clip of one event."""

    file: str = Field(description="in the folder of this list")
    label: str = Field(description="class of the event")
    time_s: Seconds = Field(description="when the event happens, seconds of the video")
    asked_start_s: Seconds = Field(description="where the clip should start, seconds of the video")
    asked_end_s: Seconds = Field(description="where the clip should end, seconds of the video")
    start_s: float = Field(description="where the clip starts, seconds of the video")
    end_s: float = Field(description="where the clip ends, seconds of the video")


class ReelRecord(Record):
    """The clips of one class, joined in the order of time."""

    file: str = Field(description="in the folder of this list")
    label: str


class ClipList(Record):
    """clips/video_{v}/clips.json: the clips of a video."""

    video: int = Field(ge=0, description="number of the video in the table")
    exact: bool = Field(description="clips start and end at the exact picture, encoded again")
    clips: list[ClipRecord] = Field(description="by time")
    reels: list[ReelRecord]
