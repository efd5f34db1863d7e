"""What a video file is: its length, shape and identity, measured from the file itself."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain, islice
from mmap import ACCESS_READ, mmap
from pathlib import Path
from shlex import quote
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from touchline.core.records import Interval, Manifest, PacketTimes, Section
from touchline.errors import InputError
from touchline.inputs.fingerprint import fingerprint
from touchline.inputs.videos import Video
from touchline.video.packets import (
    DAMAGE,
    Source,
    open_file,
    open_section,
    open_video,
    packets_in,
    packets_of,
    picture_streams,
    reason_of,
    usual_seconds,
)
from touchline.video.parameters import ParameterTracker
from touchline.video.picture_order import PictureOrder
from touchline.video.timeline import Flags, Timeline, timeline
from touchline.video.transport import picture_pids, sections_in

log = logging.getLogger(__name__)

# What a header may promise beyond the last packet: rounding where it speaks of the pictures or
# counts them, and what it does not know exactly where it speaks of the file.
_STREAM_SLACK = 1.0
_FILE_SLACK = 5.0
# Pictures of which fewer have a time cannot be placed (1 in so many).
_ENOUGH_TIMES = 50
# FFmpeg does not read all files of these formats (by its names) that `cat` joined: it reads one, or
# two of MKV and WebM. The bytes are those at which a file says what it is.
_KINDS = {
    "mov,mp4,m4a,3gp,3g2,mj2": slice(8, 16),
    "flv": slice(8, 16),
    "asf": slice(8, 16),
    "matroska,webm": slice(0, 4),
    "mxf": slice(0, 14),
}
# It gives the packets of all joined files of these the times of the first.
_MIXED = {"mxf"}
# If more than 1 packet in this many lacks a time, packets get times by the order of display.
_FEW = 50
# Packets by which it is seen whether they state times of the order of decoding.
_ORDERED = 1000
# So many pictures are decoded to see what they are.
_LOOKED_AT = 12
# What a broadcast may have after its last picture and sound: other tables and filling (MiB).
_END_SLACK = 0.25
# Where clocks may start again, FFmpeg's copy closes longer gaps (its dts_delta_threshold, seconds).
_CLOSED = 10.0
# FFmpeg's name for the key of encrypted pictures in MKV and WebM.
_KEY_ID = "enc_key_id"
# A stream with fewer pictures than a part of the most is a still or a slide show (1 in so many).
_MOVING = 10
# Pixels that are so much wider than high, or higher than wide, are a damaged header's.
_ODDEST_PIXEL = 4.0


def probe(video: Video, max_duration: float | None = None) -> Manifest:
    """Read through a video's packets and describe it.

    Nothing is decoded but the first frames; the whole file is read, since only that
    shows whether it is whole and how long it truly is.

    Args:
        max_duration: seconds to process at most; None for all.

    Raises:
        InputError: the file is not a video that can be processed; says why.
    """
    path = video.footage.absolute()
    with open_file(path) as container:
        read = _read(container)
        pictures = _chosen(path, list(read.pictures.values()))
        sections = _sections(path, container, pictures.stream)
        if sections:
            pictures = _pictures_in(path, sections, pictures.stream, container)
        elif _may_leap(container):
            _report_empty_end(path, read.place)
        stream = pictures.stream
        _check_alone(path, container.format.name, read.place)
        _check_readable(path, pictures)
        source = Source(path, stream.index, sections=sections)
        packet_times = _packet_times(source, pictures)
        if packet_times != "stated":
            pictures.take_times(_display_times(replace(source, packet_times=packet_times)))
        first, by_fields = _first_pictures(path, stream.index)
        line = _timeline(path, container, pictures, by_fields)
        if max_duration is None or max_duration > line.duration:
            _check_whole(path, container, pictures, line, read.end)
        offset = _clock_offset(container, line.start)
        if pictures.parameters.has_dependent_keyframes:
            log.info(
                "%s changes its decoder parameters on the way: each slice reads the file from its "
                "beginning to know them.",
                path,
            )
        codec, number, shape = stream.codec_context.name, stream.index, _pixel_aspect(stream)
    rate = round(pictures.timed / (2 if by_fields else 1) / line.shown, 3)
    if not rate:
        raise InputError(
            f"{path} shows {pictures.timed} pictures in {line.shown:.0f} s, so it is no moving "
            "video; is its header damaged? Copy the video again."
        )
    duration = min(line.duration, max_duration or line.duration)
    gaps = [(begin, min(end, duration)) for begin, end in line.gaps if begin < duration]
    return Manifest(
        video=video.video,
        path=str(path),
        bytes=path.stat().st_size,
        fingerprint=fingerprint(path),
        duration=round(duration, 3),
        start_time=line.start,
        clock_offset=offset,
        frame_rate=rate,
        width=first.width,
        height=first.height,
        pixel_aspect=shape,
        rotation=first.rotation,
        codec=codec,
        stream=number,
        no_pictures=[Interval(start=round(a, 3), end=round(b, 3)) for a, b in gaps],
        restarts=list(line.restarts),
        sections=sections,
        has_dependent_keyframes=pictures.parameters.has_dependent_keyframes,
        packet_times=packet_times,
        game=video.game,
        half=video.half,
        home=video.home,
        away=video.away,
    )


@dataclass
class _Pictures:
    """The packets of one stream of pictures, in the order of the file.

    Attributes:
        times: when each is shown, seconds; NaN for those without a time.
        keyframes, damaged: 1 for each packet that is one, else 0.
        hidden: those that an edit list cuts away.
        stays: how long the picture of the latest time is shown, seconds; 0 if not known.
        usual: how long a picture is usually shown, seconds; 0 if not known.
        is_encrypted: the container says so of a packet.
        parameters: the decoder parameters that the packets carry.
    """

    stream: VideoStream
    times: list[float] = field(default_factory=list)
    keyframes: bytearray = field(default_factory=bytearray)
    damaged: bytearray = field(default_factory=bytearray)
    hidden: int = 0
    latest: float = -math.inf
    stays: float = 0.0
    usual: float = field(init=False)
    is_encrypted: bool = False
    parameters: ParameterTracker = field(init=False)
    _unit: Fraction = field(init=False)

    def __post_init__(self) -> None:
        self.usual = usual_seconds(self.stream)
        self.parameters = ParameterTracker(self.stream)
        self._unit = self.stream.time_base or Fraction(1)

    def take_times(self, times: list[float]) -> None:
        """Replace the times that the packets state, and what FFmpeg guesses from these.

        Args:
            times: from the first keyframe on; packets before it have none.
        """
        self.times = [math.nan] * (len(self.times) - len(times)) + times
        shown = np.sort([each for each in times if math.isfinite(each)])
        self.usual = self.stays = float(np.median(np.diff(shown))) if len(shown) > 1 else 0.0

    @property
    def timed(self) -> int:
        """How many have a time."""
        return sum(map(math.isfinite, self.times))

    @property
    def flags(self) -> Flags:
        """What the packets are marked with."""
        both = np.frombuffer(self.keyframes, np.bool_), np.frombuffer(self.damaged, np.bool_)
        return Flags(*both)

    def add(self, packet: Packet[Any]) -> None:
        """Take in the packet that follows."""
        self.parameters.changes(packet)
        self.is_encrypted |= packet.has_sidedata("encryption_info")
        seconds = math.nan
        if packet.is_discard:
            self.hidden += 1
        elif packet.pts is not None:
            seconds = packet.pts * self._unit.numerator / self._unit.denominator
        self.times.append(seconds)
        self.keyframes.append(packet.is_keyframe)
        self.damaged.append(packet.is_corrupt)
        if seconds > self.latest:
            self.latest = seconds
            ticks = packet.duration or 0
            self.stays = ticks * self._unit.numerator / self._unit.denominator


@dataclass
class _Read:
    """What a file holds.

    Attributes:
        pictures: by number of the stream.
        end: when the last packet of any stream ends, seconds.
        place: where the last packet of all ends in the file, bytes.
    """

    pictures: dict[int, _Pictures]
    end: float = -math.inf
    place: int = 0


def _read(container: InputContainer) -> _Read:
    read = _Read({stream.index: _Pictures(stream) for stream in picture_streams(container)})
    # Whole numbers are divided exactly, and faster than fractions are multiplied.
    units = [stream.time_base or Fraction(1) for stream in container.streams]
    for packet in packets_of(container, *container.streams):
        if packet.pts is not None:
            unit = units[packet.stream_index]
            ends = packet.pts + (packet.duration or 0)
            read.end = max(read.end, ends * unit.numerator / unit.denominator)
        read.place = max(read.place, (packet.pos or 0) + packet.size)
        if pictures := read.pictures.get(packet.stream_index):
            pictures.add(packet)
    return read


def _sections(path: Path, container: InputContainer, chosen: VideoStream) -> list[Section]:
    """Find the parts of a file, which was read to its end, whose pictures move to another PID."""
    if container.format.name != "mpegts":
        return []
    pids = picture_pids(container)
    sections = sections_in(path, chosen.id, pids) if len(pids) > 1 else []
    if sections:
        moves = ", then ".join(f"0x{section.pid:x}" for section in sections)
        log.info("%s moves its pictures to another PID on the way: %s.", path, moves)
    return sections


def _pictures_in(
    path: Path, sections: Sequence[Section], chosen: VideoStream, container: InputContainer
) -> _Pictures:
    """Read the pictures of all sections as those of one stream, the first section's.

    Raises:
        InputError: their codecs differ.
    """
    codecs = []
    for section in sections:
        with open_section(path, section) as (_, stream):
            codecs.append(stream.codec_context.name)
    if len(set(codecs)) > 1:
        raise InputError(
            f"{path} changes the codec of its pictures on the way ({', then '.join(codecs)}); "
            "split it at the changes, convert the parts to one codec and join them."
        )
    streams = {stream.id: stream for stream in picture_streams(container)}
    pictures = _Pictures(streams.get(sections[0].pid, chosen))
    for packet in packets_in(path, sections):
        pictures.add(packet)
    return pictures


def _chosen(path: Path, there: Sequence[_Pictures]) -> _Pictures:
    """The pictures that a player would show: moving, by default, the largest, the first."""
    most = max(len(each.times) for each in there)
    moving = [each for each in there if each.times and len(each.times) * _MOVING >= most]
    if not moving:
        raise InputError(f"{path} has no pictures (zero length); copy the video again.")
    default = av.stream.Disposition.default
    chosen = max(
        moving,
        key=lambda each: (
            bool(each.stream.disposition & default),
            each.stream.width * each.stream.height,
        ),
    )
    if len(there) > 1:
        others = _listed(each.stream for each in there if each is not chosen)
        taken = _listed([chosen.stream])
        log.info("%s has several picture streams: %s is taken, not %s.", path, taken, others)
    return chosen


def _listed(streams: Iterable[VideoStream]) -> str:
    return ", ".join(f"stream {s.index} ({s.width}x{s.height})" for s in streams)


def _packet_times(source: Source, pictures: _Pictures) -> PacketTimes:
    """Tell which times the packets state; "stated" where the order of display cannot be read."""
    if not PictureOrder.is_readable(pictures.stream):
        return "stated"
    times = np.array(pictures.times)
    untimed = len(times) - pictures.hidden - pictures.timed
    is_sparse = pictures.timed > 0 and untimed * _FEW > len(times)
    if not (is_sparse or (np.diff(times) > 0).all()):
        return "stated"
    with source.packets_from(None) as (stream, packets):
        order = PictureOrder(stream)
        found = [(order.of(packet), packet.pts) for packet in islice(packets, _ORDERED)]
    shown = [(key, pts) for key, pts in found if key is not None]
    if is_sparse and sum(pts is None for _, pts in shown) * _FEW > len(found):
        return "sparse"
    keys = [key for key, _ in shown]
    return "stated" if is_sparse or keys == sorted(keys) else "in_decoding_order"


def _display_times(source: Source) -> list[float]:
    """List when each packet's picture is shown, seconds; NaN for those without a time."""
    with source.packets_from(None) as (_, packets):
        return [
            math.nan if each.pts is None or each.is_discard else float(each.pts * each.time_base)
            for each in packets
        ]


def _timeline(
    path: Path, container: InputContainer, pictures: _Pictures, by_fields: bool
) -> Timeline:
    """When the pictures are on screen.

    By their packets' presentation times, and not by the stream's start time: in AVI that is
    the first decoding time, a frame early.
    """
    times = np.array(pictures.times)
    timed, shown = pictures.timed, len(times) - pictures.hidden
    if timed * _ENOUGH_TIMES < shown:
        raise InputError(
            f"{path} has no timestamps (a raw {container.format.name} stream?), so its "
            "events could not be placed in time; put it into a container first: "
            f"ffmpeg -r 25 -i {quote(path.name)} -c copy {quote(path.stem + '.mp4')}"
        )
    if not timed:
        raise InputError(f"{path} has no pictures (zero length); copy the video again.")
    # Some containers (AVI) give a packet's duration as a tick of the clock.
    half = pictures.stays or pictures.usual / 2
    stays = half if by_fields else max(pictures.stays, pictures.usual)
    may_leap = _may_leap(container)
    # A broadcast loses packets; in other containers a picture may just stay for long.
    line = timeline(times, may_leap, stays, pictures.flags if may_leap else None)
    if line.duration <= 0:
        raise InputError(f"{path} has no pictures (zero length); copy the video again.")
    if line.strays:
        log.warning("%s: %d times that lie far off are left out.", path, line.strays)
    if line.restarts:
        log.warning(
            "%s: the clock of its pictures starts again %d times; what follows is counted as "
            "shown after what was there before.",
            path,
            len(line.restarts),
        )
    for begin, end in line.gaps:
        log.warning("%s has no picture from %.3f to %.3f s.", path, begin, end)
    if any(end - begin > _CLOSED for begin, end in line.gaps) and may_leap:
        target = quote(path.stem + ".mkv")
        log.warning(
            "If no time passed there, this joins what is before and after: "
            f"ffmpeg -i {quote(path.name)} -c copy {target}"
        )
    return line


def _may_leap(container: InputContainer) -> bool:
    """Whether the container's clock may start again by design, and no header has its length."""
    return bool(container.format.flags & av.format.Flags.ts_discont.value)


def _clock_offset(container: InputContainer, start: float) -> float:
    """What a player's clock shows at the first picture, seconds.

    It begins at 0 in most containers (measured with Chromium 156: MP4, MOV, WebM, MKV, whatever
    comes first and when), but where clocks begin anywhere, with the first sound or picture.
    """
    begins = 0.0
    if _may_leap(container) and container.start_time is not None:
        begins = container.start_time / av.time_base
    return round(max(0.0, start - begins), 3)


def _check_whole(
    path: Path, container: InputContainer, pictures: _Pictures, line: Timeline, end: float
) -> None:
    """Raise InputError if the header promises more than there is.

    Sound and subtitles may go on after the pictures, so the last packet of all is what counts.
    """
    if _may_leap(container):
        return
    stream, promised, reached = pictures.stream, 0.0, end
    if stream.duration is not None and stream.time_base is not None:
        start, lasts = stream.start_time or 0, stream.duration
        # The duration of a fragmented MP4 that starts later counts from 0, and includes the start.
        promised = float((lasts if 0 < start < lasts else start + lasts) * stream.time_base)
        promised -= _STREAM_SLACK
    elif container.duration is not None:
        promised = container.duration / av.time_base - _FILE_SLACK
    if stream.frames > len(pictures.times):
        reached = line.start + line.duration
        if container.format.name == "avi" and stream.time_base is not None:
            # FFmpeg computes a cut one's duration again; the header counts its ticks.
            promised = float(stream.frames * stream.time_base) - _STREAM_SLACK
    if promised > reached:
        raise InputError(
            f"{path} is cut short: its header promises over {promised:.0f} s, but "
            f"the pictures end at {line.duration:.1f} s; copy it again, or make what is there a "
            f"whole file: ffmpeg -i {quote(path.name)} -c copy {quote(path.stem + '_part.mkv')}"
        )


def _check_readable(path: Path, pictures: _Pictures) -> None:
    """Raise InputError if the container says that the pictures are encrypted."""
    if pictures.is_encrypted or _KEY_ID in pictures.stream.metadata:
        raise InputError(
            f"{path} is encrypted (DRM), so its pictures cannot be read; get a copy without "
            "encryption."
        )


def _report_empty_end(path: Path, place: int) -> None:
    """Warn if the file goes on after its last packet, as after a disk error.

    Args:
        place: where the last packet ends, bytes.
    """
    rest = (path.stat().st_size - place) / 2**20
    if place and rest > _END_SLACK:
        log.warning("The last %.1f MiB of %s hold no pictures and no sound.", rest, path)


def _pixel_aspect(stream: VideoStream) -> float:
    """Width of a pixel over its height; 1 where none is stated, or none that could be."""
    stated = float(stream.sample_aspect_ratio or 1)
    return round(stated, 6) if 1 / _ODDEST_PIXEL <= stated <= _ODDEST_PIXEL else 1.0


def _check_alone(path: Path, container: str, place: int) -> None:
    """Raise InputError if another file lies behind what FFmpeg reads correctly.

    Args:
        container: FFmpeg's name of the format.
        place: where the packets end that FFmpeg reads, bytes.
    """
    kind = _KINDS.get(container)
    if kind is None or not place:
        return
    begin = kind.stop if container in _MIXED else place
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        # Behind the packets lies an index or nothing, and not the kind that a file begins with.
        if content.find(content[kind], begin) >= 0:
            raise InputError(
                f"{path} holds several files, one behind the other, and not all of them can be "
                "read; join the recordings with FFmpeg, from a list with a line file 'NAME' for "
                f"each: ffmpeg -f concat -i list.txt -c copy {quote(path.stem + '_joined.mkv')}"
            )


def _first_pictures(path: Path, number: int) -> tuple[VideoFrame, bool]:
    """The first picture that can be decoded, and whether each field is a packet with a time."""
    reason, times, frames = "nothing comes out", [], []
    with open_video(path, number) as (container, stream):
        for packet in chain(packets_of(container, stream), [None]):
            if packet is not None:
                times.append(packet.pts)
            try:
                frames += stream.decode(packet)
            except DAMAGE as error:
                reason = reason_of(error)
            if len(frames) >= _LOOKED_AT:
                break
    if not frames:
        raise InputError(f"{path}: no picture can be decoded ({reason}); copy the video again.")
    shown = {frame.pts for frame in frames if frame.pts is not None}
    stated = [pts for pts in times if pts is not None and shown and pts <= max(shown)]
    # A picture has the time of its first field; there is none with that of the second.
    second = sum(pts not in shown for pts in stated) > len(stated) / 3
    return frames[0], frames[0].interlaced_frame and second
