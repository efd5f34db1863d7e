"""The sound of a part of a video, cut to the sample and encoded as AAC."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from touchline.core.records import Manifest
from touchline.video.packets import DAMAGE, open_section, open_video, read_packets

# Sound is looked for so long before and after a part, seconds, as files may interleave loosely.
MARGIN = 10.0
# Times of sound that differ by less than this (seconds) from the end of the sound before them are
# rounded; sound follows without a gap.
_ROUNDING = 0.01
# This number of late packets in a row ends a part. A single time may be damaged.
_SURELY_PAST = 10
# Sound is decoded from so long before a part on, seconds, as packets need those before them.
_TUNING = 1.0
_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_LAYOUTS = ("mono", "stereo", "5.1")
_FRAME = 1024  # samples of a frame of AAC


def sound_streams(container: InputContainer) -> list[AudioStream]:
    """The streams of sound that can be decoded; one without packets has no rate."""
    return [
        stream
        for stream in container.streams.audio
        if stream.codec_context is not None and stream.codec_context.sample_rate
    ]


class Sound:
    """A stream of sound between two times; silent where the file has none.

    Attributes:
        rate: samples per second.
        layout: name of the channels' layout.
        samples: float32 [channels, samples].
    """

    def __init__(self, stream: AudioStream, start: float, end: float) -> None:
        context = stream.codec_context
        self.rate = context.sample_rate if context.sample_rate in _RATES else 48_000
        self.layout = context.layout.name if context.layout.name in _LAYOUTS else "stereo"
        self._start = start
        channels = {"mono": 1, "stereo": 2, "5.1": 6}[self.layout]
        self.samples: NDArray[np.float32] = np.zeros(
            (channels, max(0, round((end - start) * self.rate))), np.float32
        )
        self._place: int | None = None  # where the next frame goes, if it follows the last one
        self._resampler: AudioResampler | None = None

    def add(self, frame: AudioFrame) -> None:
        """Put a decoded frame in its place."""
        if self._resampler is None:
            self._resampler = AudioResampler("fltp", self.layout, self.rate)
        try:
            frames = self._resampler.resample(frame)
        except ValueError:
            # The format of the sound changes on the way.
            self._resampler = AudioResampler("fltp", self.layout, self.rate)
            frames = self._resampler.resample(frame)
        for each in frames:
            self._put(each)

    def _put(self, frame: AudioFrame) -> None:
        follows = self._place
        if frame.pts is None or frame.time_base is None:
            if follows is None:
                return
            place = follows
        else:
            place = round((float(frame.pts * frame.time_base) - self._start) * self.rate)
            if follows is not None and abs(place - follows) < _ROUNDING * self.rate:
                place = follows
        pieces = frame.to_ndarray()
        self._place = place + pieces.shape[1]
        first, last = max(0, place), min(self.samples.shape[1], self._place)
        if first < last:
            self.samples[:, first:last] = pieces[:, first - place : last - place]


def sounds_between(manifest: Manifest, path: Path, start: float, end: float) -> list[Sound]:
    """Decode each stream of sound between two times.

    Args:
        path: where the video is now.
        start, end: seconds from the video's start.

    Raises:
        InputError: the file cannot be read.
    """
    begin, until = start + manifest.start_time, end + manifest.start_time
    found: dict[int, Sound] = {}
    past = 0
    with closing(_from_before(manifest, path, begin)) as packets:
        for streams, packet, seconds in packets:
            for number, stream in enumerate(streams):
                if number not in found:
                    found[number] = Sound(stream, begin, until)
            past = past + 1 if seconds is not None and seconds > until + MARGIN else 0
            if past == _SURELY_PAST:
                break
            is_near = seconds is None or begin - _TUNING < seconds < until
            if not isinstance(packet.stream, AudioStream) or not is_near:
                continue
            with suppress(*DAMAGE):
                for frame in packet.stream.codec_context.decode(packet):
                    found[streams.index(packet.stream)].add(frame)
    return [found[number] for number in sorted(found)]


_Placed: TypeAlias = "tuple[Sequence[AudioStream], Packet[Any], float | None]"


def _from_before(manifest: Manifest, path: Path, begin: float) -> Generator[_Placed, None, None]:
    """Read the packets of the pictures and of all sound, from before a time on.

    Yields:
        The streams of sound, a packet on the video's one clock, and its time, seconds.
    """
    if not (manifest.restarts or manifest.sections):
        with open_video(path, manifest.stream) as (container, stream):
            assert stream.time_base is not None
            with suppress(*DAMAGE):
                container.seek(int((begin - MARGIN) / stream.time_base), stream=stream)
                packets = _all_packets(manifest, container, stream, 0)
                first = next(packets, None)
                if first and first[2] is not None and first[2] <= begin:
                    yield first
                    yield from packets
                    return
    count = 0
    if manifest.sections:
        for section in manifest.sections:
            with open_section(path, section) as (container, stream):
                for placed in _all_packets(manifest, container, stream, count):
                    count += isinstance(placed[1].stream, VideoStream)
                    yield placed
    else:
        with open_video(path, manifest.stream) as (container, stream):
            yield from _all_packets(manifest, container, stream, count)


def _all_packets(
    manifest: Manifest, container: InputContainer, pictures: VideoStream, count: int
) -> Iterator[_Placed]:
    """Shift the packets of a file or section that `count` pictures precede."""
    streams = sound_streams(container)
    for packet in read_packets(container, pictures, *streams):
        is_picture = packet.stream_index == pictures.index
        shift = 0.0
        for restart in manifest.restarts:
            if restart.packet <= count:
                shift = restart.shift
        count += is_picture
        if packet.pts is None:
            yield streams, packet, None
            continue
        packet.pts += round(shift / packet.time_base)
        yield streams, packet, float(packet.pts * packet.time_base)


@dataclass(frozen=True)
class SoundEncoder:
    """A stream of AAC in a file that is written, and the sound that it gets."""

    stream: AudioStream
    sound: Sound

    @classmethod
    def added_to(cls, output: OutputContainer, sound: Sound) -> SoundEncoder:
        """Add a stream for a sound to a file."""
        stream = output.add_stream("aac", rate=sound.rate, layout=sound.layout)
        stream.bit_rate = 96_000 * len(sound.samples)
        return cls(stream, sound)

    def packets(self) -> Iterator[Packet[AudioStream]]:
        """Encode the sound, from time 0 on."""
        samples = self.sound.samples
        for first in range(0, samples.shape[1], _FRAME):
            piece = np.ascontiguousarray(samples[:, first : first + _FRAME])
            frame = AudioFrame.from_ndarray(piece, format="fltp", layout=self.sound.layout)
            frame.sample_rate, frame.pts = self.sound.rate, first
            yield from self.stream.encode(frame)
        yield from self.stream.encode(None)
