"""The frame that is on screen at a given time.

Time is presentation time less the stream's start time. Frame numbers are never
used: containers lie about their count, and rates vary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import torch
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace
from av.video.stream import VideoStream

from touchline.errors import InputError
from touchline.images import capped

_UNTAGGED = 2  # AVCOL_SPC_UNSPECIFIED
_HD_HEIGHT = 720


@dataclass(frozen=True)
class Frame:
    """A picture and when it was shown.

    Attributes:
        wanted: the time asked for, seconds.
        time: when the picture came on screen, seconds; at most `wanted`.
        picture: uint8 [3, H, W], red green blue, upright.
    """

    wanted: float
    time: float
    picture: torch.Tensor


@contextmanager
def open_video(path: str | Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video file and its picture stream.

    Raises:
        InputError: it is not there, not a video, or has no picture stream.
    """
    # An absolute path is never taken for a protocol, and only files may be read.
    path = Path(path).absolute()
    try:
        container = av.open(
            str(path), metadata_errors="ignore", options={"protocol_whitelist": "file"}
        )
    except av.FFmpegError as error:
        raise InputError(_not_a_video(path, error)) from error
    with container:
        # A cover picture is a "video stream" too.
        cover = av.stream.Disposition.attached_pic
        streams = [s for s in container.streams.video if not s.disposition & cover]
        if not streams:
            raise InputError(f"{path} has no picture stream; give a file with video, not audio.")
        yield container, streams[0]


def _not_a_video(path: Path, error: av.FFmpegError) -> str:
    if not path.exists():
        return f"{path}: there is no such video; correct its path in the table of videos."
    if path.is_dir():
        return f"{path} is a folder; give the path of a video file."
    if path.stat().st_size == 0:
        return f"{path} is empty (0 bytes); copy the video again."
    return (
        f"{path} cannot be opened as a video ({error.strerror}); it is damaged, cut short or "
        "not a video: copy it again, or take it out of the table."
    )


def sample_frames(
    path: str | Path, times: Sequence[float], start_time: float, max_size: int
) -> Iterator[Frame]:
    """Decode a video once and give the frame on screen at each time.

    Args:
        path: the video.
        times: seconds from the video's start, ascending.
        start_time: presentation time of the video's start, seconds.
        max_size: the longer side is scaled down to this in the decoder, pixels.

    Yields:
        One frame a time, in order; none for times at which no picture is on screen,
        before the first or after the last.
    """
    if not times:
        return
    with open_video(path) as (container, stream):
        stream.thread_type = "AUTO"
        shown: VideoFrame | None = None
        waiting = list(reversed(times))
        for frame in _decode_from(container, stream, times[0] + start_time):
            began = _since(frame, start_time)
            while waiting and waiting[-1] < began:
                wanted = waiting.pop()
                if shown is not None:
                    yield _frame(shown, wanted, start_time, max_size)
            if not waiting:
                return
            shown = frame
        # The last frame stays on screen for as long as a frame does.
        end = _since(shown, start_time) + _seconds_shown(shown, stream) if shown else 0.0
        while waiting and shown is not None and waiting[-1] < end:
            yield _frame(shown, waiting.pop(), start_time, max_size)


def _decode_from(
    container: InputContainer, stream: VideoStream, time: float
) -> Iterator[VideoFrame]:
    """Frames in the order of presentation, from the one on screen at `time` or earlier."""
    assert stream.time_base is not None
    container.seek(int(time / stream.time_base), stream=stream)
    frames = (frame for frame in container.decode(stream) if frame.pts is not None)
    first = next(frames, None)
    if first is None or _time(first) > time:
        # Some containers seek past the target (TS) or not at all: read from the start.
        container.seek(0)
        frames = (frame for frame in container.decode(stream) if frame.pts is not None)
        first = next(frames, None)
    if first is not None:
        yield first
        yield from frames


def _time(frame: VideoFrame) -> float:
    return float(frame.pts * frame.time_base)


def _since(frame: VideoFrame, start_time: float) -> float:
    # To the microsecond, lest 2.4 - 1.4 come out a hair after 1.0 and lose its frame.
    return round(_time(frame) - start_time, 6)


def _seconds_shown(frame: VideoFrame, stream: VideoStream) -> float:
    stated = float(frame.duration * frame.time_base) if frame.duration else 0.0
    # Some containers (AVI) state a tick of the clock.
    return max(stated, usual_seconds(stream))


def usual_seconds(stream: VideoStream) -> float:
    """How long a frame of the stream stays on screen, as far as FFmpeg can guess."""
    return float(1 / stream.guessed_rate) if stream.guessed_rate else 0.0


def _frame(frame: VideoFrame, wanted: float, start_time: float, max_size: int) -> Frame:
    return Frame(wanted, round(_since(frame, start_time), 3), _picture(frame, max_size))


def _picture(frame: VideoFrame, max_size: int) -> torch.Tensor:
    width, height = capped(frame.width, frame.height, max_size)
    # HD without a tag is BT.709 by convention; the decoder would take it for BT.601.
    untagged_hd = frame.colorspace == _UNTAGGED and frame.height >= _HD_HEIGHT
    small = frame.reformat(
        width,
        height,
        format="rgb24",
        src_colorspace=Colorspace.ITU709 if untagged_hd else None,
        interpolation="BICUBIC",
    )
    upright = np.rot90(small.to_ndarray(), k=round(frame.rotation / 90) % 4)
    return torch.from_numpy(np.ascontiguousarray(upright)).permute(2, 0, 1)
