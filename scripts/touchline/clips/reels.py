"""Joining of several clips of one video into one file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from touchline.clips.output import writing_mp4

# Smallest step, in seconds, between the decoding times of packets before and after a joint.
_LEAST_STEP = Fraction(1, 1000)


def join_clips(clips: Sequence[Path], target: Path) -> None:
    """Copy clips' packets into one file. All clips have the same kinds of streams.

    Raises:
        OSError: the file cannot be written.
    """
    with writing_mp4(target) as output:
        copies = _add_streams(clips, output)
        begin = Fraction(0)
        decoded: dict[int, Fraction] = {}  # decoding time of the last packet, by track
        for clip in clips:
            with av.open(str(clip)) as file:
                packets = list(_packets(file))
            # Decoding times must rise, but the first packets of a clip may be decoded before time
            # 0.
            starts: dict[int, Fraction] = {}
            for each in packets:
                starts.setdefault(each.track, each.dts * each.unit)
            steps = [decoded[i] + _LEAST_STEP - at for i, at in starts.items() if i in decoded]
            begin = max([begin, *steps])
            for each in packets:
                shift = round(begin / each.unit)
                each.packet.pts, each.packet.dts = each.pts + shift, each.dts + shift
                decoded[each.track] = (each.dts + shift) * each.unit
                each.packet.stream = copies[each.track]
                output.mux(each.packet)
            begin += max((each.pts + (each.packet.duration or 0)) * each.unit for each in packets)


def _add_streams(clips: Sequence[Path], output: OutputContainer) -> dict[int, Stream]:
    """Add the streams of all clips to a file. Return the streams by track number.

    If a sound stream begins after a clip, the clip has no track for it.
    """
    copies: dict[int, Stream] = {}
    for clip in clips:
        with av.open(str(clip)) as file:
            for stream in file.streams:
                if stream.id not in copies:
                    copies[stream.id] = output.add_stream_from_template(stream, opaque=True)
    return copies


class _Packet(NamedTuple):
    """A packet with its track, its times in units, and the unit in seconds."""

    packet: Packet[Any]
    track: int
    pts: int
    dts: int
    unit: Fraction


def _packets(file: InputContainer) -> Iterator[_Packet]:
    """Yield the packets of a clip.

    Sound before the start is left out, because it only prepares the decoder.
    """
    for packet in file.demux():
        if packet.size and packet.pts is not None and packet.dts is not None and packet.pts >= 0:
            yield _Packet(packet, packet.stream.id, packet.pts, packet.dts, packet.time_base)
