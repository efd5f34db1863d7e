"""Reading of units and their bits in packets of H.264, HEVC and MPEG video."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from av.packet import Packet

# Parameters are at the start of a packet, before its first slice.
_HEAD_BYTES = 1024
# Maximum number of bytes that are read from a unit of a picture.
_PICTURE_BYTES = 32
_START = b"\0\0\1"


class Bits:
    """A reader of the bits of a unit, in order. Bits after the end are 0."""

    def __init__(self, content: bytes, skip: int = 0) -> None:
        self._bits = int.from_bytes(content, "big")
        self._size, self._at = 8 * len(content), skip

    def read(self, count: int) -> int:
        """Read an unsigned number of `count` bits."""
        self._at += count
        end = self._size - self._at
        return (self._bits >> end if end >= 0 else self._bits << -end) & (1 << count) - 1

    def flag(self) -> bool:
        """Read one bit."""
        return bool(self.read(1))

    def number(self) -> int:
        """Read an unsigned Exp-Golomb number, ue(v) in H.264 and HEVC."""
        zeros = 0
        while self._at < self._size and not self.read(1):
            zeros += 1
        return (1 << zeros | self.read(zeros)) - 1

    def signed(self) -> int:
        """Read a signed Exp-Golomb number, se(v)."""
        number = self.number()
        return (number + 1) // 2 if number % 2 else -number // 2


def without_escapes(unit: bytes) -> bytes:
    """Remove the bytes that keep start codes out of a unit (H.264, 7.4.1)."""
    return unit.replace(b"\0\0\3", b"\0\0")


def length_bytes(codec: str, header: bytes) -> int:
    """Return the size of the length field before each unit, in bytes.

    It is 0 if start codes separate the units.
    """
    if header[:1] != b"\1":
        return 0
    if codec == "h264" and len(header) > 6:
        return (header[4] & 3) + 1
    if codec == "hevc" and len(header) > 22:
        return (header[21] & 3) + 1
    return 0


def split_units(
    packet: Packet[Any], length_bytes: int, is_picture: Callable[[int], bool]
) -> Iterable[memoryview | bytes]:
    """Split a packet into its units, at least up to the first part of a picture.

    Args:
        packet: the packet.
        length_bytes: number of bytes of a unit's length; 0 if start codes separate the units.
        is_picture: returns whether a unit is a part of a picture, from its first byte.
    """
    if length_bytes:
        return _units_by_length(packet, length_bytes)
    return _units_by_start(packet, is_picture)


def _units_by_length(packet: Packet[Any], length_bytes: int) -> Iterator[memoryview]:
    """Split a packet in which each unit follows its length."""
    content, at = memoryview(packet), 0
    while at + length_bytes < len(content):
        begin = at + length_bytes
        at = begin + int.from_bytes(content[at:begin], "big")
        if at > begin:
            yield content[begin:at]


def _units_by_start(packet: Packet[Any], is_picture: Callable[[int], bool]) -> list[bytes]:
    """Split a packet in which start codes separate the units. The last unit may be incomplete."""
    # Most packets have their first slice in the head, so the rest need not be copied.
    head = [unit for unit in bytes(memoryview(packet)[:_HEAD_BYTES]).split(_START)[1:] if unit]
    pictures = (each for each in head if is_picture(each[0]))
    if packet.size <= _HEAD_BYTES or any(len(each) > _PICTURE_BYTES for each in pictures):
        return head
    return [unit for unit in bytes(packet).split(_START)[1:] if unit]


def hevc_sequence(unit: bytes) -> Bits:
    """Return the bits of HEVC's sequence parameters (7.3.2.2.1, 7.3.3).

    They start at the parameter set's number.
    """
    bits = Bits(unit, skip=20)
    layers = bits.read(3)
    bits.read(1 + 96)
    stated = [(bits.flag(), bits.flag()) for _ in range(layers)]
    if layers:
        bits.read(2 * (8 - layers))
    for has_profile, has_level in stated:
        bits.read(88 * has_profile + 8 * has_level)
    return bits


def header_units(codec: str, header: bytes) -> Iterator[bytes]:
    """Split a file's header (extradata) into units with parameters."""
    if not length_bytes(codec, header):
        yield from (unit for unit in header.split(_START)[1:] if unit)
        return
    at = 5 if codec == "h264" else 22
    # H.264 has a list of sequence parameters, then a list of picture parameters. HEVC has any
    # lists.
    lists = 2 if codec == "h264" else header[at]
    at += codec == "hevc"
    for _ in range(lists):
        if codec == "h264":
            count, at = header[at : at + 1], at + 1
        else:
            count, at = header[at + 1 : at + 3], at + 3
        for _ in range(int.from_bytes(count, "big") & (31 if codec == "h264" else 0xFFFF)):
            size = int.from_bytes(header[at : at + 2], "big")
            unit, at = header[at + 2 : at + 2 + size], at + 2 + size
            if not unit:
                return
            yield unit
