"""The packets of a video file: their list, and the way back to any of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from touchline.errors import InputError

# Packets are listed for so long before and after the wanted part, seconds: room for
# decoding to start earlier, and for containers that seek past the target.
_MARGIN = 10.0
# A list does not end before so many packets in a row are late: a time may be damaged.
_SURELY_PAST = 10


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


def usual_seconds(stream: VideoStream) -> float:
    """How long a frame of the stream stays on screen, as far as FFmpeg can guess."""
    return float(1 / stream.guessed_rate) if stream.guessed_rate else 0.0


class Listed(NamedTuple):
    """What the container says of a packet.

    Attributes:
        pts: presentation time, in units of the stream's time base; 0 if it has none.
        keyframe: decoding can start here, and there is a time to find the place by.
        shown: it has a time, and no edit list cuts it away.
        duration: how long the picture is shown, in units of the time base; 0 if not told.
    """

    pts: int
    keyframe: bool
    shown: bool
    duration: int


@dataclass(frozen=True)
class Listing:
    """The packets of a part of a video, in the order of the file, from a keyframe on.

    Attributes:
        time_base: unit of the packets' times, seconds.
        usual: how long a picture is usually shown, seconds.
    """

    packets: Sequence[Listed]
    time_base: Fraction
    usual: float


def list_packets(path: str | Path, first: float, last: float) -> Listing:
    """List the packets that decoding the pictures from `first` to `last` may take.

    The list holds the picture on screen at `first`, if there is one, and reaches past
    `last` or to the video's end.

    Args:
        first, last: presentation times, seconds.

    Raises:
        InputError: the file cannot be read.
    """
    listing = _list(path, first - _MARGIN, last + _MARGIN)
    if not listing.packets or listing.packets[0].pts * listing.time_base > first:
        listing = _list(path, None, last + _MARGIN)
    return listing


def _list(path: str | Path, target: float | None, until: float) -> Listing:
    with open_video(path) as (container, stream):
        assert stream.time_base is not None
        packets, past = [], 0
        for packet in _packets_from(container, stream, target):
            keyframe = packet.is_keyframe and packet.pts is not None
            shown = packet.pts is not None and not packet.is_discard
            packets.append(Listed(packet.pts or 0, keyframe, shown, packet.duration or 0))
            # Nothing is shown before it is decoded: all that follow are shown later than this.
            late = packet.dts is not None and packet.dts * stream.time_base > until
            past = past + 1 if late else 0
            if past == _SURELY_PAST:
                break
        return Listing(packets, stream.time_base, usual_seconds(stream))


def _packets_from(
    container: InputContainer, stream: VideoStream, target: float | None
) -> Iterator[Packet[VideoStream]]:
    """Packets from a keyframe on: the file's first one, or one that may be near the target.

    Where a seek lands is up to the container: TS lands past the target, some formats nowhere.
    """
    if target is not None:
        assert stream.time_base is not None
        with suppress(av.FFmpegError):
            container.seek(int(target / stream.time_base), stream=stream)
    started = False
    try:
        for packet in container.demux(stream):
            started = started or (packet.is_keyframe and packet.pts is not None)
            # One without a size only tells that the file has ended.
            if started and packet.size:
                yield packet
    except av.FFmpegError as error:
        raise InputError(f"{container.name} cannot be read ({error}); copy it again.") from error


class PacketReader:
    """Reads listed packets from the file, by their place in the list.

    Reading on is cheap, going back opens the file anew. Not to be shared by threads.

    Attributes:
        decoder: for what `read` gives; going back makes a new one.
    """

    decoder: VideoCodecContext

    def __init__(self, path: str | Path, listing: Listing) -> None:
        self._path = path
        self._listing = listing
        self._file = ExitStack()
        self._upcoming: Iterator[Packet[VideoStream]] = iter(())
        self._place: int | None = None  # of the packet that comes next

    def __enter__(self) -> PacketReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def go_to(self, place: int) -> None:
        """Make the packet at `place`, which is a keyframe, the next one.

        Raises:
            InputError: the file cannot be read, or is not the one that was listed.
        """
        if self._place is None or self._place > place:
            self._upcoming = self._packets_at(place)
            self._place = place
        for _ in self.read(place):
            pass

    def read(self, end: int) -> Iterator[Packet[VideoStream]]:
        """The packets from here to before the place `end`; call `go_to` first."""
        assert self._place is not None
        for packet in islice(self._upcoming, max(0, end - self._place)):
            self._place += 1
            yield packet

    def _packets_at(self, place: int) -> Iterator[Packet[VideoStream]]:
        keyframe = self._listing.packets[place]
        for target in (float(keyframe.pts * self._listing.time_base) - _MARGIN, None):
            self._file.close()
            container, stream = self._file.enter_context(open_video(self._path))
            self.decoder = stream.codec_context
            # The threads decode a group of pictures each, which no codec's own threads beat.
            self.decoder.thread_count = 1
            packets = _packets_from(container, stream, target)
            for packet in packets:
                if packet.is_keyframe and packet.pts == keyframe.pts:
                    return chain([packet], packets)
        raise InputError(f"{self._path} has changed while it was read; start again.")
