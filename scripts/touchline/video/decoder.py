"""Exact decoding of single pictures with little work.

A picture depends only on pictures of its group, from one keyframe to the next. So the decoder gets
the packets from the keyframe to the last wanted picture. It skips unwanted pictures that no other
picture needs. The result is bit-identical to decoding the whole video.

Some files break this rule. Leading pictures of an open group refer to the previous group. Some
streams have no true keyframes, some packets contain half a picture, and some packets are damaged.
So a picture is accepted only if it has the right time and no error occurred before it. Otherwise
the picture's segment is decoded without skipping. If this does not help, decoding starts from
earlier and earlier keyframes.

If a keyframe depends on parameters in an earlier packet, the decoder gets that earlier packet
first.
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

# Seconds for which a picture may replace lost pictures on screen.
_LONGEST_STAND_IN = 1.0
# In a damaged group of pictures, at least this share of the packets must give an intact picture. If
# each picture has two packets, the share is 1/2. Encrypted groups have almost no intact pictures.
_LEAST_INTACT = 0.25

_END: list[tuple[float, VideoFrame | None]] = [(math.inf, None)]


class Wanted(NamedTuple):
    """A wanted time, and the packet that is on screen at this time.

    Attributes:
        time: the time, in seconds.
        pts: presentation time of the packet, in units of the stream's time base.
    """

    time: float
    pts: int


class Segment(NamedTuple):
    """The packets that contain wanted pictures, and the packets on which these depend.

    Attributes:
        begin: place of the segment's first packet in the list of packets. This packet is a
            keyframe.
        end: place after the last packet.
        wanted: the wanted pictures, in order of time.
    """

    begin: int
    end: int
    wanted: Sequence[Wanted]


class Decoder:
    """A decoder of segments. It is fastest if segments follow each other.

    Threads must not share it.
    """

    def __init__(self, reader: PacketReader, listing: Listing) -> None:
        self._reader = reader
        self._packets = listing.packets
        self._keyframes = [place for place, each in enumerate(self._packets) if each.keyframe]
        self._time_base = listing.time_base
        self._changes = listing.changes
        self._change_places = [each.place for each in self._changes]
        self._decoder: VideoCodecContext | None = None
        self._known_changes = 0  # number of changes that the decoder knows
        self._may_skip = listing.may_skip
        self._damaged = False  # whether an error occurred since decoding last started
        self._intact = 0  # number of intact pictures of a damaged group
        self._read: Sequence[Packet[VideoStream]] | None = None

    def pictures(
        self, segment: Segment, packets: Sequence[Packet[VideoStream]] | None
    ) -> Iterator[tuple[float, VideoFrame]]:
        """Yield each wanted time, in seconds, with the picture on screen at this time.

        A damaged picture is returned after the decoder's repair. A lost picture is replaced by the
        previous picture, which a player would leave on screen. If the previous picture is too old,
        a line is logged and no picture is returned.

        Args:
            segment: the segment to decode.
            packets: packets of the segment and the packet after it, if they have already been read.
        """
        waiting = deque(segment.wanted)
        self._damaged = False
        self._read = packets
        if self._may_skip:
            yield from self._decode_with_skips(segment, waiting)
        if waiting and not self._damaged:
            yield from self._decode_in_full(segment, waiting)
        back = 1
        while waiting:
            yield from self._decode_from_earlier(segment, back, waiting)
            back *= 2

    def _decode_with_skips(
        self, segment: Segment, waiting: deque[Wanted]
    ) -> Iterator[tuple[float, VideoFrame]]:
        """Yield the wanted pictures up to the first that may be decoded wrongly.

        Skip unneeded pictures.
        """
        wanted = {each.pts for each in waiting}
        for pts, frame in self._decode(segment, segment.begin, wanted):
            # A packet may contain half a picture (a field), and skipping would lose the other half.
            self._may_skip = self._may_skip and not frame.interlaced_frame
            if self._damaged or not self._may_skip or pts > waiting[0].pts:
                return
            while waiting and waiting[0].pts == pts:
                yield waiting.popleft().time, frame
            if not waiting:
                return

    def _decode_in_full(
        self, segment: Segment, waiting: deque[Wanted]
    ) -> Iterator[tuple[float, VideoFrame]]:
        """Decode all pictures, and yield the wanted ones up to the first doubtful time."""
        shown = None
        for pts, frame in chain(self._decode(segment, segment.begin), _END):
            while waiting and pts > waiting[0].pts:
                if self._damaged or not self._is_shown(shown, waiting[0]):
                    return
                yield waiting.popleft().time, shown
            shown = frame

    def _decode_from_earlier(
        self, segment: Segment, back: int, waiting: deque[Wanted]
    ) -> Iterator[tuple[float, VideoFrame]]:
        """Yield the remaining pictures, decoding from a keyframe before the segment.

        Yield nothing if this start is not early enough. `back` is the number of keyframes to go
        back.
        """
        place = bisect_left(self._keyframes, segment.begin)
        keyframes = self._keyframes[:place]
        begin = keyframes[-back] if back < len(keyframes) else 0
        first_due = self._packets[keyframes[-1]].pts if begin else math.inf
        group_end = next(iter(self._keyframes[place + 1 : place + 2]), len(self._packets))
        under_way, shown = False, None
        found: list[tuple[float, VideoFrame | None]] = []
        self._intact = 0
        for pts, frame in chain(self._decode(segment, begin, end=group_end), _END):
            # Without true keyframes, pictures come late, and the first pictures are not exact.
            under_way = under_way or pts <= first_due
            if not under_way:
                return
            while waiting and pts > waiting[0].pts:
                wanted = waiting.popleft()
                found.append((wanted.time, shown if self._is_shown(shown, wanted) else None))
            shown = frame
        # The decoder gives grey pictures for unreadable data.
        is_readable = self._intact >= _LEAST_INTACT * (group_end - segment.begin)
        for time, picture in found:
            if picture is not None and is_readable:
                yield time, picture
            else:
                log.warning("The picture at %.3f s cannot be decoded.", time)

    def _is_shown(self, frame: VideoFrame | None, wanted: Wanted) -> TypeGuard[VideoFrame]:
        """Return whether a picture is still on screen at the wanted time."""
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
        """Yield pictures from `begin` on with their times (pts), in order.

        Args:
            segment: the segment to decode.
            begin: place of the first packet to decode.
            wanted: times of the required pictures. The decoder may skip all others. If this is
                None, all pictures are required.
            end: place at which decoding stops, if it is after the end of the segment.
        """
        # If each field is a packet, the second field of the picture is needed, too.
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
            # Not every container marks packets that can be skipped, but the decoder sees this in
            # the data.
            decoder.skip_frame = "NONREF" if skip else "DEFAULT"
            try:
                frames = decoder.decode(packet)
            except DAMAGE:
                self._damaged = True
                continue
            for frame in frames:
                first = self._packets[segment.begin].pts
                self._intact += not frame.is_corrupt and (frame.pts is None or frame.pts >= first)
                # A picture after the last wanted picture is useless, or its time is damaged.
                if frame.pts is None or frame.pts > segment.wanted[-1].pts:
                    continue
                keyframe_out = keyframe_out or frame.pts <= self._packets[begin].pts
                self._damaged = self._damaged or frame.is_corrupt or not keyframe_out
                yield frame.pts, frame

    def _prepared(self, begin: int) -> VideoCodecContext:
        """Return a new decoder that knows the parameters of all packets before `begin`."""
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
            # The picture may depend on missing pictures, but only the parameters matter.
            with suppress(*DAMAGE):
                decoder.decode(packet)
        self._known_changes = needed
        decoder.flush_buffers()
        return decoder
