"""What a video file is: its length, shape and identity, measured from the file itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from touchline.demux import open_video, usual_seconds
from touchline.errors import InputError
from touchline.fingerprint import fingerprint
from touchline.records import Manifest
from touchline.videos import Video

# What a header may promise beyond the last picture: rounding where it speaks of the
# pictures, and the sound that outlasts them where it speaks of the file.
_STREAM_SLACK = 1.0
_FILE_SLACK = 5.0


def probe(video: Video, max_duration: float | None = None) -> Manifest:
    """Read through a video's packets and describe it.

    Nothing is decoded but the first frame; the whole file is read, since only that
    tells whether it is whole and how long it truly is.

    Args:
        max_duration: seconds to process at most; None for all.

    Raises:
        InputError: the file is not a video that can be processed; says why.
    """
    path = video.path.absolute()
    with open_video(path) as (container, stream):
        extent = _extent(path, container, stream)
        promised = _promised_end(container, stream)
        codec = stream.codec_context.name
    enough = max_duration is not None and max_duration <= extent.duration
    if promised > extent.start + extent.duration and not enough:
        raise InputError(
            f"{path} is cut short: its header promises over {promised:.0f} s, but the pictures end "
            f"at {extent.duration:.1f} s; copy it again, or set max_duration to process what is "
            "there."
        )
    with open_video(path) as (container, stream):
        try:
            first = next(container.decode(stream))
        except (StopIteration, av.FFmpegError) as error:
            raise InputError(
                f"{path}: no picture can be decoded ({error}); copy the video again."
            ) from error
    return Manifest(
        video=video.video,
        path=str(path),
        bytes=path.stat().st_size,
        fingerprint=fingerprint(path),
        duration=round(min(extent.duration, max_duration or extent.duration), 3),
        start_time=extent.start,
        frame_rate=round(extent.frames / extent.duration, 3),
        width=first.width,
        height=first.height,
        rotation=first.rotation,
        codec=codec,
        game=video.game,
        half=video.half,
        home=video.home,
        away=video.away,
    )


@dataclass(frozen=True)
class _Extent:
    start: float
    duration: float
    frames: int


def _extent(path: Path, container: InputContainer, stream: VideoStream) -> _Extent:
    """When the pictures start and end, by their packets' presentation times.

    Not by the stream's start time: in AVI that is the first decoding time, a frame early.
    """
    usual = usual_seconds(stream)
    first, last, frames = float("inf"), float("-inf"), 0
    for pts, duration in _packets(path, container, stream):
        first = min(first, pts)
        # Some containers (AVI) give a packet's duration as a tick of the clock.
        last = max(last, pts + max(duration, usual))
        frames += 1
    if not frames or last <= first:
        raise InputError(f"{path} has no pictures (zero length); copy the video again.")
    return _Extent(first, last - first, frames)


def _packets(
    path: Path, container: InputContainer, stream: VideoStream
) -> Iterator[tuple[float, float]]:
    """Presentation time and duration of each packet of pictures, seconds."""
    assert stream.time_base is not None
    try:
        for packet in container.demux(stream):
            if packet.size == 0 or packet.is_discard:
                continue
            if packet.pts is None:
                raise InputError(
                    f"{path} has no timestamps (a raw {container.format.name} stream?), so its "
                    "events could not be placed in time; put it into a container first: "
                    f"ffmpeg -r 25 -i {path.name} -c copy {path.stem}.mp4"
                )
            yield (
                float(packet.pts * stream.time_base),
                float((packet.duration or 0) * stream.time_base),
            )
    except av.FFmpegError as error:
        raise InputError(f"{path} cannot be read to its end ({error}); copy it again.") from error


def _promised_end(container: InputContainer, stream: VideoStream) -> float:
    """The presentation time that the header says the pictures reach; 0 if it does not say."""
    if stream.duration is not None and stream.time_base is not None:
        end = (stream.start_time or 0) + stream.duration
        return float(end * stream.time_base) - _STREAM_SLACK
    if container.duration is not None:
        return float(container.duration / av.time_base) - _FILE_SLACK
    return 0.0
