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

# Seconds before and after a part in which its sound is searched, because files may interleave
# loosely.
MARGIN = 10.0
# Seconds. Sound that starts this close to the end of the previous sound follows without a gap.
_ROUNDING = 0.01
# A part ends after this number of late packets in a row, because a single time may be damaged.
_SURELY_PAST = 10
# Seconds before a part from which sound is decoded, because packets depend on earlier packets.
_TUNING = 1.0
_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_LAYOUTS = ("mono", "stereo", "5.1")
_FRAME = 1024  # samples per AAC frame


def sound_streams(container: InputContainer) -> list[AudioStream]:
    """Return the sound streams that can be decoded. A stream without packets has no sample rate."""
    return [
        stream
        for stream in container.streams.audio
        if stream.codec_context is not None and stream.codec_context.sample_rate
    ]


class Sound:
    """The sound of one stream between two times. It is silent where the file has no sound.

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
        self._place: int | None = None  # place of the next frame if it follows the last one
        self._resampler: AudioResampler | None = None

    def add(self, frame: AudioFrame) -> None:
        """Insert a decoded frame at its time."""
        if self._resampler is None:
            self._resampler = AudioResampler("fltp", self.layout, self.rate)
        try:
            frames = self._resampler.resample(frame)
        except ValueError:
            # The format of the sound has changed.
            self._resampler = AudioResampler("fltp", self.layout, self.rate)
            frames = self._resampler.resample(frame)
        for each in frames:
            self._put(each)

    def _put(self, frame: AudioFrame) -> None:
        """Insert a resampled frame at its time, or directly after the previous frame."""
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
    """Decode each sound stream between two times.

    Args:
        manifest: manifest of the video.
        path: current path of the video.
        start: start of the part, in seconds from the start of the video.
        end: end of the part, in seconds from the start of the video.

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
    """Read the packets of the video and of all sound, starting before a time.

    Yields:
        The sound streams, a packet on the video's single clock, and its time in seconds.
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
    """Yield the packets of a file or section, shifted to the video's single clock.

    `count` is the number of video packets before the file or section.
    """
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
    """An AAC stream in an output file, with the sound to encode."""

    stream: AudioStream
    sound: Sound

    @classmethod
    def added_to(cls, output: OutputContainer, sound: Sound) -> SoundEncoder:
        """Add a stream for a sound to a file."""
        stream = output.add_stream("aac", rate=sound.rate, layout=sound.layout)
        stream.bit_rate = 96_000 * len(sound.samples)
        return cls(stream, sound)

    def packets(self) -> Iterator[Packet[AudioStream]]:
        """Encode the sound, starting at time 0."""
        samples = self.sound.samples
        for first in range(0, samples.shape[1], _FRAME):
            piece = np.ascontiguousarray(samples[:, first : first + _FRAME])
            frame = AudioFrame.from_ndarray(piece, format="fltp", layout=self.sound.layout)
            frame.sample_rate, frame.pts = self.sound.rate, first
            yield from self.stream.encode(frame)
        yield from self.stream.encode(None)
