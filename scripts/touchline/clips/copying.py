"""Clips that are copied from a keyframe on, without decoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from touchline.clips.output import mux_by_time, writing_mp4
from touchline.clips.plan import Clip
from touchline.clips.sound import MARGIN, SoundEncoder, sound_streams, sounds_between
from touchline.core.records import Manifest
from touchline.video.orientation import display_matrix
from touchline.video.packets import DAMAGE, error_reason, open_video, read_packets

# Codecs that MP4 supports and browsers play.
_PICTURES = {"h264", "hevc", "libdav1d", "vp9"}
_SOUND = {"aac", "mp3", "opus", "flac"}


class CannotCopy(Exception):
    """An error for a clip that cannot be copied. Its message gives the reason."""


def check_copy(manifest: Manifest) -> None:
    """Raise CannotCopy if no part of a video can be copied."""
    if manifest.codec not in _PICTURES:
        raise CannotCopy(f"its codec is {manifest.codec}, which browsers do not play in MP4")
    if manifest.restarts:
        raise CannotCopy("its clock starts again within the file")
    if manifest.sections:
        raise CannotCopy("its video moves to another PID within the file")
    if manifest.has_dependent_keyframes:
        raise CannotCopy("its decoder parameters change within the file")
    if manifest.packet_times != "stated":
        raise CannotCopy("its packets do not state when pictures are shown")


def encoded_sound(path: Path, stream: int | None) -> list[str]:
    """Return the sound codecs that are not copied, because browsers do not play them in MP4."""
    with open_video(path, stream) as (container, _):
        names = {each.codec_context.name for each in sound_streams(container)}
    return sorted(name for name in names if not _is_copied(name))


def _is_copied(codec: str) -> bool:
    # The name of a decoder may differ from that of its codec, as in mp3float.
    """Return whether sound of this codec is copied."""
    return any(codec in (name, f"{name}float", f"lib{name}") for name in _SOUND)


def copy_clip(manifest: Manifest, path: Path, clip: Clip, target: Path) -> tuple[float, float]:
    """Write a clip that begins with the last keyframe at or before its start.

    Args:
        manifest: manifest of the video.
        path: current path of the video.
        clip: the clip.
        target: path of the file to write.

    Returns:
        The start and the end of the clip, in seconds of the video.

    Raises:
        CannotCopy: the clip cannot be copied, but can perhaps be encoded.
        InputError: the video cannot be read.
        OSError: the file cannot be written.
    """
    begin = clip.start + manifest.start_time
    for seek in (begin - MARGIN, None):
        with open_video(path, manifest.stream) as (container, stream):
            assert stream.time_base is not None
            if seek is not None:
                with suppress(*DAMAGE):
                    container.seek(int(seek / stream.time_base), stream=stream)
            sound = sound_streams(container)
            packets = read_packets(container, stream, *sound)
            head = _from_keyframe(packets, stream, begin, is_last_try=seek is None)
            if head:
                copy = _Copy(manifest, path, stream, sound, clip.end + manifest.start_time)
                return copy.write(target, head, packets)
    raise CannotCopy(f"there is no keyframe for the clip at {clip.start:g} s")


def _from_keyframe(
    packets: Iterator[Packet[Any]], stream: VideoStream, begin: float, is_last_try: bool
) -> list[Packet[Any]]:
    """Read packets. Drop those before the last keyframe that is at or before `begin`.

    On the last try, a later keyframe is accepted, because no earlier picture can be decoded.

    Returns:
        The sound packets from the keyframe's time on, the keyframe and the packets after it. The
        result is empty if the first keyframe is later than `begin` and this is not the last try.
    """
    held: list[Packet[Any]] = []
    has_keyframe = False
    for packet in packets:
        if packet.stream_index == stream.index:
            if packet.is_keyframe and packet.pts is not None:
                time = packet.pts * packet.time_base
                if not has_keyframe and time > begin and not is_last_try:
                    return []
                if time <= begin or not has_keyframe:
                    has_keyframe = True
                    held = [
                        each
                        for each in held
                        if each.stream_index != stream.index
                        and each.pts is not None
                        and each.pts * each.time_base >= time
                    ]
            elif not has_keyframe:
                continue
            held.append(packet)
            if packet.dts is not None and packet.dts * packet.time_base > begin:
                break
        else:
            held.append(packet)
    return held if has_keyframe else []


class _Copy:
    """A copier of one clip, from the packets that follow a keyframe."""

    def __init__(
        self,
        manifest: Manifest,
        path: Path,
        stream: VideoStream,
        sound: Sequence[AudioStream],
        end: float,
    ) -> None:
        self._manifest, self._path = manifest, path
        self._stream, self._sound = stream, sound
        self._end = end
        self._shown_until = Fraction(0)

    def write(
        self, target: Path, head: Sequence[Packet[Any]], packets: Iterator[Packet[Any]]
    ) -> tuple[float, float]:
        """Write the clip. Return its start and end, in seconds of the video."""
        keyframe = next(each for each in head if each.stream_index == self._stream.index)
        assert keyframe.pts is not None
        begin = keyframe.pts * keyframe.time_base
        start = float(begin) - self._manifest.start_time
        if begin >= self._end:
            raise CannotCopy(f"no keyframe lies before {self._end - self._manifest.start_time:g} s")
        encoded = [s for s in self._sound if not _is_copied(s.codec_context.name)]
        sounds = []
        if encoded:
            end = self._end - self._manifest.start_time
            all_sounds = sounds_between(self._manifest, self._path, start, end)
            sounds = [all_sounds[self._sound.index(each)] for each in encoded]
        try:
            with writing_mp4(target) as output:
                copies: dict[int, Stream] = {}
                picture = output.add_stream_from_template(self._stream, opaque=True)
                picture.set_display_matrix(self._matrix(keyframe))
                copies[self._stream.index] = picture
                for each in self._sound:
                    if each not in encoded:
                        copies[each.index] = output.add_stream_from_template(each)
                heard = [SoundEncoder.added_to(output, sound) for sound in sounds]
                mux_by_time(
                    output,
                    self._shifted(chain(head, packets), begin, copies),
                    *(each.packets() for each in heard),
                )
        except (av.FFmpegError, ValueError) as error:
            raise CannotCopy(f"MP4 rejects its packets ({error_reason(error)})") from error
        return round(start, 6), round(float(self._shown_until) - self._manifest.start_time, 6)

    def _matrix(self, keyframe: Packet[VideoStream]) -> list[int] | None:
        """Return the display matrix of the first decoded picture, or None without a rotation."""
        if not self._manifest.rotation:
            return None
        with suppress(*DAMAGE):
            for frame in [*keyframe.decode(), *self._stream.codec_context.decode(None)]:
                return [int(each) for each in display_matrix(frame).flatten()]
        return None

    def _shifted(
        self, packets: Iterator[Packet[Any]], begin: Fraction, copies: dict[int, Stream]
    ) -> Iterator[Packet[Any]]:
        """Yield the packets of the clip, with their new streams and times."""
        latest: Fraction | None = None
        has_ended = False
        unfinished = {index for index in copies if index != self._stream.index}
        for packet in packets:
            if packet.stream_index not in copies:
                continue
            is_picture = packet.stream_index == self._stream.index
            if packet.pts is None:
                if is_picture and not has_ended:
                    raise CannotCopy("a packet does not state when its picture is shown")
                continue
            time = packet.pts * packet.time_base
            if is_picture and not has_ended:
                # At this point, all pictures that are shown before the latest picture are known,
                # and no later packet has a picture that is shown before the end.
                decoded = time if packet.dts is None else packet.dts * packet.time_base
                is_next = latest is not None and time > latest
                has_ended = is_next and max(latest or 0, decoded) >= self._end
            if has_ended and (not unfinished or time > self._end + MARGIN):
                return
            if not is_picture and time >= self._end:
                unfinished.discard(packet.stream_index)
            # Pictures that are decoded after the keyframe but shown before it need earlier
            # pictures.
            if time < begin or (has_ended if is_picture else time >= self._end):
                continue
            if is_picture and (latest is None or time > latest):
                latest = time
                self._shown_until = time + (packet.duration or 0) * packet.time_base
            shift = round(begin / packet.time_base)
            packet.pts -= shift
            if packet.dts is not None:
                packet.dts -= shift
            packet.stream = copies[packet.stream_index]
            yield packet
