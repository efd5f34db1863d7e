"""Records of a video's list of clips."""

from __future__ import annotations

from pydantic import Field

from touchline.core.records import Record, Seconds


class ClipRecord(Record):
    """A clip of one event."""

    file: str = Field(description="file name in the folder of this list")
    label: str = Field(description="class of the event")
    time_s: Seconds = Field(description="time of the event, in seconds of the video")
    asked_start_s: Seconds = Field(description="requested start, in seconds of the video")
    asked_end_s: Seconds = Field(description="requested end, in seconds of the video")
    start_s: float = Field(description="start of the clip, in seconds of the video")
    end_s: float = Field(description="end of the clip, in seconds of the video")


class ReelRecord(Record):
    """A file with the clips of one class, in order of time."""

    file: str = Field(description="file name in the folder of this list")
    label: str


class ClipList(Record):
    """clips/video_{v}/clips.json: the clips of a video."""

    video: int = Field(ge=0, description="number of the video in the table")
    exact: bool = Field(
        description="whether clips were encoded again and start and end at the exact picture"
    )
    clips: list[ClipRecord] = Field(description="clips, ordered by time")
    reels: list[ReelRecord]
