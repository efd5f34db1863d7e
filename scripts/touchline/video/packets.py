"""The packets of a video file: their list, and access to any packet in it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, dropwhile, islice
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from touchline.core.records import PacketTimes, Restart, Section
from touchline.errors import InputError
from touchline.video.parameters import Name, ParameterTracker
from touchline.video.picture_order import PictureOrder, with_display_times
from touchline.video.timeline import find_strays

# Seconds before and after the wanted part in which packets are listed. Decoding may start earlier,
# and some containers seek past the target.
_MARGIN = 10.0
# Maximum number of packets of a segment in memory, per thread. This is about a minute of video.
_MOST_HELD = 1500
# The list ends only after this number of late packets in a row, because a time may be damaged.
_SURELY_PAST = 10

# Codecs whose decoder (libdav1d) reads `skip_frame` only when it opens.
_SKIP_IS_FIXED = {"av1"}

# Errors that PyAV raises for a damaged file: FFmpeg's errors and its own.
DAMAGE = (
    av.FFmpegError,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
)


# Number of bytes in which FFmpeg's MPEG-TS demuxer looks for the next packet after damage.
_RESYNC_BYTES = str(2**31 - 1)
# Smallest number of bytes after which other demuxers (MPEG-PS) give up. A new attempt reads on.
_LEAST_PROGRESS = 65_536

# Seconds. FFmpeg guesses the times of pictures that share a packet of MPEG-PS. Before a hole it
# takes the time of a picture after the hole. So a picture with a longer wait after decoding has no
# time.
_LONGEST_WAIT = 2.0
# Seconds. A longer wait means that a recording with another clock was joined, and that the guessed
# decoding time is wrong.
_LONGEST_HOLE = 7200.0

# FFmpeg's names of playlists. A change of a segment would not change the playlist's fingerprint.
_LISTS = {"hls", "dash", "concat"}


@contextmanager
def open_file(path: str | Path) -> Iterator[InputContainer]:
    """Open a media file.

    Raises:
        InputError: the file does not exist or is not a media file.
    """
    # FFmpeg never reads an absolute path as a protocol.
    path = Path(path).absolute()
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(
            f"{path} is not a file but a pipe or a device. A video is read more than once, so copy "
            "it into a file."
        )
    with _opened(path, str(path)) as container:
        if container.format.name in _LISTS:
            raise InputError(
                f"{path} is a list of other files in spite of its name. Make one video of it: "
                f"ffmpeg -i {quote(path.name)} -c copy match.mp4"
            )
        yield container


@contextmanager
def open_section(path: Path, section: Section) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a part of an MPEG-TS file, and its video stream.

    Raises:
        InputError: the file does not exist or has no such stream.
    """
    part = f"subfile,,start,{section.begin},end,{section.end},,:{path.absolute()}"
    # FFmpeg would not recognize the format of a section that begins with a hole.
    with _opened(path, part, "mpegts") as container:
        streams = [each for each in container.streams.video if each.id == section.pid]
        if not streams or streams[0].codec_context is None:
            raise InputError(f"{path} has changed since the probe. Run again.")
        yield container, streams[0]


def _opened(path: Path, address: str, kind: str | None = None) -> InputContainer:
    """Open a container with PyAV."""
    options = {"protocol_whitelist": "file,subfile", "resync_size": _RESYNC_BYTES}
    try:
        container: InputContainer = av.open(
            address, format=kind, metadata_errors="ignore", options=options
        )
    except DAMAGE as error:
        raise InputError(_not_a_video(path, error)) from error
    return container


@contextmanager
def open_video(
    path: str | Path, number: int | None = None
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video file, and one of its video streams.

    Args:
        path: the file.
        number: number of the stream in the file; None for the first stream with moving pictures.

    Raises:
        InputError: the file does not exist, is not a video, or has no such stream.
    """
    with open_file(path) as container:
        streams = picture_streams(container)
        chosen = [stream for stream in streams if number in (None, stream.index)]
        if not chosen:
            raise InputError(f"{path} has changed since the probe. Run again.")
        yield container, chosen[0]


def picture_streams(container: InputContainer) -> list[VideoStream]:
    """Return the video streams that can be decoded, without cover images.

    Raises:
        InputError: there is no such stream.
    """
    cover = av.stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & cover]
    if not streams:
        raise InputError(
            f"{container.name} has no video stream. Use a file with video, not only audio."
        )
    decoded = [stream for stream in streams if stream.codec_context is not None]
    if not decoded:
        raise InputError(
            f"{container.name} has no decodable video (it may be encrypted). "
            "If a program plays it, convert it with that program to H.264 in an .mp4 or .mkv file."
        )
    return decoded


def _not_a_video(path: Path, error: Exception) -> str:
    """Return the message about a file that cannot be opened as a video."""
    if not path.exists():
        return f"{path} does not exist. Correct the video's path in the table of videos."
    if path.is_dir():
        return f"{path} is a folder. Use the path of a video file."
    if path.stat().st_size == 0:
        return f"{path} is empty (0 bytes). Copy the video again."
    return (
        f"{path} cannot be opened as a video ({error_reason(error)}). It is damaged, cut short or "
        "not a video. Copy it again, or remove it from the table."
    )


def error_reason(error: BaseException) -> str:
    """Return the reason of an error, in a few words."""
    return (isinstance(error, av.FFmpegError) and error.strerror) or type(error).__name__


def read_packets(container: InputContainer, *streams: Stream) -> Iterator[Packet[Any]]:
    """Yield the packets of the given streams, from the current position to the end of the file.

    Damage in the middle, such as a hole of zeros, is skipped.

    Raises:
        InputError: the file cannot be read to its end.
    """
    # Each attempt reads at least this number of bytes, so the number of attempts has a limit.
    attempts = most = 2 + container.size // _LEAST_PROGRESS
    has_guessed_times = container.format.name == "mpeg"
    while attempts:
        try:
            for packet in container.demux(*streams):
                # A packet without a size only marks the end of the file.
                if packet.size:
                    attempts = most
                    if has_guessed_times and _is_shown_late(packet):
                        packet.pts = None
                    yield packet
            return
        except IndexError:
            # PyAV (18.1) raises this after the last packet if a stream appeared during reading.
            return
        except BlockingIOError as error:
            # FFmpeg found no packet here (EAGAIN). The next attempt reads on.
            attempts -= 1
            reason = error_reason(error)
        except DAMAGE as error:
            attempts, reason = 0, error_reason(error)
    raise InputError(f"{container.name} cannot be read to its end ({reason}). Copy it again.")


def _is_shown_late(packet: Packet[Any]) -> bool:
    """Return whether the time between decoding and display is implausibly long."""
    if packet.pts is None or packet.dts is None:
        return False
    waits = float((packet.pts - packet.dts) * packet.time_base)
    return _LONGEST_WAIT < waits < _LONGEST_HOLE


def read_section_packets(path: Path, sections: Iterable[Section]) -> Iterator[Packet[VideoStream]]:
    """Yield the video packets of several sections of an MPEG-TS file, in the order of the file.

    Raises:
        InputError: the file cannot be read to its end.
    """
    for section in sections:
        with open_section(path, section) as (container, stream):
            yield from read_packets(container, stream)


def usual_duration(stream: VideoStream) -> float:
    """Return FFmpeg's guess of a frame's duration, in seconds; 0 if unknown."""
    return float(1 / stream.guessed_rate) if stream.guessed_rate else 0.0


class Listed(NamedTuple):
    """The properties of a packet in the container.

    Attributes:
        pts: presentation time, in units of the stream's time base; 0 if the packet has none.
        keyframe: whether decoding can start here and the packet has a time.
        shown: whether the packet has a credible time and no edit list removes it.
        duration: duration of the picture, in units of the time base; 0 if not stated.
    """

    pts: int
    keyframe: bool
    shown: bool
    duration: int


@dataclass(frozen=True)
class Source:
    """The place of a video's pictures, and the clock of their times.

    Attributes:
        path: the file.
        stream: number of the stream in the file; None for the first stream with moving pictures.
        restarts: places where the file's clock starts again.
        sections: parts of an MPEG-TS file whose video changes its PID; else empty.
        has_dependent_keyframes: whether decoding may need parameters of any earlier packet. Then
            the file is read from its beginning.
        packet_times: the kind of times in the packets. Times other than display times are replaced.
    """

    path: Path
    stream: int | None = None
    restarts: Sequence[Restart] = ()
    sections: Sequence[Section] = ()
    has_dependent_keyframes: bool = False
    packet_times: PacketTimes = "stated"

    @contextmanager
    def packets_from(
        self, target: float | None
    ) -> Iterator[tuple[VideoStream, Iterator[Packet[VideoStream]]]]:
        """Open the stream and its packets from a keyframe on, with all times on one clock.

        Args:
            target: time in seconds near which to start; None for the file's first keyframe. The
                container decides where a seek ends. In TS, the seek ends after the target, and in
                some formats it fails.
        """
        if self.sections:
            opened = open_section(self.path, self.sections[0])
        else:
            opened = open_video(self.path, self.stream)
        with opened as (container, stream):
            assert stream.time_base is not None
            # Seeking needs unique times, but a clock that starts again gives some times twice.
            may_seek = (
                not (self.restarts or self.sections or self.has_dependent_keyframes)
                and self.packet_times == "stated"
            )
            if target is not None and may_seek:
                with suppress(*DAMAGE):
                    container.seek(int(target / stream.time_base), stream=stream)
            packets: Iterable[Packet[VideoStream]] = chain(
                read_packets(container, stream), read_section_packets(self.path, self.sections[1:])
            )
            if self.packet_times != "stated":
                packets = with_display_times(packets, PictureOrder(stream), self.packet_times)
            clocked = self._on_one_clock(packets, stream.time_base)
            yield stream, dropwhile(lambda packet: not _may_start(packet), clocked)

    def _on_one_clock(
        self, packets: Iterable[Packet[VideoStream]], time_base: Fraction
    ) -> Iterator[Packet[VideoStream]]:
        """Yield the packets with times that continue after each restart of the file's clock."""
        shift, upcoming = 0, deque(self.restarts)
        for place, packet in enumerate(packets):
            while upcoming and upcoming[0].packet <= place:
                shift = round(upcoming.popleft().shift / time_base)
            if shift and packet.pts is not None:
                packet.pts += shift
            if shift and packet.dts is not None:
                packet.dts += shift
            yield packet


def _may_start(packet: Packet[VideoStream]) -> bool:
    """Return whether decoding can start at a packet."""
    return packet.is_keyframe and packet.pts is not None


class ParameterChange(NamedTuple):
    """A packet that changes the decoder's parameters.

    Attributes:
        place: place of the packet in the list.
        packet: the packet.
        names: names of the changed parameters.
    """

    place: int
    packet: Packet[VideoStream]
    names: tuple[Name, ...]


@dataclass(frozen=True)
class Listing:
    """The packets of a part of a video from a keyframe on, in the order of the file.

    Attributes:
        packets: the packets.
        time_base: unit of the packets' times, in seconds.
        usual: usual duration of a picture, in seconds.
        changes: changes of the codec's parameters in the order of the file. Empty if each keyframe
            contains its parameters.
        may_skip: whether the decoder can skip single pictures to which no other picture refers.
    """

    packets: Sequence[Listed]
    time_base: Fraction
    usual: float
    changes: Sequence[ParameterChange] = ()
    may_skip: bool = True


def list_packets(source: Source, first: float, last: float) -> Listing:
    """List the packets that may be needed to decode the pictures from `first` to `last`.

    The list contains the picture on screen at `first`, if there is one. It ends after `last`, or at
    the end of the video.

    Args:
        source: the video.
        first: presentation time, in seconds.
        last: presentation time, in seconds.

    Raises:
        InputError: the file cannot be read.
    """
    listing = _list(source, first - _MARGIN, last + _MARGIN)
    begin = next((each.pts for each in listing.packets if each.keyframe), None)
    if begin is None or begin * listing.time_base > first:
        listing = _list(source, None, last + _MARGIN)
    return listing


def _list(source: Source, target: float | None, until: float) -> Listing:
    """List the packets from a keyframe near `target` until after the time `until`."""
    listed: list[Listed] = []
    times: list[float] = []
    changes: list[ParameterChange] = []
    past = 0
    with source.packets_from(target) as (stream, packets):
        assert stream.time_base is not None
        time_base, usual = stream.time_base, usual_duration(stream)
        may_skip = stream.codec_context.codec.canonical_name not in _SKIP_IS_FIXED
        tracker = ParameterTracker(stream) if source.has_dependent_keyframes else None
        for packet in packets:
            if tracker and (names := tracker.changes(packet)):
                changes.append(ParameterChange(len(listed), packet, names))
            pts = packet.pts or 0
            shown = packet.pts is not None and not packet.is_discard
            listed.append(Listed(pts, _may_start(packet), shown, packet.duration or 0))
            times.append(float(pts * time_base) if shown else math.nan)
            # A picture is never shown before it is decoded, so all following pictures are shown
            # later.
            late = packet.dts is not None and float(packet.dts * time_base) > until
            past = past + 1 if late else 0
            if past == _SURELY_PAST:
                break
    for place in np.flatnonzero(find_strays(np.array(times))):
        listed[place] = listed[place]._replace(keyframe=False, shown=False)
    return Listing(listed, time_base, usual, changes, may_skip)


class PacketReader:
    """A reader of listed packets, by their place in the list.

    Reading forwards is cheap. Going back opens the file again. Threads must not share a reader.
    """

    def __init__(self, source: Source, listing: Listing) -> None:
        self._source = source
        self._listing = listing
        self._file = ExitStack()
        self._upcoming: Iterator[Packet[VideoStream]] = iter(())
        self._place: int | None = None  # place of the next packet
        self._decoder: VideoCodecContext | None = None

    def __enter__(self) -> PacketReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def decoder(self) -> VideoCodecContext:
        """Return the decoder for the file's packets. After a seek backwards, it is a new one.

        Raises:
            InputError: the file cannot be read.
        """
        if self._decoder is None:
            self._upcoming = self._packets_from(None)
        assert self._decoder is not None
        return self._decoder

    def forget_decoder(self) -> None:
        """Drop the decoder. The next use creates one that knows only the file's header."""
        self._decoder = self._place = None

    def go_to(self, place: int) -> None:
        """Go to the packet at `place`, which must be a keyframe, so that it is read next.

        Raises:
            InputError: the file cannot be read, or has changed since its packets were listed.
        """
        if self._place is None or self._place > place:
            self._upcoming = self._packets_at(place)
            self._place = place
        for _ in self.read(place):
            pass

    def read(self, end: int) -> Iterator[Packet[VideoStream]]:
        """Yield the packets from the current place up to, but without, the place `end`.

        Call `go_to` first.
        """
        assert self._place is not None
        for packet in islice(self._upcoming, max(0, end - self._place)):
            if not (self._listing.packets[self._place].shown or packet.is_discard):
                packet.pts = None  # A wrong time could equal another picture's time.
            self._place += 1
            yield packet

    def _packets_at(self, place: int) -> Iterator[Packet[VideoStream]]:
        """Open the file at a listed keyframe."""
        keyframe = self._listing.packets[place]
        for target in (float(keyframe.pts * self._listing.time_base) - _MARGIN, None):
            packets = self._packets_from(target)
            for packet in packets:
                if packet.is_keyframe and packet.pts == keyframe.pts:
                    return chain([packet], packets)
        raise InputError(f"{self._source.path} changed while it was read. Run again.")

    def _packets_from(self, target: float | None) -> Iterator[Packet[VideoStream]]:
        """Open the file near `target` seconds if seeking works, else at its first keyframe."""
        self._file.close()
        stream, packets = self._file.enter_context(self._source.packets_from(target))
        self._decoder = stream.codec_context
        # Each thread decodes a group of pictures, which is faster than the threads of any codec.
        self._decoder.thread_count = 1
        return packets


class PacketFeed:
    """A reader of the packets of one segment after the other, for threads that decode them.

    If each thread had its own reader, it would also read everything between its segments. Each
    short call into FFmpeg would also block all other threads that run Python.
    """

    def __init__(self, reader: PacketReader) -> None:
        self._reader = reader
        self._held: deque[tuple[int, Packet[VideoStream]]] = deque()

    def packets(self, begin: int, end: int) -> list[Packet[VideoStream]] | None:
        """Return the packets from `begin` up to `end`, or None if there are too many to hold."""
        if end - begin > _MOST_HELD:
            return None
        while self._held and self._held[0][0] < begin:
            self._held.popleft()
        # Segments may share packets of pictures that are decoded after a keyframe but shown before
        # it.
        if not self._held or self._held[0][0] > begin:
            self._held.clear()
            self._reader.go_to(begin)
        after = self._held[-1][0] + 1 if self._held else begin
        self._held.extend(enumerate(self._reader.read(end), after))
        return [packet for place, packet in self._held if place < end]
