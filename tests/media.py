"""Small videos for tests. Every frame shows its own number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
import torch

from touchline.core.records import Manifest
from touchline.inputs.videos import Video
from touchline.video.probe import probe
from touchline.video.sampler import Frame, read_frames

_BITS = 12
_CELL = 16
SIZE = (256, 144)  # width, height


def numbered_picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a grey picture [H, W, 3] with a row of black and white cells: the number in binary."""
    width, height = size
    picture = np.full((height, width, 3), 100, np.uint8)
    for bit in range(_BITS):
        value = 255 if number >> bit & 1 else 0
        picture[:_CELL, bit * _CELL : (bit + 1) * _CELL] = value
    return picture


def number_in(picture: torch.Tensor, scale: float = 1.0) -> int:
    """Return the number that a numbered picture, uint8 [3, H, W], shows."""
    cell = _CELL * scale
    centres = [int((bit + 0.5) * cell) for bit in range(_BITS)]
    return sum(int(picture[0, int(cell / 2), x] > 127) << bit for bit, x in enumerate(centres))


def write_video(
    path: Path,
    times: Iterable[float],
    *,
    size: tuple[int, int] = SIZE,
    codec: str = "libx264",
    gop: int = 10,
    b_frames: int = 2,
    container: str | None = None,
    first: int = 0,
    pixel_aspect: Fraction = Fraction(1),
) -> Path:
    """Write a video. Frame k shows the number first + k at the k-th time, in seconds."""
    # MPEG-2 and similar codecs have only a few frame rates.
    time_base = Fraction(1, 90_000) if "264" in codec else Fraction(1, 25)
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = time_base
        stream.codec_context.gop_size = gop
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        stream.codec_context.max_b_frames = b_frames
        stream.options = {"preset": "ultrafast", "bf": str(b_frames)} if "264" in codec else {}
        for number, time in enumerate(times, start=first):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number, size), format="rgb24")
            frame.pts, frame.time_base = round(time / time_base), time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def write_tone(
    path: Path,
    seconds: float,
    start: float = 0.0,
    *,
    bursts: Iterable[float] = (),
    codec: str = "aac",
) -> Path:
    """Write a sound file with silence, and a burst of 0.1 s at each of the times in `bursts`."""
    times = start + np.arange(round(seconds * 48_000 / 1024) * 1024) / 48_000
    sound = np.zeros(len(times), np.float32)
    for burst in bursts:
        sound[(times >= burst) & (times < burst + 0.1)] = 0.8
    sound *= np.sin(2 * np.pi * 1000 * times)
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=48_000, layout="mono")
        for number, piece in enumerate(sound.reshape(-1, 1, 1024)):
            form, samples = "fltp", piece
            if codec != "aac":
                form, samples = "s16", (32_767 * piece).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format=form, layout="mono")
            frame.sample_rate, frame.pts = 48_000, round(start * 48_000) + 1024 * number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def remuxed(
    source: Path,
    target: Path,
    *,
    shifts: Mapping[int, float] | None = None,
    without: Collection[int] = (),
) -> Path:
    """Copy a video with changed or missing packets, selected by their place in the file.

    Args:
        source: the video.
        target: file to write.
        shifts: seconds to add to the presentation time of a packet, by place.
        without: places of the packets to leave out.
    """
    with av.open(str(source)) as file, av.open(str(target), "w") as output:
        stream = output.add_stream_from_template(file.streams.video[0])
        packets = (packet for packet in file.demux(video=0) if packet.size)
        for place, packet in enumerate(packets):
            if place in without:
                continue
            packet.pts += round((shifts or {}).get(place, 0) / packet.time_base)
            packet.stream = stream
            output.mux(packet)
    return target


def in_one_file(
    target: Path, sources: Iterable[Path], default: Collection[int] = (), **options: str
) -> Path:
    """Write the first streams of several files into one file, interleaved by time.

    `default` has the numbers of the streams that are marked as default.
    """
    with ExitStack() as stack:
        output = stack.enter_context(av.open(str(target), "w", options=options))
        packets = []
        for number, source in enumerate(sources):
            file = stack.enter_context(av.open(str(source)))
            copy = output.add_stream_from_template(file.streams[0])
            copy.disposition = av.stream.Disposition(number in default)
            for packet in file.demux(0):
                if packet.size:
                    at = float((packet.dts or 0) * packet.time_base)
                    packets.append((at, number, packet, copy))
        for _, _, packet, copy in sorted(packets, key=lambda each: each[:2]):
            packet.stream = copy
            output.mux(packet)
    return target


def ts_with_other_times(source: Path, target: Path, shifts: Mapping[int, float | None]) -> Path:
    """Copy an MPEG-TS with other presentation times, which no muxer would write.

    In ISO/IEC 13818-1, 2.4.3, a PES packet of video begins with 00 00 01 E0 in a packet of 188
    bytes. The two highest bits of byte 7 say which times are stated. The 33 bits of the first time
    are in bytes 9 to 13.

    Args:
        source: the file.
        target: file to write.
        shifts: seconds to add, by place in the file. None removes the time.
    """
    content = bytearray(source.read_bytes())
    place = 0
    for packet in range(0, len(content), 188):
        begins, adapted = content[packet + 1] & 0x40, content[packet + 3] & 0x20
        pes = packet + 4 + (1 + content[packet + 4] if adapted else 0)
        if begins and content[pes : pes + 4] == b"\0\0\1\xe0":
            shift = shifts.get(place, 0)
            if shift is None:
                content[pes + 7] &= 0x3F
            elif shift:
                five = int.from_bytes(content[pes + 9 : pes + 14], "big")
                ticks = (five >> 3 & 7 << 30) | (five >> 2 & 0x7FFF << 15) | (five >> 1 & 0x7FFF)
                ticks = round(ticks + 90_000 * shift) % (1 << 33)
                five = five >> 36 << 36 | 1 << 32 | 1 << 16 | 1
                five |= (ticks >> 30) << 33 | (ticks >> 15 & 0x7FFF) << 17 | (ticks & 0x7FFF) << 1
                content[pes + 9 : pes + 14] = five.to_bytes(5, "big")
            place += 1
    target.write_bytes(content)
    return target


def joined(target: Path, *sources: Path) -> Path:
    """Concatenate files, as `cat` does."""
    target.write_bytes(b"".join(source.read_bytes() for source in sources))
    return target


def in_slices(path: Path, times: Sequence[float], slices: int, threads: int) -> dict[float, int]:
    """Return the number of the picture at each time, sampled separately in each slice."""
    manifest = probe(Video(video=0, path=path))
    size = -(-len(times) // slices)
    parts = [times[begin : begin + size] for begin in range(0, len(times), size)]
    frames = chain.from_iterable(
        read_frames(manifest, path, part, max_size=4096, threads=threads) for part in parts
    )
    return {frame.wanted: number_in(frame.picture) for frame in frames}


def steady(seconds: float, rate: float = 25.0, start: float = 0.0) -> list[float]:
    """Return times of frames at a constant rate."""
    return [start + k / rate for k in range(round(seconds * rate))]


def sample_frames(
    path: Path, times: Sequence[float], start_time: float, max_size: int, threads: int = 1
) -> Iterator[Frame]:
    """Return the frames of `read_frames` for a video whose manifest has only the start time."""
    manifest = Manifest(
        video=0,
        path=str(path),
        bytes=1,
        fingerprint="",
        duration=1,
        start_time=start_time,
        frame_rate=1,
        width=1,
        height=1,
        rotation=0,
        codec="",
    )
    return read_frames(manifest, path, times, max_size=max_size, threads=threads)
