"""Several clips of one video in one file, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from touchline.clips.output import writing_mp4

# Between the times of decoding of packets before and after a joint, seconds, at least.
_LEAST_STEP = Fraction(1, 1000)


def join_clips(clips: Sequence[Path], target: Path) -> None:
    """Copy the packets of clips, which have the same streams, into one file.

    Raises:
        OSError: the disk refuses.
    """
    with writing_mp4(target) as output:
        copies: list[Stream] = []
        begin = Fraction(0)
        decoded: dict[int, Fraction] = {}  # by stream, when its last packet is decoded
        for clip in clips:
            with av.open(str(clip)) as file:
                copies = copies or [output.add_stream_from_template(s) for s in file.streams]
                packets = list(_packets(file))
            # The first packets may be decoded before time 0, and times of decoding must rise.
            starts: dict[int, Fraction] = {}
            for packet in packets:
                starts.setdefault(packet.stream_index, packet.dts * packet.time_base)
            steps = [decoded[i] + _LEAST_STEP - at for i, at in starts.items() if i in decoded]
            begin = max([begin, *steps])
            ends = max((p.pts + (p.duration or 0)) * p.time_base for p in packets)
            for packet in packets:
                shift = round(begin / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                decoded[packet.stream_index] = packet.dts * packet.time_base
                packet.stream = copies[packet.stream_index]
                output.mux(packet)
            begin += ends


def _packets(file: InputContainer) -> Iterator[Packet[Any]]:
    """The packets of a clip, without sound before its start, which only tunes the decoder."""
    for packet in file.demux():
        if packet.size and packet.pts is not None and packet.pts >= 0:
            yield packet
