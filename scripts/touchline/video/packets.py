"""The packets of a video file: their list, and the way back to any of them."""

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
from touchline.video.timeline import strays

# Packets are listed for so long before and after the wanted part, seconds: room for
# decoding to start earlier, and for containers that seek past the target.
_MARGIN = 10.0
# Of a segment that is decoded ahead: memory for a minute of video or so, in each thread.
_MOST_HELD = 1500
# A list does not end before so many packets in a row are late: a time may be damaged.
_SURELY_PAST = 10

# Decoders (libdav1d) that read `skip_frame` only when they open, so it cannot vary by packet.
_SKIP_IS_FIXED = {"av1"}

# What PyAV raises of a damaged file: FFmpeg's errors, and its own where something is missing.
DAMAGE = (
    av.FFmpegError,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
)


# FFmpeg's MPEG-TS demuxer looks for the next packet as far as this after damage.
_RESYNC_BYTES = str(2**31 - 1)
# Bytes after which other demuxers (MPEG-PS) give up at the earliest. They find packets further on.
_LEAST_PROGRESS = 65_536

# FFmpeg guesses the times of pictures that share a packet of MPEG-PS. Before a hole it takes the
# time of a picture behind it, so a picture that waits for longer (seconds) after decoding has none.
_LONGEST_WAIT = 2.0
# If it seems to wait for longer than this (seconds), a recording with another clock was joined, and
# the guessed time of decoding is wrong.
_LONGEST_HOLE = 7200.0

# What FFmpeg calls playlists. A segment that is replaced would not change their fingerprint.
_LISTS = {"hls", "dash", "concat"}


@contextmanager
def open_file(path: str | Path) -> Iterator[InputContainer]:
    """Open a media file.

    Raises:
        InputError: it is not there, or not a media file.
    """
    # An absolute path is never taken for a protocol, and only files may be read.
    path = Path(path).absolute()
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(
            f"{path} is no file (a pipe or a device?), and a video is read more than once; copy it "
            "into a file."
        )
    with _opened(path, str(path)) as container:
        if container.format.name in _LISTS:
            raise InputError(
                f"{path} is a list of other files, whatever its name; make one video of it: "
                f"ffmpeg -i {quote(path.name)} -c copy match.mp4"
            )
        yield container


@contextmanager
def open_section(path: Path, section: Section) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a part of an MPEG-TS and its stream of pictures.

    Raises:
        InputError: it is not there, or has no such pictures.
    """
    part = f"subfile,,start,{section.begin},end,{section.end},,:{path.absolute()}"
    # A section may begin with a hole, by which FFmpeg would not recognize the format.
    with _opened(path, part, "mpegts") as container:
        streams = [each for each in container.streams.video if each.id == section.pid]
        if not streams or streams[0].codec_context is None:
            raise InputError(f"{path} has changed since it was probed; start again.")
        yield container, streams[0]


def _opened(path: Path, address: str, kind: str | None = None) -> InputContainer:
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
    """Open a video file and one of its picture streams.

    Args:
        number: of the stream in the file; None for the first with moving pictures.

    Raises:
        InputError: it is not there, not a video, or has no such stream.
    """
    with open_file(path) as container:
        streams = picture_streams(container)
        chosen = [stream for stream in streams if number in (None, stream.index)]
        if not chosen:
            raise InputError(f"{path} has changed since it was probed; start again.")
        yield container, chosen[0]


def picture_streams(container: InputContainer) -> list[VideoStream]:
    """The streams of pictures that can be decoded, without covers, which are "video" too.

    Raises:
        InputError: there is none.
    """
    cover = av.stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & cover]
    if not streams:
        raise InputError(
            f"{container.name} has no picture stream; give a file with video, not audio."
        )
    decoded = [stream for stream in streams if stream.codec_context is not None]
    if not decoded:
        raise InputError(
            f"{container.name}: there is no decoder for its pictures (are they encrypted?); "
            "convert it first, with a program that plays it, to H.264 in an .mp4 or .mkv file."
        )
    return decoded


def _not_a_video(path: Path, error: Exception) -> str:
    if not path.exists():
        return f"{path}: there is no such video; correct its path in the table of videos."
    if path.is_dir():
        return f"{path} is a folder; give the path of a video file."
    if path.stat().st_size == 0:
        return f"{path} is empty (0 bytes); copy the video again."
    return (
        f"{path} cannot be opened as a video ({reason_of(error)}); it is damaged, cut short or "
        "not a video: copy it again, or take it out of the table."
    )


def reason_of(error: BaseException) -> str:
    """What an error says, in a few words."""
    return (isinstance(error, av.FFmpegError) and error.strerror) or type(error).__name__


def packets_of(container: InputContainer, *streams: Stream) -> Iterator[Packet[Any]]:
    """What some streams hold, from here to the file's end.

    Damage in the middle (a hole of zeros) is passed over.

    Raises:
        InputError: the file cannot be read to its end.
    """
    # FFmpeg reads on at least so far before it gives up, so a file has an end.
    attempts = most = 2 + container.size // _LEAST_PROGRESS
    has_guessed_times = container.format.name == "mpeg"
    while attempts:
        try:
            for packet in container.demux(*streams):
                # One without a size only marks the end of the file.
                if packet.size:
                    attempts = most
                    if has_guessed_times and _is_shown_late(packet):
                        packet.pts = None
                    yield packet
            return
        except IndexError:
            # PyAV (18.1) ends so where a stream has appeared on the way; all packets are out.
            return
        except BlockingIOError as error:
            # FFmpeg (EAGAIN) found no packet here; the next attempt reads on.
            attempts -= 1
            reason = reason_of(error)
        except DAMAGE as error:
            attempts, reason = 0, reason_of(error)
    raise InputError(f"{container.name} cannot be read to its end ({reason}); copy it again.")


def _is_shown_late(packet: Packet[Any]) -> bool:
    if packet.pts is None or packet.dts is None:
        return False
    waits = float((packet.pts - packet.dts) * packet.time_base)
    return _LONGEST_WAIT < waits < _LONGEST_HOLE


def packets_in(path: Path, sections: Iterable[Section]) -> Iterator[Packet[VideoStream]]:
    """The pictures of some sections of an MPEG-TS, in the order of the file.

    Raises:
        InputError: the file cannot be read to its end.
    """
    for section in sections:
        with open_section(path, section) as (container, stream):
            yield from packets_of(container, stream)


def usual_seconds(stream: VideoStream) -> float:
    """How long a frame of the stream stays on screen, as far as FFmpeg can guess."""
    return float(1 / stream.guessed_rate) if stream.guessed_rate else 0.0


class Listed(NamedTuple):
    """What the container says of a packet.

    Attributes:
        pts: presentation time, in units of the stream's time base; 0 if it has none.
        keyframe: decoding can start here, and there is a time to find the place by.
        shown: it has a time that can be believed, and no edit list cuts it away.
        duration: how long the picture is shown, in units of the time base; 0 if not stated.
    """

    pts: int
    keyframe: bool
    shown: bool
    duration: int


@dataclass(frozen=True)
class Source:
    """Where a video's pictures are, and on which clock.

    Attributes:
        stream: number of the stream in the file; None for the first with moving pictures.
        restarts: where the file's clock starts again.
        sections: parts of an MPEG-TS whose pictures move to another PID; else empty.
        has_dependent_keyframes: decoding may need parameters of any earlier packet, so the
            file is read from its beginning.
        packet_times: which times the packets state; others than those of display are replaced.
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
        """The stream and its packets, their times on one clock, from a keyframe on.

        Args:
            target: seconds; the keyframe may be near it. Where a seek lands is up to the
                container: TS lands past the target, some formats nowhere. None for the
                file's first keyframe.
        """
        if self.sections:
            opened = open_section(self.path, self.sections[0])
        else:
            opened = open_video(self.path, self.stream)
        with opened as (container, stream):
            assert stream.time_base is not None
            # A clock that starts again shows some times twice: nobody can seek by it.
            may_seek = (
                not (self.restarts or self.sections or self.has_dependent_keyframes)
                and self.packet_times == "stated"
            )
            if target is not None and may_seek:
                with suppress(*DAMAGE):
                    container.seek(int(target / stream.time_base), stream=stream)
            packets: Iterable[Packet[VideoStream]] = chain(
                packets_of(container, stream), packets_in(self.path, self.sections[1:])
            )
            if self.packet_times != "stated":
                packets = with_display_times(packets, PictureOrder(stream), self.packet_times)
            clocked = self._on_one_clock(packets, stream.time_base)
            yield stream, dropwhile(lambda packet: not _may_start(packet), clocked)

    def _on_one_clock(
        self, packets: Iterable[Packet[VideoStream]], time_base: Fraction
    ) -> Iterator[Packet[VideoStream]]:
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
    return packet.is_keyframe and packet.pts is not None


class ParameterChange(NamedTuple):
    """A packet that changes the decoder's parameters.

    Attributes:
        place: of the packet in the list.
        names: of the parameters that it changes.
    """

    place: int
    packet: Packet[VideoStream]
    names: tuple[Name, ...]


@dataclass(frozen=True)
class Listing:
    """The packets of a part of a video, in the order of the file, from a keyframe on.

    Attributes:
        time_base: unit of the packets' times, seconds.
        usual: how long a picture is usually shown, seconds.
        changes: in the order of the file; only of a source with dependent keyframes.
        may_skip: the decoder can skip single pictures that no other refers to.
    """

    packets: Sequence[Listed]
    time_base: Fraction
    usual: float
    changes: Sequence[ParameterChange] = ()
    may_skip: bool = True


def list_packets(source: Source, first: float, last: float) -> Listing:
    """List the packets that decoding the pictures from `first` to `last` may take.

    The list holds the picture on screen at `first`, if there is one, and reaches past
    `last` or to the video's end.

    Args:
        first, last: presentation times, seconds.

    Raises:
        InputError: the file cannot be read.
    """
    listing = _list(source, first - _MARGIN, last + _MARGIN)
    begin = next((each.pts for each in listing.packets if each.keyframe), None)
    if begin is None or begin * listing.time_base > first:
        listing = _list(source, None, last + _MARGIN)
    return listing


def _list(source: Source, target: float | None, until: float) -> Listing:
    listed: list[Listed] = []
    times: list[float] = []
    changes: list[ParameterChange] = []
    past = 0
    with source.packets_from(target) as (stream, packets):
        assert stream.time_base is not None
        time_base, usual = stream.time_base, usual_seconds(stream)
        may_skip = stream.codec_context.codec.canonical_name not in _SKIP_IS_FIXED
        tracker = ParameterTracker(stream) if source.has_dependent_keyframes else None
        for packet in packets:
            if tracker and (names := tracker.changes(packet)):
                changes.append(ParameterChange(len(listed), packet, names))
            pts = packet.pts or 0
            shown = packet.pts is not None and not packet.is_discard
            listed.append(Listed(pts, _may_start(packet), shown, packet.duration or 0))
            times.append(float(pts * time_base) if shown else math.nan)
            # Nothing is shown before it is decoded: all that follow are shown later than this.
            late = packet.dts is not None and float(packet.dts * time_base) > until
            past = past + 1 if late else 0
            if past == _SURELY_PAST:
                break
    for place in np.flatnonzero(strays(np.array(times))):
        listed[place] = listed[place]._replace(keyframe=False, shown=False)
    return Listing(listed, time_base, usual, changes, may_skip)


class PacketReader:
    """Reads listed packets from the file, by their place in the list.

    Reading on is cheap, going back opens the file again. Not to be shared by threads.
    """

    def __init__(self, source: Source, listing: Listing) -> None:
        self._source = source
        self._listing = listing
        self._file = ExitStack()
        self._upcoming: Iterator[Packet[VideoStream]] = iter(())
        self._place: int | None = None  # of the packet that comes next
        self._decoder: VideoCodecContext | None = None

    def __enter__(self) -> PacketReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def decoder(self) -> VideoCodecContext:
        """For the file's packets, whoever has read them; going back makes a new one.

        Raises:
            InputError: the file cannot be read.
        """
        if self._decoder is None:
            self._upcoming = self._packets_from(None)
        assert self._decoder is not None
        return self._decoder

    def forget_decoder(self) -> None:
        """Make a new decoder at the next use, which knows the file's header only."""
        self._decoder = self._place = None

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
            if not (self._listing.packets[self._place].shown or packet.is_discard):
                packet.pts = None  # a wrong one must not pass for another picture's
            self._place += 1
            yield packet

    def _packets_at(self, place: int) -> Iterator[Packet[VideoStream]]:
        keyframe = self._listing.packets[place]
        for target in (float(keyframe.pts * self._listing.time_base) - _MARGIN, None):
            packets = self._packets_from(target)
            for packet in packets:
                if packet.is_keyframe and packet.pts == keyframe.pts:
                    return chain([packet], packets)
        raise InputError(f"{self._source.path} has changed while it was read; start again.")

    def _packets_from(self, target: float | None) -> Iterator[Packet[VideoStream]]:
        """Open the file, at `target` seconds if it can be had, else at its first keyframe."""
        self._file.close()
        stream, packets = self._file.enter_context(self._source.packets_from(target))
        self._decoder = stream.codec_context
        # The threads decode a group of pictures each, which no codec's own threads beat.
        self._decoder.thread_count = 1
        return packets


class PacketFeed:
    """Reads the packets of one segment after the other, for threads that decode them.

    Each thread with a reader of its own would read all that lies between its segments, too; and
    a short call into FFmpeg holds up every other thread that runs Python.
    """

    def __init__(self, reader: PacketReader) -> None:
        self._reader = reader
        self._held: deque[tuple[int, Packet[VideoStream]]] = deque()

    def of(self, begin: int, end: int) -> list[Packet[VideoStream]] | None:
        """The packets from the place `begin` to before `end`; None if they are too many to hold."""
        if end - begin > _MOST_HELD:
            return None
        while self._held and self._held[0][0] < begin:
            self._held.popleft()
        # Segments may share packets: pictures that are decoded after a keyframe and shown before.
        if not self._held or self._held[0][0] > begin:
            self._held.clear()
            self._reader.go_to(begin)
        after = self._held[-1][0] + 1 if self._held else begin
        self._held.extend(enumerate(self._reader.read(end), after))
        return [packet for place, packet in self._held if place < end]
