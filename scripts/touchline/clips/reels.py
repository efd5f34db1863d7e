"""Several clips of one video in one file, one after the other."""

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

# Between the times of decoding of packets before and after a joint, seconds, at least.
_LEAST_STEP = Fraction(1, 1000)


def join_clips(clips: Sequence[Path], target: Path) -> None:
    """Copy the packets of clips, which have the same kinds of streams, into one file.

    Raises:
        OSError: the disk refuses.
    """
    with writing_mp4(target) as output:
        copies = _streams_of(clips, output)
        begin = Fraction(0)
        decoded: dict[int, Fraction] = {}  # by track, when its last packet is decoded
        for clip in clips:
            with av.open(str(clip)) as file:
                packets = list(_packets(file))
            # The first packets may be decoded before time 0, and times of decoding must rise.
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


def _streams_of(clips: Sequence[Path], output: OutputContainer) -> dict[int, Stream]:
    """Add the streams of all clips to a file; by number of the track.

    A clip lacks the track of a sound that begins later.
    """
    copies: dict[int, Stream] = {}
    for clip in clips:
        with av.open(str(clip)) as file:
            for stream in file.streams:
                if stream.id not in copies:
                    copies[stream.id] = output.add_stream_from_template(stream, opaque=True)
    return copies


class _Packet(NamedTuple):
    packet: Packet[Any]
    track: int
    pts: int
    dts: int
    unit: Fraction


def _packets(file: InputContainer) -> Iterator[_Packet]:
    """The packets of a clip, without sound before its start, which only tunes the decoder."""
    for packet in file.demux():
        if packet.size and packet.pts is not None and packet.dts is not None and packet.pts >= 0:
            yield _Packet(packet, packet.stream.id, packet.pts, packet.dts, packet.time_base)
