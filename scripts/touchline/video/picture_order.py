"""Display times for pictures whose packets do not state them.

AVI numbers pictures in the order of decoding, so B-pictures get wrong times. Some MPEG-TS files
have times only for keyframes. H.264 and HEVC count the order in which pictures are shown (picture
order count; ITU-T H.264, 8.2.1, and H.265, 8.3.1). The times follow from this order.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from av.packet import Packet
from av.video.stream import VideoStream

from touchline.video.units import (
    Bits,
    header_units,
    hevc_sequence,
    length_bytes,
    split_units,
    without_escapes,
)

# Largest delay between decoding and display, in packets (16 pictures, 32 fields).
_MOST_LATE = 32
# A keyframe whose count is lower by this number than an earlier count begins a new sequence.
_SEQUENCE_ENDS = 4 * _MOST_LATE
# Maximum number of packets that wait for the next packet with a time.
_MOST_WAITING = 2000
# Limits for the ratio of a new interval between pictures to the previous one.
_LEAST_APART, _MOST_APART = 0.5, 1.5

# H.264 profiles whose parameters state a chroma format.
_WITH_CHROMA = {44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244}
_SIGNIFICANT_BYTES = 64
# Maximum number of bits of a frame's number or count.
_MOST_BITS = 16


# (sequence, count). A picture is shown after all pictures with a lower order.
Order = tuple[int, int]


@dataclass
class _Sequence:
    """Sequence parameters that are needed to read a picture's header.

    Attributes:
        frame_bits: number of bits of a frame's number; H.264 only.
        order_bits: number of bits of the picture order count; None if pictures are shown in the
            order of decoding.
        has_fields: whether pictures may be fields.
        has_planes: whether a header names a colour plane.
    """

    frame_bits: int
    order_bits: int | None
    has_fields: bool
    has_planes: bool


class PictureOrder:
    """A tracker of the display order of pictures, packet by packet from the start of the file."""

    def __init__(self, stream: VideoStream) -> None:
        self._codec = stream.codec_context.codec.canonical_name
        header = stream.codec_context.extradata or b""
        self._length_bytes = length_bytes(self._codec, header)
        self._sequences: dict[int, _Sequence | None] = {}
        self._pictures: dict[int, tuple[int, bool, int]] = {}
        self._sequence = 0
        self._before = 0  # count of the last reference picture
        self._highest = 0  # highest count in this sequence
        self._recent: deque[int] = deque(maxlen=2 * _MOST_LATE)  # counts in this sequence
        self._first_field: tuple[int, bool] | None = None
        for unit in header_units(self._codec, header):
            self._learn(unit)

    @staticmethod
    def is_readable(stream: VideoStream) -> bool:
        """Return whether the display order can be read from the stream's packets."""
        return stream.codec_context.codec.canonical_name in {"h264", "hevc"}

    def order_of(self, packet: Packet[VideoStream]) -> Order | None:
        """Return the display order of the packet's picture.

        Return None for the second field of a picture, and for a packet without a readable picture.
        """
        if packet.has_sidedata("new_extradata"):
            header = bytes(packet.get_sidedata("new_extradata"))
            self._length_bytes = length_bytes(self._codec, header)
            for unit in header_units(self._codec, header):
                self._learn(unit)
        for each in split_units(packet, self._length_bytes, self._is_picture):
            if self._is_picture(each[0]):
                start = without_escapes(bytes(each[:_SIGNIFICANT_BYTES]))
                read = self._h264 if self._codec == "h264" else self._hevc
                return read(start, packet.is_keyframe)
            self._learn(bytes(each))
        return None

    def _is_picture(self, byte: int) -> bool:
        """Return whether a unit is a part of a picture, from its first byte."""
        return 1 <= byte & 31 <= 5 if self._codec == "h264" else byte >> 1 & 63 < 32

    def _learn(self, unit: bytes) -> None:
        """Store the parameters in a unit, if it has any."""
        unit = without_escapes(unit)
        if self._codec == "h264":
            if unit[:1] and unit[0] & 31 == 7:
                number, sequence = _h264_sequence(unit)
                self._sequences[number] = sequence
            elif unit[:1] and unit[0] & 31 == 8:
                bits = Bits(unit, skip=8)
                self._pictures[bits.number()] = bits.number(), False, 0
        elif self._codec == "hevc" and len(unit) > 2:
            if unit[0] >> 1 & 63 == 33:
                number, sequence = _hevc_sequence(unit)
                self._sequences[number] = sequence
            elif unit[0] >> 1 & 63 == 34:
                bits = Bits(unit, skip=16)
                picture, sequence_number, _ = bits.number(), bits.number(), bits.flag()
                self._pictures[picture] = sequence_number, bits.flag(), bits.read(3)

    def _h264(self, unit: bytes, is_keyframe: bool) -> Order | None:
        """Read the display order from an H.264 slice header."""
        kind, is_reference = unit[0] & 31, bool(unit[0] & 0x60)
        bits = Bits(unit, skip=8)
        bits.number()  # first macroblock
        bits.number()  # type
        sequence = self._sequence_of(bits.number())
        if sequence is None:
            return None
        bits.read(2 * sequence.has_planes)
        frame = bits.read(sequence.frame_bits)
        is_field = sequence.has_fields and bits.flag()
        is_bottom = is_field and bits.flag()
        is_second = self._first_field == (frame, not is_bottom) and is_field
        self._first_field = None if is_second or not is_field else (frame, is_bottom)
        if kind == 5:
            bits.number()
        order = self._count(
            bits,
            sequence,
            begins=kind == 5 and not is_second,
            is_keyframe=is_keyframe,
            is_reference=is_reference,
            is_second=is_second,
        )
        return None if is_second else order

    def _hevc(self, unit: bytes, is_keyframe: bool) -> Order | None:
        """Read the display order from an HEVC slice header."""
        if len(unit) < 2:
            return None
        kind, layer = unit[0] >> 1 & 63, unit[1] & 7
        bits = Bits(unit, skip=16)
        if not bits.flag():
            return None
        if 16 <= kind <= 23:
            bits.flag()
        number = bits.number()
        sequence = self._sequence_of(number)
        if sequence is None:
            return None
        _, has_output_flag, extra_bits = self._pictures[number]
        bits.read(extra_bits)
        bits.number()  # type
        bits.read(has_output_flag)
        bits.read(2 * sequence.has_planes)
        is_idr = kind in {19, 20}
        # Leading pictures, and pictures that a decoder may leave out (even kinds), are no
        # references.
        return self._count(
            bits,
            sequence,
            begins=is_idr or 16 <= kind <= 18,
            is_keyframe=is_keyframe,
            is_reference=layer == 1 and not (6 <= kind <= 9 or (kind < 16 and kind % 2 == 0)),
            is_zero=is_idr,
        )

    def _sequence_of(self, picture: int) -> _Sequence | None:
        """Return the sequence parameters to which a set of picture parameters refers."""
        return self._sequences.get(self._pictures.get(picture, (-1, False, 0))[0])

    def _count(
        self,
        bits: Bits,
        sequence: _Sequence,
        *,
        begins: bool,
        is_keyframe: bool,
        is_reference: bool,
        is_second: bool = False,
        is_zero: bool = False,
    ) -> Order:
        """Return the display order of a picture, from the low bits of its count.

        The method also detects where a new sequence begins.
        """
        if sequence.order_bits is None:
            self._highest += 1
            return self._sequence, self._highest
        low = 0 if is_zero else bits.read(sequence.order_bits)
        if begins:
            self._sequence += 1
            self._before = self._highest = 0
            self._recent.clear()
        span = 1 << sequence.order_bits
        # The high bits of the count follow from the previous reference picture.
        count = low + (self._before - low + span // 2) // span * span if not begins else low
        # Such jumps occur where a recording was cut or joined.
        is_cut = is_keyframe and count < self._highest - _SEQUENCE_ENDS
        if is_cut or (count in self._recent and not is_second):
            self._sequence += 1
            count = self._highest = low
            self._recent.clear()
        self._recent.append(count)
        if is_reference:
            self._before = count
        self._highest = max(self._highest, count)
        return self._sequence, count


def _h264_sequence(unit: bytes) -> tuple[int, _Sequence | None]:
    """Read H.264 sequence parameters (7.3.2.1.1) and their number. Rare kinds give None."""
    bits = Bits(unit, skip=8)
    profile, _, _, number = bits.read(8), bits.read(8), bits.read(8), bits.number()
    has_planes = False
    if profile in _WITH_CHROMA:
        chroma = bits.number()
        has_planes = chroma == 3 and bits.flag()
        bits.number(), bits.number(), bits.flag()
        if bits.flag():
            for size in [16] * 6 + [64] * (2 if chroma != 3 else 6):
                if bits.flag():
                    _skip_scaling_list(bits, size)
    frame_bits = bits.number() + 4
    kind = bits.number()
    order_bits = bits.number() + 4 if kind == 0 else None
    if kind not in {0, 2} or max(frame_bits, order_bits or 0) > _MOST_BITS:
        return number, None
    for read in bits.number, bits.flag, bits.number, bits.number:
        read()
    return number, _Sequence(frame_bits, order_bits, not bits.flag(), has_planes)


def _skip_scaling_list(bits: Bits, size: int) -> None:
    """Skip a scaling list in H.264 sequence parameters."""
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _hevc_sequence(unit: bytes) -> tuple[int, _Sequence | None]:
    """Read HEVC sequence parameters (7.3.2.2.1) and their number. Damaged parameters give None."""
    bits = hevc_sequence(unit)
    number = bits.number()
    has_planes = bits.number() == 3 and bits.flag()
    bits.number(), bits.number()
    if bits.flag():
        for _ in range(4):
            bits.number()
    bits.number(), bits.number()
    order_bits = bits.number() + 4
    return number, _Sequence(0, order_bits, False, has_planes) if order_bits <= _MOST_BITS else None


def with_display_times(
    packets: Iterable[Packet[VideoStream]],
    order: PictureOrder,
    times: Literal["in_decoding_order", "sparse"],
) -> Iterator[Packet[VideoStream]]:
    """Replace the packets' presentation times by the times at which their pictures are shown.

    A packet before the first known time gets no time.

    Args:
        packets: packets from the start of the file, in the order of decoding.
        order: display order of the pictures.
        times: the kind of times that the packets state.
    """
    clock = _Clock()
    waiting: deque[_Ranked] = deque()
    for ranked in _ranks(packets, order):
        if ranked.shown is not None and ranked.packet.pts is not None:
            if times == "in_decoding_order":
                clock.learn(ranked.decoded, ranked.packet.pts)
            else:
                clock.learn(ranked.shown, ranked.packet.pts)
                ranked.shown = None
        waiting.append(ranked)
        while waiting and (clock.reaches(waiting[0].shown) or len(waiting) > _MOST_WAITING):
            yield _timed(waiting.popleft(), clock)
    for ranked in waiting:
        yield _timed(ranked, clock)


@dataclass
class _Ranked:
    """A packet, with the places of its picture in the decoding order and in the display order.

    Attributes:
        packet: the packet.
        decoded: place in the order of decoding.
        shown: place in the order of display; None for a packet that keeps its time or does not
            begin a picture.
    """

    packet: Packet[VideoStream]
    decoded: int
    shown: int | None


def _ranks(packets: Iterable[Packet[VideoStream]], order: PictureOrder) -> Iterator[_Ranked]:
    """Yield the packets with the places of their pictures."""
    upcoming: deque[tuple[Packet[VideoStream], Order | None]] = deque()
    past: deque[Order] = deque(maxlen=_MOST_LATE)
    decoded = 0

    def first() -> _Ranked:
        nonlocal decoded
        packet, key = upcoming.popleft()
        if key is None:
            return _Ranked(packet, decoded, None)
        earlier = sum(other is not None and other < key for _, other in upcoming)
        ranked = _Ranked(packet, decoded, decoded + earlier - sum(other > key for other in past))
        past.append(key)
        decoded += 1
        return ranked

    for packet in packets:
        upcoming.append((packet, order.order_of(packet)))
        if len(upcoming) > _MOST_LATE:
            yield first()
    while upcoming:
        yield first()


class _Clock:
    """Times of pictures by their place in the display order, interpolated between known times."""

    def __init__(self) -> None:
        self._known: list[tuple[int, int]] = []
        self._apart = 0.0  # interval of two successive pictures

    def learn(self, place: int, time: int) -> None:
        """Store the time of a place in the display order."""
        insort(self._known, (place, time))

    def reaches(self, place: int | None) -> bool:
        """Return whether a time is known at this place or later."""
        return place is None or bool(self._known and self._known[-1][0] >= place)

    def time(self, place: int) -> int | None:
        """Return the time of a place in the order of display, or None if it is unknown."""
        at = bisect_left(self._known, (place,))
        del self._known[: max(0, at - 2 * _MOST_LATE)]
        at = min(at, 2 * _MOST_LATE)
        if at < len(self._known) and self._known[at][0] == place:
            return self._known[at][1]
        if not at:
            return None
        before, time = self._known[at - 1]
        if at < len(self._known):
            after, until = self._known[at]
            apart = (until - time) / (after - before)
            # Otherwise, pictures are missing before the next time, or another clock begins there.
            usual = self._apart or apart
            if apart > 0 and _LEAST_APART <= apart / usual <= _MOST_APART:
                self._apart = apart
        return round(time + self._apart * (place - before)) if self._apart else None


def _timed(ranked: _Ranked, clock: _Clock) -> Packet[VideoStream]:
    """Set the display time of a packet."""
    if ranked.shown is not None:
        ranked.packet.pts = clock.time(ranked.shown)
    return ranked.packet
