"""Detection of packets that change the parameters of the decoder.

A decoder needs sequence and picture parameters before a keyframe. They come from three places: the
file's header, a new header in the middle of the file, and the packets. FFmpeg attaches a new header
to the next packet ("new_extradata"). A decoder that starts at a later keyframe misses earlier
changes, and may show wrong pictures without an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from av.packet import Packet
from av.video.stream import VideoStream

from touchline.video.units import (
    Bits,
    hevc_sequence,
    length_bytes,
    split_units,
    without_escapes,
)

# Parameters are at the start of a packet, before its first slice.
_HEAD_BYTES = 1024
_OBU_SEQUENCE_HEADER = 1
_OBU_FRAMES = {3, 6}

# The name of a parameter set. A later set with the same name replaces it.
Name = tuple[int, int | bytes]


class _Units(NamedTuple):
    """Functions that read the units of a codec's bit stream.

    Attributes:
        kind: returns the kind of a unit from its first byte.
        is_picture: returns whether units of a kind are parts of a picture.
        is_parameters: returns whether units of a kind contain parameters.
        number: returns the number of a unit with parameters, given its kind.
    """

    kind: Callable[[int], int]
    is_picture: Callable[[int], bool]
    is_parameters: Callable[[int], bool]
    number: Callable[[int, bytes], int]


def _h264_number(kind: int, unit: bytes) -> int:
    # A sequence's number follows its profile and level. A picture's number follows the first byte.
    """Return the number of an H.264 parameter set."""
    return Bits(unit[:12], skip=8 if kind in {8, 13} else 32).number()


def _hevc_number(kind: int, unit: bytes) -> int:
    """Return the number of an HEVC parameter set."""
    unit = without_escapes(unit[:160])
    if kind == 34:
        return Bits(unit[:8], skip=16).number()
    if kind == 32 or len(unit) < 3:
        return unit[2] >> 4 if len(unit) > 2 else 0
    return hevc_sequence(unit).number()


def _mpeg2_number(kind: int, unit: bytes) -> int:
    """Return the number of an MPEG-2 extension, or 0 for other units."""
    return unit[1] >> 4 if kind == 0xB5 and len(unit) > 1 else 0


def _only_number(_kind: int, _unit: bytes) -> int:
    """Return 0, for codecs with a single set of parameters."""
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
    """A tracker of a video stream's parameters, packet by packet from the start of the file."""

    def __init__(self, stream: VideoStream) -> None:
        self._codec = stream.codec_context.codec.canonical_name
        self._units = _CODECS.get(self._codec)
        self._header = stream.codec_context.extradata or b""
        self._length_bytes = length_bytes(self._codec, self._header)
        self._in_force: dict[Name, bytes] = {}
        self._changed: set[Name] = set()
        self._at_all_keyframes: set[Name] | None = None

    @property
    def has_dependent_keyframes(self) -> bool:
        """Return whether decoding from some keyframe needs parameters of an earlier packet."""
        return not self._changed <= (self._at_all_keyframes or set())

    def changes(self, packet: Packet[Any]) -> tuple[Name, ...]:
        """Return the names of the parameters that the packet changes."""
        names: list[Name] = []
        if packet.has_sidedata("new_extradata"):
            header = bytes(packet.get_sidedata("new_extradata"))
            if header and header != self._header:
                self._header = header
                self._length_bytes = length_bytes(self._codec, header)
                self._in_force.clear()
                # A header may contain any parameters, so only another header replaces it.
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
        """Yield the name and content of each parameter set in a packet."""
        if self._codec == "av1":
            for kind, content in _obus(bytes(memoryview(packet)[:_HEAD_BYTES])):
                if kind == _OBU_SEQUENCE_HEADER:
                    yield (kind, 0), content
        units = self._units
        if units is None:
            return

        def is_picture(byte: int) -> bool:
            return units.is_picture(units.kind(byte))

        for unit in split_units(packet, self._length_bytes, is_picture):
            kind = units.kind(unit[0])
            if units.is_parameters(kind):
                content = bytes(unit).rstrip(b"\0")
                yield (kind, units.number(kind, content)), content
            elif units.is_picture(kind):
                return


def _obus(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Split an AV1 packet into units, up to its first frame (AV1, 5.3 and 4.10.5)."""
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
