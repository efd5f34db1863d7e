"""Exact clips: decoded, and encoded again from the first to the last picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path

from av.codec.context import Flags
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from touchline.clips.output import mux_by_time, writing_mp4
from touchline.clips.plan import Clip
from touchline.clips.sound import SoundEncoder, sounds_between
from touchline.core.records import Manifest
from touchline.video.hdr import is_hdr, to_standard_range
from touchline.video.orientation import display_matrix
from touchline.video.sampler import pictures_between

_TICKS = 90_000  # per second
# Without B-pictures the first packet has time 0, and no player needs an edit list.
_X264 = {"crf": "18", "preset": "veryfast", "bf": "0"}
_BT709 = 1
_ANY_TYPE = 0  # AV_PICTURE_TYPE_NONE


def encode_clip(
    manifest: Manifest, path: Path, clip: Clip, target: Path, threads: int
) -> tuple[float, float] | None:
    """Write a clip with exactly the video's pictures between the clip's start and end.

    Each picture stays on screen for the same time as in the video. The first picture is on screen
    at the start.

    Args:
        manifest: manifest of the video.
        path: current path of the video.
        clip: the clip.
        target: path of the file to write.
        threads: number of encoding threads.

    Returns:
        The start and the end of the clip, in seconds of the video. None if the video has no picture
        there. In this case, no file is written.

    Raises:
        InputError: the video cannot be read.
        OSError: the file cannot be written.
    """
    # Even an empty clip shows one picture.
    end = max(clip.end, clip.start + 1 / manifest.frame_rate)
    pictures = pictures_between(manifest, path, clip.start, end)
    first = next(pictures, None)
    if first is None:
        return None
    sounds = sounds_between(manifest, path, clip.start, end)
    with writing_mp4(target) as output:
        rate = Fraction(manifest.frame_rate).limit_denominator(1001)
        stream = output.add_stream("libx264", rate=rate, options=_X264)
        encoder = _PictureEncoder(stream, manifest, first[1], threads)
        heard = [SoundEncoder.added_to(output, sound) for sound in sounds]
        mux_by_time(
            output,
            encoder.packets(chain([first], pictures), clip.start, end),
            *(each.packets() for each in heard),
        )
    return clip.start, end


class _PictureEncoder:
    """An encoder that turns a clip's pictures into H.264 that every player supports."""

    def __init__(
        self, stream: VideoStream, manifest: Manifest, first: VideoFrame, threads: int
    ) -> None:
        self._stream = stream
        self._reformatter = VideoReformatter()
        # In each field of interlaced pictures, or in the whole picture, two lines share their
        # colours.
        is_interlaced = first.interlaced_frame
        lines = 4 if is_interlaced else 2
        self._size = first.width // 2 * 2, first.height // lines * lines
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS)
        aspect = Fraction(manifest.pixel_aspect).limit_denominator(1000)
        stream.codec_context.sample_aspect_ratio = aspect
        stream.codec_context.thread_count = threads
        if is_interlaced:
            stream.codec_context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        shown = self._plain(first)
        stream.codec_context.color_range = shown.color_range
        stream.codec_context.color_primaries = shown.color_primaries
        stream.codec_context.color_trc = shown.color_trc
        stream.codec_context.colorspace = shown.colorspace
        stream.set_display_matrix(display_matrix(first).flatten().tolist())

    def _plain(self, picture: VideoFrame) -> VideoFrame:
        """Convert a picture to 8 bits and standard range, in the size of the clip."""
        width, height = self._size
        if not is_hdr(picture.color_trc):
            return self._reformatter.reformat(picture, width, height, format="yuv420p")
        bright = self._reformatter.reformat(picture, width, height, format="rgb48le")
        pixels = to_standard_range(bright.to_ndarray(), picture.color_trc)
        plain = self._reformatter.reformat(
            VideoFrame.from_ndarray(pixels, format="rgb24"),
            format="yuv420p",
            dst_colorspace=_BT709,
        )
        plain.color_primaries = plain.color_trc = _BT709
        return plain

    def packets(
        self, pictures: Iterable[tuple[float, VideoFrame]], start: float, end: float
    ) -> Iterator[Packet[VideoStream]]:
        """Encode pictures with times in seconds of the video. Yield the packets."""
        lasts: dict[int | None, int] = {}
        endless = chain(pictures, [(end, None)])
        for (time, picture), (until, _) in pairwise(endless):
            assert picture is not None
            begins, ends = round((time - start) * _TICKS), round((until - start) * _TICKS)
            if ends <= begins:
                continue
            frame = self._plain(picture)
            # A picture without conversion still belongs to the decoder, which uses its times.
            original = frame.pts, frame.pict_type
            frame.pts, frame.time_base = begins, Fraction(1, _TICKS)
            frame.pict_type = _ANY_TYPE
            lasts[begins] = ends - begins
            encoded = self._stream.encode(frame)
            frame.pts, frame.pict_type = original
            yield from self._timed(encoded, lasts)
        yield from self._timed(self._stream.encode(None), lasts)

    def _timed(
        self, packets: Iterable[Packet[VideoStream]], lasts: dict[int | None, int]
    ) -> Iterator[Packet[VideoStream]]:
        """Set the durations of packets."""
        for packet in packets:
            packet.duration = lasts.pop(packet.pts)
            yield packet
