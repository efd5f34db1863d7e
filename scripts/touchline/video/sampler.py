"""The frame that is on screen at a given time.

A time is a presentation time minus the stream's start time. Frame numbers are never used, because
containers state wrong counts and frame rates vary.
"""

from __future__ import annotations

import logging
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np
import torch
from av.filter import Graph
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter
from av.video.stream import VideoStream

from touchline.core.records import Interval, Manifest
from touchline.video.decoder import Decoder, Segment, Wanted
from touchline.video.hdr import is_hdr, to_standard_range
from touchline.video.orientation import apply_display_matrix, display_matrix
from touchline.video.packets import (
    DAMAGE,
    Listing,
    PacketFeed,
    PacketReader,
    Source,
    error_reason,
    list_packets,
)
from touchline.video.prefetch import work_ahead
from touchline.video.transforms import cap_size

log = logging.getLogger(__name__)

_UNTAGGED = 2  # AVCOL_SPC_UNSPECIFIED
_HD_HEIGHT = 720
_FRAMES_AHEAD = 16  # per group of pictures that is decoded ahead


@dataclass(frozen=True)
class Frame:
    """A picture with its time.

    Attributes:
        wanted: the requested time, in seconds.
        time: time at which the picture came on screen, in seconds; at most `wanted`.
        picture: uint8 [3, H, W], red green blue, upright.
    """

    wanted: float
    time: float
    picture: torch.Tensor


def read_frames(
    manifest: Manifest, path: str | Path, times: Sequence[float], *, max_size: int, threads: int
) -> Iterator[Frame]:
    """Yield the frame that is on screen at each time of a probed video.

    After the first request, threads decode ahead of the caller: one group of pictures per thread,
    and a few frames of each group. The iterator can be closed early.

    Args:
        manifest: manifest of the video.
        path: current path of the video.
        times: ascending times, in seconds from the start of the video.
        max_size: length to which the decoder scales down the longer side, in pixels. The video's
            pixels may be oblong. The pixels of a frame are square.
        threads: number of decoding threads. The frames do not depend on it.

    Yields:
        One frame per time, in order. Times before the first picture, after the last one or in a gap
        give a line in the log instead of a frame. So does a picture that cannot be decoded.

    Raises:
        InputError: the file is not a video or cannot be read.
    """
    source = source_for(manifest, path)
    start_time = manifest.start_time
    times = _outside(manifest.no_pictures, times)
    if not times:
        return
    listing = list_packets(source, times[0] + start_time, times[-1] + start_time)
    segments = _segments(listing, times, start_time)
    with ExitStack() as stack:
        feeding, *readers = (
            stack.enter_context(PacketReader(source, listing)) for _ in range(1 + threads)
        )
        samplers = [_Sampler(reader, listing, manifest, max_size) for reader in readers]
        feed = PacketFeed(feeding)
        jobs = ((each, feed.packets(each.begin, each.end + 1)) for each in segments)
        yield from work_ahead(jobs, [each.frames for each in samplers], _FRAMES_AHEAD)


def pictures_between(
    manifest: Manifest, path: str | Path, start: float, end: float
) -> Iterator[tuple[float, VideoFrame]]:
    """Yield every picture that is on screen in a part of a video, as stored in the file.

    Args:
        manifest: manifest of the video.
        path: current path of the video.
        start: start of the part, in seconds from the start of the video.
        end: end of the part, in seconds from the start of the video.

    Yields:
        The time at which each picture comes on screen, in seconds, and the picture. The first
        picture may have been on screen earlier, but has the time `start`. The caller must not
        change pictures.

    Raises:
        InputError: the file is not a video or cannot be read.
    """
    source, start_time = source_for(manifest, path), manifest.start_time
    listing = list_packets(source, start + start_time, end + start_time)
    begins = sorted(
        {_since(each.pts, listing.time_base, start_time) for each in listing.packets if each.shown}
    )
    # The times of all other pictures are sampled, too.
    times = [start, *begins[bisect_right(begins, start) : bisect_left(begins, end)]]
    times = _outside(manifest.no_pictures, times)
    with PacketReader(source, listing) as reader:
        decoder = Decoder(reader, listing)
        before: VideoFrame | None = None
        for segment in _segments(listing, times, start_time):
            for time, picture in decoder.pictures(segment, None):
                # The second field of a picture has its own packet and time.
                if picture is not before:
                    yield time, picture
                before = picture


def source_for(manifest: Manifest, path: str | Path) -> Source:
    """Return the source of a probed video's pictures. `path` is the current path of the video."""
    return Source(
        path=Path(path),
        stream=manifest.stream,
        restarts=manifest.restarts,
        sections=manifest.sections,
        has_dependent_keyframes=manifest.has_dependent_keyframes,
        packet_times=manifest.packet_times,
    )


def _outside(gaps: Sequence[Interval], times: Sequence[float]) -> list[float]:
    """Return the ascending times that lie in no gap, and log each gap that contains a time."""
    kept: list[float] = []
    done = 0
    for gap in gaps:
        first, after = bisect_left(times, gap.start, done), bisect_left(times, gap.end, done)
        if first < after:
            log.warning("The video has no picture from %.3f to %.3f s.", gap.start, gap.end)
        kept += times[done:first]
        done = after
    return [*kept, *times[done:]]


def _segments(listing: Listing, times: Sequence[float], start_time: float) -> list[Segment]:
    """Return the segments to decode for the pictures on screen at the times."""
    packets = listing.packets
    shown = sorted((each.pts, place) for place, each in enumerate(packets) if each.shown)
    begins = [_since(pts, listing.time_base, start_time) for pts, _ in shown]
    # The last picture stays on screen for the usual duration. Some containers (AVI) state one tick
    # of the clock instead.
    last = packets[shown[-1][1]].duration * listing.time_base if shown else 0
    end = begins[-1] + max(float(last), listing.usual) if shown else 0.0
    keyframes = [place for place, each in enumerate(packets) if each.keyframe]

    def begin_of(pts: int, place: int) -> int:
        # A leading picture is decoded after a keyframe but shown before it. It needs the keyframe
        # before.
        before = keyframes[: bisect_right(keyframes, place)]
        return next((k for k in reversed(before) if packets[k].pts <= pts), 0)

    found = []
    for time in times:
        number = bisect_right(begins, time) - 1
        if number < 0 or time >= end:
            log.warning("No picture is on screen at %.3f s.", time)
            continue
        pts, place = shown[number]
        found.append((begin_of(pts, place), place, Wanted(time, pts)))
    segments = []
    for begin, group in groupby(found, itemgetter(0)):
        _, places, wanted = zip(*group, strict=True)
        segments.append(Segment(begin, max(places) + 1, wanted))
    return segments


def _since(pts: int, time_base: Fraction, start_time: float) -> float:
    # Rounding to the microsecond makes sure that a slightly late time still finds its frame.
    """Convert a presentation time to seconds from the start of the video."""
    return round(float(pts * time_base) - start_time, 6)


class _Field:
    """A filter that takes the upper field, every other line, out of interlaced frames."""

    def __init__(self) -> None:
        self._shape: tuple[int, int, str] | None = None

    def extract(self, frame: VideoFrame) -> VideoFrame:
        """Return the upper field of a frame."""
        shape = frame.width, frame.height, frame.format.name
        if shape != self._shape:
            self._graph = Graph()
            source = self._graph.add_buffer(
                width=frame.width,
                height=frame.height,
                format=frame.format,
                time_base=frame.time_base,
            )
            self._graph.link_nodes(
                source, self._graph.add("field", "type=top"), self._graph.add("buffersink")
            ).configure()
            self._shape = shape
        self._graph.vpush(frame)
        return self._graph.vpull()


class _Sampler:
    """A converter from segments to frames. Threads must not share it."""

    def __init__(
        self, reader: PacketReader, listing: Listing, manifest: Manifest, max_size: int
    ) -> None:
        self._decoder = Decoder(reader, listing)
        self._time_base = listing.time_base
        self._manifest, self._max_size = manifest, max_size
        self._reformatter = VideoReformatter()
        self._field = _Field()

    def frames(self, job: tuple[Segment, Sequence[Packet[VideoStream]] | None]) -> Iterator[Frame]:
        """Yield the frames of a segment."""
        for decoded, group in groupby(self._decoder.pictures(*job), itemgetter(1)):
            assert decoded.pts is not None
            began = round(_since(decoded.pts, self._time_base, self._manifest.start_time), 3)
            try:
                picture = self._picture(decoded)
            except DAMAGE as error:
                log.warning(
                    "The picture at %.3f s cannot be shown: %s.", began, error_reason(error)
                )
                continue
            for wanted, _ in group:
                yield Frame(wanted, began, picture)

    def _picture(self, frame: VideoFrame) -> torch.Tensor:
        """Convert a decoded picture to an upright tensor in standard range."""
        aspect = self._manifest.pixel_aspect
        width, height = cap_size(frame.width, frame.height, self._max_size, aspect)
        # HD without a tag is BT.709 by convention, but the decoder would assume BT.601.
        untagged_hd = frame.colorspace == _UNTAGGED and frame.height >= _HD_HEIGHT
        bright = is_hdr(frame.color_trc)
        # Both fields of a moving picture together show combs, and half of the lines are enough
        # here.
        in_fields = frame.interlaced_frame and 2 * height <= frame.height
        small = self._reformatter.reformat(
            self._field.extract(frame) if in_fields else frame,
            width,
            height,
            format="rgb48le" if bright else "rgb24",
            src_colorspace=Colorspace.ITU709 if untagged_hd else None,
            interpolation="BICUBIC",
            threads=1,
        )
        pixels = small.to_ndarray()
        if bright:
            pixels = to_standard_range(pixels, frame.color_trc)
        upright = apply_display_matrix(pixels, display_matrix(frame))
        return torch.from_numpy(np.ascontiguousarray(upright)).permute(2, 0, 1)
