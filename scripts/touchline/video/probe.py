"""Properties of a video file: duration, size and identity, measured from the file itself."""

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
    error_reason,
    open_file,
    open_section,
    open_video,
    picture_streams,
    read_packets,
    read_section_packets,
    usual_duration,
)
from touchline.video.parameters import ParameterTracker
from touchline.video.picture_order import PictureOrder
from touchline.video.timeline import Flags, Timeline, timeline
from touchline.video.transport import find_sections, picture_pids

log = logging.getLogger(__name__)

# Seconds by which a header may exceed the last packet: rounding for the video stream, and more for
# the whole file, whose duration is less exact.
_STREAM_SLACK = 1.0
_FILE_SLACK = 5.0
# At least 1 in this number of pictures needs a time.
_ENOUGH_TIMES = 50
# If `cat` joined files of these formats (FFmpeg's names), FFmpeg reads only one of them, or two for
# MKV and WebM. The slices are the bytes with the signature of the format.
_KINDS = {
    "mov,mp4,m4a,3gp,3g2,mj2": slice(8, 16),
    "flv": slice(8, 16),
    "asf": slice(8, 16),
    "matroska,webm": slice(0, 4),
    "mxf": slice(0, 14),
}
# For these formats, FFmpeg gives the packets of all joined files the times of the first file.
_MIXED = {"mxf"}
# If more than 1 in this number of packets lacks a time, times follow from the display order.
_FEW = 50
# Number of packets that are checked for times in decoding order.
_ORDERED = 1000
# Number of pictures that are decoded to determine their properties.
_LOOKED_AT = 12
# MiB that a broadcast may have after its last picture and sound: tables and filling.
_END_SLACK = 0.25
# Seconds. FFmpeg's copy closes longer gaps if clocks may start again (dts_delta_threshold).
_CLOSED = 10.0
# FFmpeg's name for the key of encrypted pictures in MKV and WebM.
_KEY_ID = "enc_key_id"
# A stream with less than 1 in this number of the longest stream's pictures is a still image or a
# slide show.
_MOVING = 10
# A larger ratio of a pixel's sides means that the header is damaged.
_ODDEST_PIXEL = 4.0


def probe(video: Video, max_duration: float | None = None) -> Manifest:
    """Read all packets of a video and return its properties.

    Only the first frames are decoded. The whole file is read, because only this shows whether it is
    complete and how long it is.

    Args:
        video: the video's row in the table of videos.
        max_duration: maximum number of seconds to process; None for all.

    Raises:
        InputError: the file is not a video that can be processed. The message gives the reason.
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
                "%s changes its decoder parameters within the file. Each slice reads the file from "
                "its beginning to get them.",
                path,
            )
        codec, number, shape = stream.codec_context.name, stream.index, _pixel_aspect(stream)
    rate = round(pictures.timed / (2 if by_fields else 1) / line.shown, 3)
    if not rate:
        raise InputError(
            f"{path} shows {pictures.timed} pictures in {line.shown:.0f} s, so it is not a moving "
            "video. Its header may be damaged. Copy the video again."
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
    """The packets of one video stream, in the order of the file.

    Attributes:
        stream: the stream.
        times: display time of each packet, in seconds; NaN for packets without a time.
        keyframes: 1 for each packet that is a keyframe, else 0.
        damaged: 1 for each damaged packet, else 0.
        hidden: number of packets that an edit list removes.
        latest: the latest time, in seconds.
        stays: duration of the picture with the latest time, in seconds; 0 if unknown.
        usual: usual duration of a picture, in seconds; 0 if unknown.
        is_encrypted: whether the container marks a packet as encrypted.
        parameters: tracker of the decoder parameters in the packets.
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
        self.usual = usual_duration(self.stream)
        self.parameters = ParameterTracker(self.stream)
        self._unit = self.stream.time_base or Fraction(1)

    def take_times(self, times: list[float]) -> None:
        """Replace the stated times, and the durations that FFmpeg guesses from them.

        Args:
            times: times from the first keyframe on. Earlier packets have none.
        """
        self.times = [math.nan] * (len(self.times) - len(times)) + times
        shown = np.sort([each for each in times if math.isfinite(each)])
        self.usual = self.stays = float(np.median(np.diff(shown))) if len(shown) > 1 else 0.0

    @property
    def timed(self) -> int:
        """Return the number of packets with a time."""
        return sum(map(math.isfinite, self.times))

    @property
    def flags(self) -> Flags:
        """Return two flags per packet: whether it is a keyframe, and whether it is damaged."""
        both = np.frombuffer(self.keyframes, np.bool_), np.frombuffer(self.damaged, np.bool_)
        return Flags(*both)

    def add(self, packet: Packet[Any]) -> None:
        """Add the next packet."""
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
    """The result of reading all packets of a file.

    Attributes:
        pictures: packets of each video stream, by number of the stream.
        end: end of the last packet of any stream, in seconds.
        place: end of the last packet in the file, in bytes.
    """

    pictures: dict[int, _Pictures]
    end: float = -math.inf
    place: int = 0


def _read(container: InputContainer) -> _Read:
    """Read all packets of a file."""
    read = _Read({stream.index: _Pictures(stream) for stream in picture_streams(container)})
    # Integer division is exact, and faster than the multiplication of fractions.
    units = [stream.time_base or Fraction(1) for stream in container.streams]
    for packet in read_packets(container, *container.streams):
        if packet.pts is not None:
            unit = units[packet.stream_index]
            ends = packet.pts + (packet.duration or 0)
            read.end = max(read.end, ends * unit.numerator / unit.denominator)
        read.place = max(read.place, (packet.pos or 0) + packet.size)
        if pictures := read.pictures.get(packet.stream_index):
            pictures.add(packet)
    return read


def _sections(path: Path, container: InputContainer, chosen: VideoStream) -> list[Section]:
    """Return the sections of a file in which the video changes its PID.

    The file must have been read to its end.
    """
    if container.format.name != "mpegts":
        return []
    pids = picture_pids(container)
    sections = find_sections(path, chosen.id, pids) if len(pids) > 1 else []
    if sections:
        moves = ", then ".join(f"0x{section.pid:x}" for section in sections)
        log.info("%s moves its video to another PID within the file: %s.", path, moves)
    return sections


def _pictures_in(
    path: Path, sections: Sequence[Section], chosen: VideoStream, container: InputContainer
) -> _Pictures:
    """Read the video packets of all sections as one stream.

    Its codec and unit of time are those of the first section.

    Raises:
        InputError: the sections have different codecs.
    """
    codecs = []
    for section in sections:
        with open_section(path, section) as (_, stream):
            codecs.append(stream.codec_context.name)
    if len(set(codecs)) > 1:
        raise InputError(
            f"{path} changes the codec of its video within the file ({', then '.join(codecs)}). "
            "Split it at the changes, convert the parts to one codec and join them."
        )
    streams = {stream.id: stream for stream in picture_streams(container)}
    pictures = _Pictures(streams.get(sections[0].pid, chosen))
    for packet in read_section_packets(path, sections):
        pictures.add(packet)
    return pictures


def _chosen(path: Path, there: Sequence[_Pictures]) -> _Pictures:
    """Return the stream that a player would show.

    Only streams with moving pictures count. Default streams come first, then larger ones, then
    earlier ones.
    """
    most = max(len(each.times) for each in there)
    moving = [each for each in there if each.times and len(each.times) * _MOVING >= most]
    if not moving:
        raise InputError(f"{path} has no pictures (zero length). Copy the video again.")
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
        log.info("%s has several video streams. Touchline uses %s, not %s.", path, taken, others)
    return chosen


def _listed(streams: Iterable[VideoStream]) -> str:
    """List streams with their size, for a message."""
    return ", ".join(f"stream {s.index} ({s.width}x{s.height})" for s in streams)


def _packet_times(source: Source, pictures: _Pictures) -> PacketTimes:
    """Return the kind of the packets' times. It is "stated" if the display order cannot be read."""
    if not PictureOrder.is_readable(pictures.stream):
        return "stated"
    times = np.array(pictures.times)
    untimed = len(times) - pictures.hidden - pictures.timed
    is_sparse = pictures.timed > 0 and untimed * _FEW > len(times)
    if not (is_sparse or (np.diff(times) > 0).all()):
        return "stated"
    with source.packets_from(None) as (stream, packets):
        order = PictureOrder(stream)
        found = [(order.order_of(packet), packet.pts) for packet in islice(packets, _ORDERED)]
    shown = [(key, pts) for key, pts in found if key is not None]
    if is_sparse and sum(pts is None for _, pts in shown) * _FEW > len(found):
        return "sparse"
    keys = [key for key, _ in shown]
    return "stated" if is_sparse or keys == sorted(keys) else "in_decoding_order"


def _display_times(source: Source) -> list[float]:
    """Return the display time of each packet, in seconds; NaN for packets without a time."""
    with source.packets_from(None) as (_, packets):
        return [
            math.nan if each.pts is None or each.is_discard else float(each.pts * each.time_base)
            for each in packets
        ]


def _timeline(
    path: Path, container: InputContainer, pictures: _Pictures, by_fields: bool
) -> Timeline:
    """Compute when the pictures are on screen, from the packets' presentation times.

    The stream's start time is not used. In AVI it is the first decoding time, which is one frame
    early.
    """
    times = np.array(pictures.times)
    timed, shown = pictures.timed, len(times) - pictures.hidden
    if timed * _ENOUGH_TIMES < shown:
        raise InputError(
            f"{path} has no timestamps (a raw {container.format.name} stream?), so its "
            "events would have no times. Put it into a container first: "
            f"ffmpeg -r 25 -i {quote(path.name)} -c copy {quote(path.stem + '.mp4')}"
        )
    if not timed:
        raise InputError(f"{path} has no pictures (zero length). Copy the video again.")
    # Some containers (AVI) state one tick of the clock as a packet's duration.
    half = pictures.stays or pictures.usual / 2
    stays = half if by_fields else max(pictures.stays, pictures.usual)
    may_leap = _may_leap(container)
    # A broadcast can lose packets. In other containers, a picture may stay for long by intention.
    line = timeline(times, may_leap, stays, pictures.flags if may_leap else None)
    if line.duration <= 0:
        raise InputError(f"{path} has no pictures (zero length). Copy the video again.")
    if line.strays:
        log.warning(
            "%s has %d pictures with times far from their neighbours'. These times are ignored.",
            path,
            line.strays,
        )
    if line.restarts:
        log.warning(
            "The clock of %s starts again %d times. The following pictures are placed "
            "after the earlier pictures.",
            path,
            len(line.restarts),
        )
    for begin, end in line.gaps:
        log.warning("%s has no picture from %.3f to %.3f s.", path, begin, end)
    if any(end - begin > _CLOSED for begin, end in line.gaps) and may_leap:
        target = quote(path.stem + ".mkv")
        log.warning(
            "If no time passed between the parts, this command joins them: "
            f"ffmpeg -i {quote(path.name)} -c copy {target}"
        )
    return line


def _may_leap(container: InputContainer) -> bool:
    """Return whether the container's clock may start again by design, as in MPEG-TS.

    The headers of such containers state no duration.
    """
    return bool(container.format.flags & av.format.Flags.ts_discont.value)


def _clock_offset(container: InputContainer, start: float) -> float:
    """Return the time that a video player shows at the first picture, in seconds.

    A player's clock begins at 0 in most containers. This was measured with Chromium 156 for MP4,
    MOV, WebM and MKV, with sound or video first. In formats whose clock can begin at any time, the
    player's clock begins with the first sound or picture.
    """
    begins = 0.0
    if _may_leap(container) and container.start_time is not None:
        begins = container.start_time / av.time_base
    return round(max(0.0, start - begins), 3)


def _check_whole(
    path: Path, container: InputContainer, pictures: _Pictures, line: Timeline, end: float
) -> None:
    """Raise InputError if the header promises a longer video than the file contains.

    Sound and subtitles may continue after the pictures, so the last packet of any stream counts.
    """
    if _may_leap(container):
        return
    stream, promised, reached = pictures.stream, 0.0, end
    if stream.duration is not None and stream.time_base is not None:
        start, lasts = stream.start_time or 0, stream.duration
        # In a fragmented MP4 that starts later, the stated duration includes the time before the
        # start.
        promised = float((lasts if 0 < start < lasts else start + lasts) * stream.time_base)
        promised -= _STREAM_SLACK
    elif container.duration is not None:
        promised = container.duration / av.time_base - _FILE_SLACK
    if stream.frames > len(pictures.times):
        reached = line.start + line.duration
        if container.format.name == "avi" and stream.time_base is not None:
            # FFmpeg recomputes the duration of a cut file, but the header has the number of ticks.
            promised = float(stream.frames * stream.time_base) - _STREAM_SLACK
    if promised > reached:
        raise InputError(
            f"{path} is cut short. Its header promises over {promised:.0f} s, but "
            f"the pictures end at {line.duration:.1f} s. Copy it again, or make a complete file of "
            f"this part: ffmpeg -i {quote(path.name)} -c copy {quote(path.stem + '_part.mkv')}"
        )


def _check_readable(path: Path, pictures: _Pictures) -> None:
    """Raise InputError if the container marks the pictures as encrypted."""
    if pictures.is_encrypted or _KEY_ID in pictures.stream.metadata:
        raise InputError(
            f"{path} is encrypted (DRM), so its pictures cannot be read. Get a copy without "
            "encryption."
        )


def _report_empty_end(path: Path, place: int) -> None:
    """Warn if the file continues after its last packet, for example after a disk error.

    Args:
        path: the file.
        place: end of the last packet, in bytes.
    """
    rest = (path.stat().st_size - place) / 2**20
    if place and rest > _END_SLACK:
        log.warning("The last %.1f MiB of %s have no pictures and no sound.", rest, path)


def _pixel_aspect(stream: VideoStream) -> float:
    """Return the width of a pixel divided by its height; 1 if no plausible value is stated."""
    stated = float(stream.sample_aspect_ratio or 1)
    return round(stated, 6) if 1 / _ODDEST_PIXEL <= stated <= _ODDEST_PIXEL else 1.0


def _check_alone(path: Path, container: str, place: int) -> None:
    """Raise InputError if a second file follows the part that FFmpeg reads correctly.

    Args:
        path: the file.
        container: FFmpeg's name of the format.
        place: end of the packets that FFmpeg reads, in bytes.
    """
    kind = _KINDS.get(container)
    if kind is None or not place:
        return
    begin = kind.stop if container in _MIXED else place
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        # After the packets comes an index or nothing, never the signature that a file begins with.
        if content.find(content[kind], begin) >= 0:
            raise InputError(
                f"{path} consists of several files, one after the other, and not all of them can "
                "be read. Write a file list.txt with one line \"file 'NAME'\" per recording, and "
                "join them: "
                f"ffmpeg -f concat -i list.txt -c copy {quote(path.stem + '_joined.mkv')}"
            )


def _first_pictures(path: Path, number: int) -> tuple[VideoFrame, bool]:
    """Return the first decodable picture, and whether each field has a packet with a time."""
    reason, times, frames = "nothing comes out", [], []
    with open_video(path, number) as (container, stream):
        for packet in chain(read_packets(container, stream), [None]):
            if packet is not None:
                times.append(packet.pts)
            try:
                frames += stream.decode(packet)
            except DAMAGE as error:
                reason = error_reason(error)
            if len(frames) >= _LOOKED_AT:
                break
    if not frames:
        raise InputError(f"{path}: no picture can be decoded ({reason}). Copy the video again.")
    shown = {frame.pts for frame in frames if frame.pts is not None}
    stated = [pts for pts in times if pts is not None and shown and pts <= max(shown)]
    # A picture has the time of its first field, so no picture has the time of a second field.
    second = sum(pts not in shown for pts in stated) > len(stated) / 3
    return frames[0], frames[0].interlaced_frame and second
