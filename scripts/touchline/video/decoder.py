"""Single pictures out of a video, decoded with as little work as leaves them exact.

A picture depends on others of its group of pictures only, from a keyframe to the next. So
the decoder gets the packets from the keyframe to the last wanted picture, and skips the
pictures on the way that no other refers to. What comes out is bit for bit what decoding the
whole video gives.

Files break that rule: leading pictures of an open group refer to the group before, some
streams have no true keyframes, some packets are half a picture, some are damaged. So a
picture counts only if it is the right one and nothing was wrong on the way; else its segment
is decoded in full, then from ever earlier keyframes.

Where a keyframe depends on parameters of an earlier packet, the decoder gets that packet first.
"""

from __future__ import annotations

import logging
import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import NamedTuple, TypeGuard

from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from touchline.video.packets import DAMAGE, Listing, PacketReader
from touchline.video.parameters import Name

log = logging.getLogger(__name__)

# A picture stays on screen in the place of lost ones for at most so long, seconds.
_LONGEST_STAND_IN = 1.0
# In a damaged group of pictures, at least this share of the packets must give an intact picture.
# Pictures in two packets each have a share of a half. What is encrypted has next to none.
_LEAST_INTACT = 0.25

_END: list[tuple[float, VideoFrame | None]] = [(math.inf, None)]


class Wanted(NamedTuple):
    """A time, seconds, and the presentation time (pts) of the packet on screen then."""

    time: float
    pts: int


class Segment(NamedTuple):
    """Packets that hold some wanted pictures and all that those depend on.

    Attributes:
        begin, end: places in the list of packets; the first is a keyframe's.
        wanted: in the order of time.
    """

    begin: int
    end: int
    wanted: Sequence[Wanted]


class Decoder:
    """Decodes segments, cheapest when they follow each other. Not to be shared by threads."""

    def __init__(self, reader: PacketReader, listing: Listing) -> None:
        self._reader = reader
        self._packets = listing.packets
        self._keyframes = [place for place, each in enumerate(self._packets) if each.keyframe]
        self._time_base = listing.time_base
        self._changes = listing.changes
        self._change_places = [each.place for each in self._changes]
        self._decoder: VideoCodecContext | None = None
        self._known_changes = 0  # number of changes that the decoder has got
        self._may_skip = listing.may_skip
        self._damaged = False  # anything, since decoding last started
        self._intact = 0  # pictures of a damaged group
        self._read: Sequence[Packet[VideoStream]] | None = None

    def pictures(
        self, segment: Segment, packets: Sequence[Packet[VideoStream]] | None
    ) -> Iterator[tuple[float, VideoFrame]]:
        """The times, seconds, and what is on screen then.

        A damaged picture is given as the decoder repairs it. In the place of one that is lost
        comes the last one before it, which a player would leave on screen; if that is too
        old, nothing but a line in the log.

        Args:
            packets: of the segment and the one after it, where they have been read already.
        """
        waiting = deque(segment.wanted)
        self._damaged = False
        self._read = packets
        if self._may_skip:
            yield from self._with_skips(segment, waiting)
        if waiting and not self._damaged:
            yield from self._in_full(segment, waiting)
        back = 1
        while waiting:
            yield from self._from_earlier(segment, back, waiting)
            back *= 2

    def _with_skips(
        self, segment: Segment, waiting: deque[Wanted]
    ) -> Iterator[tuple[float, VideoFrame]]:
        """The wanted pictures up to the first that is in doubt."""
        wanted = {each.pts for each in waiting}
        for pts, frame in self._decode(segment, segment.begin, wanted):
            # A packet may hold half a picture (a field), and skip the other half.
            self._may_skip = self._may_skip and not frame.interlaced_frame
            if self._damaged or not self._may_skip or pts > waiting[0].pts:
                return
            while waiting and waiting[0].pts == pts:
                yield waiting.popleft().time, frame
            if not waiting:
                return

    def _in_full(
        self, segment: Segment, waiting: deque[Wanted]
    ) -> Iterator[tuple[float, VideoFrame]]:
        """What is on screen up to the first time that is in doubt."""
        shown = None
        for pts, frame in chain(self._decode(segment, segment.begin), _END):
            while waiting and pts > waiting[0].pts:
                if self._damaged or not self._is_shown(shown, waiting[0]):
                    return
                yield waiting.popleft().time, shown
            shown = frame

    def _from_earlier(
        self, segment: Segment, back: int, waiting: deque[Wanted]
    ) -> Iterator[tuple[float, VideoFrame]]:
        """All that can be shown, if a start so many keyframes earlier is early enough."""
        place = bisect_left(self._keyframes, segment.begin)
        keyframes = self._keyframes[:place]
        begin = keyframes[-back] if back < len(keyframes) else 0
        due = self._packets[keyframes[-1]].pts if begin else math.inf
        group_end = next(iter(self._keyframes[place + 1 : place + 2]), len(self._packets))
        under_way, shown = False, None
        found: list[tuple[float, VideoFrame | None]] = []
        self._intact = 0
        for pts, frame in chain(self._decode(segment, begin, end=group_end), _END):
            # Without true keyframes, pictures come late, and the first ones are not exact.
            under_way = under_way or pts <= due
            if not under_way:
                return
            while waiting and pts > waiting[0].pts:
                wanted = waiting.popleft()
                found.append((wanted.time, shown if self._is_shown(shown, wanted) else None))
            shown = frame
        # The decoder makes up grey pictures of what it cannot read.
        is_readable = self._intact >= _LEAST_INTACT * (group_end - segment.begin)
        for time, picture in found:
            if picture is not None and is_readable:
                yield time, picture
            else:
                log.warning("The picture at %.3f s cannot be decoded.", time)

    def _is_shown(self, frame: VideoFrame | None, wanted: Wanted) -> TypeGuard[VideoFrame]:
        if frame is None or frame.pts is None:
            return False
        return float((wanted.pts - frame.pts) * self._time_base) <= _LONGEST_STAND_IN

    def _decode(
        self,
        segment: Segment,
        begin: int,
        wanted: Container[int | None] | None = None,
        end: int = 0,
    ) -> Iterator[tuple[int, VideoFrame]]:
        """Pictures from `begin` on and their times (pts), in order.

        Args:
            wanted: the times of those that must come; others may be skipped. None for all.
            end: the place up to which packets are decoded, if it lies behind the segment.
        """
        # Where each field is a packet, the picture's second one is needed, too.
        end = max(end, segment.end if wanted is not None else segment.end + 1)
        packets: Iterable[Packet[VideoStream]]
        if self._known_changes > bisect_left(self._change_places, begin):
            self._reader.forget_decoder()
        if self._read is not None and begin == segment.begin:
            packets = self._read[: end - begin]
        else:
            self._reader.go_to(begin)
            packets = self._reader.read(end)
        decoder = self._prepared(begin)
        self._damaged = False
        keyframe_out = False
        for place, packet in enumerate(chain(packets, [None]), begin):
            if packet is not None:
                self._known_changes = bisect_right(self._change_places, place)
            skip = wanted is not None and packet is not None and packet.pts not in wanted
            # Not every container marks these packets; the decoder sees it in the data.
            decoder.skip_frame = "NONREF" if skip else "DEFAULT"
            try:
                frames = decoder.decode(packet)
            except DAMAGE:
                self._damaged = True
                continue
            for frame in frames:
                first = self._packets[segment.begin].pts
                self._intact += not frame.is_corrupt and (frame.pts is None or frame.pts >= first)
                # What is shown after the last wanted one is of no use, or its time is damaged.
                if frame.pts is None or frame.pts > segment.wanted[-1].pts:
                    continue
                keyframe_out = keyframe_out or frame.pts <= self._packets[begin].pts
                self._damaged = self._damaged or frame.is_corrupt or not keyframe_out
                yield frame.pts, frame

    def _prepared(self, begin: int) -> VideoCodecContext:
        """Return the decoder, empty, with the parameters of all packets before `begin`."""
        decoder = self._reader.decoder
        if decoder is not self._decoder:
            self._decoder, self._known_changes = decoder, 0
        needed = bisect_left(self._change_places, begin)
        missing, replaced = [], set[Name]()
        for change in reversed(self._changes[self._known_changes : needed]):
            if not replaced.issuperset(change.names):
                missing.append(change.packet)
                replaced.update(change.names)
        decoder.skip_frame = "DEFAULT"
        for packet in reversed(missing):
            decoder.flush_buffers()
            # Its picture may need earlier ones; only its parameters matter.
            with suppress(*DAMAGE):
                decoder.decode(packet)
        self._known_changes = needed
        decoder.flush_buffers()
        return decoder
