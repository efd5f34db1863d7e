"""Find packets that change the parameters by which a decoder reads pictures.

A decoder needs sequence and picture parameters before a keyframe. They come from the file's
header, from a new header in the middle of the file, which FFmpeg attaches to the next packet
("new_extradata"), or from the packets themselves. A decoder that starts at a later keyframe
misses those changes, and may show wrong pictures without an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from av.packet import Packet
from av.video.stream import VideoStream

# Parameters stand at the start of a packet, before its first slice.
_HEAD_BYTES = 1024
_START = b"\0\0\1"
_OBU_SEQUENCE_HEADER = 1
_OBU_FRAMES = {3, 6}

# One set of parameters, which a later one of the same name replaces.
Name = tuple[int, int | bytes]


class _Units(NamedTuple):
    """The units of a codec's bit stream.

    Attributes:
        kind: reads the kind of a unit from its first byte.
        is_picture: tells the kinds that are parts of a picture.
        is_parameters: tells the kinds that hold parameters.
        number: reads the number of a unit with parameters, by kind.
    """

    kind: Callable[[int], int]
    is_picture: Callable[[int], bool]
    is_parameters: Callable[[int], bool]
    number: Callable[[int, bytes], int]


def _exp_golomb(content: bytes, bit: int) -> int:
    """Read the unsigned number that starts at a bit (H.264 and HEVC, ue(v))."""
    bits = int.from_bytes(content, "big")
    size = 8 * len(content)

    def read(begin: int, count: int) -> int:
        return bits >> max(0, size - begin - count) & (1 << count) - 1

    zeros = 0
    while bit + zeros < size and not read(bit + zeros, 1):
        zeros += 1
    return read(bit + zeros, zeros + 1) - 1


def _h264_number(kind: int, unit: bytes) -> int:
    # A sequence's number follows its profile and level, a picture's the unit's first byte.
    return _exp_golomb(unit[:12], 8 if kind in {8, 13} else 32)


def _hevc_number(kind: int, unit: bytes) -> int:
    unit = unit[:160].replace(b"\0\0\3", b"\0\0")
    if kind == 34:
        return _exp_golomb(unit[:8], 16)
    if kind == 32 or len(unit) < 3:
        return unit[2] >> 4 if len(unit) > 2 else 0
    layers = unit[2] >> 1 & 7
    at = 15
    if layers:
        flags = int.from_bytes(unit[15:17], "big")
        stated = [flags >> 2 * k & 3 for k in range(8 - layers, 8)]
        at = 17 + sum(11 * (each >> 1) + (each & 1) for each in stated)
    return _exp_golomb(unit[at : at + 8], 0)


def _mpeg2_number(kind: int, unit: bytes) -> int:
    return unit[1] >> 4 if kind == 0xB5 and len(unit) > 1 else 0


def _only_number(_kind: int, _unit: bytes) -> int:
    return 0


_MPEG2 = _Units(
    kind=lambda byte: byte,
    is_picture=lambda kind: kind < 0xB0,
    is_parameters=lambda kind: kind in {0xB3, 0xB5},
    number=_mpeg2_number,
)
_VC1 = _Units(
    kind=lambda byte: byte,
    is_picture=lambda kind: kind == 0x0D,
    is_parameters=lambda kind: kind in {0x0E, 0x0F},
    number=_only_number,
)
_CODECS = {
    "h264": _Units(
        kind=lambda byte: byte & 31,
        is_picture=lambda kind: 1 <= kind <= 5,
        is_parameters=lambda kind: kind in {7, 8, 13, 15},
        number=_h264_number,
    ),
    "hevc": _Units(
        kind=lambda byte: byte >> 1 & 63,
        is_picture=lambda kind: kind < 32,
        is_parameters=lambda kind: kind in {32, 33, 34},
        number=_hevc_number,
    ),
    "mpeg1video": _MPEG2,
    "mpeg2video": _MPEG2,
    "mpeg4": _Units(
        kind=lambda byte: byte,
        is_picture=lambda kind: kind == 0xB6,
        is_parameters=lambda kind: kind <= 0x2F or kind in {0xB0, 0xB5},
        number=_only_number,
    ),
    "vc1": _VC1,
}


class ParameterTracker:
    """Follows the parameters of a stream of pictures, packet by packet, from the file's start."""

    def __init__(self, stream: VideoStream) -> None:
        self._codec = stream.codec_context.codec.canonical_name
        self._units = _CODECS.get(self._codec)
        self._header = stream.codec_context.extradata or b""
        self._length_bytes = _length_bytes(self._codec, self._header)
        self._in_force: dict[Name, bytes] = {}
        self._changed: set[Name] = set()
        self._at_all_keyframes: set[Name] | None = None

    @property
    def has_dependent_keyframes(self) -> bool:
        """Whether decoding from some keyframe needs parameters of an earlier packet."""
        return not self._changed <= (self._at_all_keyframes or set())

    def changes(self, packet: Packet[Any]) -> tuple[Name, ...]:
        """Return the names of the parameters that the packet changes."""
        names: list[Name] = []
        if packet.has_sidedata("new_extradata"):
            header = bytes(packet.get_sidedata("new_extradata"))
            if header and header != self._header:
                self._header = header
                self._length_bytes = _length_bytes(self._codec, header)
                self._in_force.clear()
                # A header may hold any parameters, so only itself can replace it.
                names.append((-1, header))
                self._changed.add((-1, b""))
        carried = dict(self._parameters(packet))
        for name, content in carried.items():
            before = self._in_force.get(name)
            if content != before:
                self._in_force[name] = content
                if before is not None or content not in self._header:
                    names.append(name)
                    self._changed.add(name)
        if packet.is_keyframe:
            here = self._at_all_keyframes
            self._at_all_keyframes = set(carried) if here is None else here & set(carried)
        return tuple(names)

    def _parameters(self, packet: Packet[Any]) -> Iterator[tuple[Name, bytes]]:
        if self._codec == "av1":
            for kind, content in _obus(bytes(memoryview(packet)[:_HEAD_BYTES])):
                if kind == _OBU_SEQUENCE_HEADER:
                    yield (kind, 0), content
        if self._units is None:
            return
        if self._length_bytes:
            split: Iterable[memoryview | bytes] = _by_length(packet, self._length_bytes)
        else:
            split = _by_start(packet, self._units)
        for unit in split:
            kind = self._units.kind(unit[0])
            if self._units.is_parameters(kind):
                content = bytes(unit).rstrip(b"\0")
                yield (kind, self._units.number(kind, content)), content
            elif self._units.is_picture(kind):
                return


def _length_bytes(codec: str, header: bytes) -> int:
    """Return the size of a unit's length, in bytes, or 0 if start codes separate the units."""
    if header[:1] != b"\1":
        return 0
    if codec == "h264" and len(header) > 6:
        return (header[4] & 3) + 1
    if codec == "hevc" and len(header) > 22:
        return (header[21] & 3) + 1
    return 0


def _by_length(packet: Packet[Any], length_bytes: int) -> Iterator[memoryview]:
    content, at = memoryview(packet), 0
    while at + length_bytes < len(content):
        begin = at + length_bytes
        at = begin + int.from_bytes(content[at:begin], "big")
        if at > begin:
            yield content[begin:at]


def _by_start(packet: Packet[Any], units: _Units) -> list[bytes]:
    # Most packets have their first slice within the head, so the rest is not copied.
    head = [unit for unit in bytes(memoryview(packet)[:_HEAD_BYTES]).split(_START)[1:] if unit]
    if packet.size <= _HEAD_BYTES or any(units.is_picture(units.kind(each[0])) for each in head):
        return head
    return [unit for unit in bytes(packet).split(_START)[1:] if unit]


def _obus(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Split a packet of AV1 into units, up to its first frame (AV1, 5.3 and 4.10.5)."""
    at = 0
    while at < len(content):
        header = content[at]
        kind, at = header >> 3 & 15, at + 1 + (header >> 2 & 1)
        if kind in _OBU_FRAMES:
            return
        size = len(content) - at
        if header & 2:
            size = 0
            for shift in range(0, 56, 7):
                if at >= len(content):
                    return
                byte, at = content[at], at + 1
                size |= (byte & 127) << shift
                if byte < 128:
                    break
        yield kind, content[at : at + size]
        at += size
