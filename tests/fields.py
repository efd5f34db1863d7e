"""H.264 whose pictures are coded as pairs of fields (PAFF), which no available encoder writes.

Recommendation ITU-T H.264, 7.3, defines the parameter sets, the slices of field pictures, and the
macroblocks. The macroblocks contain uncompressed samples (I_PCM), so nothing is predicted or
transformed.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np

from media import numbered_picture

# The smallest size for the numbers. Each field is a row of macroblocks.
WIDTH, HEIGHT = 192, 32
_RATE = 25
_GROUP = 12
_START = b"\0\0\0\1"
_SPS, _PPS, _IDR, _OTHER = 7, 8, 5, 1
_TIME_BASE = Fraction(1, 90_000)


class _Bits:
    """A writer of bits."""

    def __init__(self) -> None:
        self._bits: list[int] = []

    def u(self, count: int, value: int) -> _Bits:
        """Append an unsigned number of `count` bits."""
        self._bits += [value >> place & 1 for place in reversed(range(count))]
        return self

    def ue(self, *values: int) -> _Bits:
        """Append unsigned Exp-Golomb numbers."""
        for value in values:
            length = (value + 1).bit_length()
            self.u(2 * length - 1, value + 1)
        return self

    def raw(self, content: bytes) -> _Bits:
        """Append bytes at the next byte boundary."""
        self._bits += [0] * (-len(self._bits) % 8)
        self._bits += np.unpackbits(np.frombuffer(content, np.uint8)).tolist()
        return self

    def nal(self, kind: int, reference: bool = True) -> bytes:
        """Return the bits as a NAL unit."""
        bits = [*self._bits, 1]
        content = np.packbits(np.array(bits + [0] * (-len(bits) % 8), np.uint8)).tobytes()
        escaped = bytearray()
        zeros = 0
        for byte in content:
            if zeros == 2 and byte <= 3:
                escaped.append(3)
                zeros = 0
            escaped.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return _START + bytes([reference << 5 | kind]) + bytes(escaped)


def _parameters(reordered: int) -> bytes:
    """Return the parameter sets."""
    sps = _Bits().u(8, 77).u(8, 0).u(8, 30)  # Main, level 3
    sps.ue(0, 0, 0, 4, 2).u(1, 0)  # 4 bits for frame_num, 8 for the order; two references
    sps.ue(WIDTH // 16 - 1, HEIGHT // 32 - 1).u(1, 0).u(1, 0)  # not only frames, no MBAFF
    sps.u(1, 1).u(1, 0).u(1, 1)  # direct_8x8_inference, not cropped, VUI
    sps.u(4, 0).u(1, 1).u(32, 1).u(32, 2 * _RATE).u(1, 1).u(3, 0)  # timing
    sps.u(1, 1).u(1, 1).ue(0, 0, 10, 10, reordered, 2)
    pps = _Bits().ue(0, 0).u(2, 0).ue(0, 0, 0).u(3, 0).ue(0, 0, 0).u(1, 1).u(2, 0)
    return sps.nal(_SPS) + pps.nal(_PPS)


def _field(number: int, bottom: bool, frame: int, order: int, reference: bool) -> bytes:
    """Return one field of a picture."""
    idr = frame == 0 and reference and not bottom
    bits = _Bits().ue(0, 7, 0).u(4, frame % 16).u(1, 1).u(1, bottom)
    if idr:
        bits.ue(number // _GROUP % 2)
    bits.u(8, (2 * order + bottom) % 256)
    if reference:
        bits.u(2 if idr else 1, 0)
    bits.ue(0, 1)  # the usual quantizer, no deblocking
    luma = numbered_picture(number, (WIDTH, HEIGHT))[bottom::2, :, 0] // 2 + 64
    for left in range(0, WIDTH, 16):
        block = luma[:, left : left + 16].tobytes()
        bits.ue(25).raw(block + bytes([128] * 128))
    return bits.nal(_IDR if idr else _OTHER, reference)


def _pictures(count: int, b_pictures: bool) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield the number and the two fields of each picture, in decoding order."""
    for begin in range(0, count, _GROUP):
        group = min(_GROUP, count - begin)
        order = range(group)
        if b_pictures:
            # An I-picture, then pairs of a later picture and the B-picture before it.
            later = ([k + 1, k] for k in range(1, group, 2))
            order = [k for k in (0, *chain.from_iterable(later)) if k < group]
        frame = 0
        for k in order:
            reference = not (b_pictures and k % 2) or k == group - 1
            fields = [_field(begin + k, bottom, frame, k, reference) for bottom in (False, True)]
            frame += reference
            head = _parameters(int(b_pictures)) if k == 0 else b""
            yield begin + k, head + fields[0], fields[1]


def write_fields(
    path: Path, count: int, *, apart: bool, b_pictures: bool = False, start: float = 1.0
) -> Path:
    """Write a video of numbered pictures at 25 per second, each coded as two fields.

    Args:
        path: file to write.
        count: number of pictures.
        apart: whether each field is a separate packet with its own time.
        b_pictures: whether every second picture is a B-picture.
        start: time of the first picture, in seconds.
    """
    pictures = list(_pictures(count, b_pictures))
    raw = path.with_suffix(".h264")
    raw.write_bytes(b"".join(first + second for _, first, second in pictures))
    ticks = int(1 / _TIME_BASE) // _RATE
    with av.open(str(raw)) as source, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        stream.time_base = _TIME_BASE
        for place, (number, *fields) in enumerate(pictures):
            for later, content in enumerate(fields if apart else [b"".join(fields)]):
                packet = av.Packet(content)
                packet.stream, packet.time_base = stream, _TIME_BASE
                shift = round(start / _TIME_BASE) + later * ticks // 2
                packet.pts = shift + number * ticks
                packet.dts = shift + (place - b_pictures) * ticks
                packet.duration = ticks // len(fields) if apart else ticks
                packet.is_keyframe = number % _GROUP == 0 and not later
                output.mux(packet)
    raw.unlink()
    return path
