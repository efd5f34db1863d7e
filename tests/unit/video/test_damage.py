"""Tests that any content of a video file gives pictures or one message."""

import av
import numpy as np
import pytest

from media import (
    SIZE,
    in_one_file,
    joined,
    number_in,
    numbered_picture,
    steady,
    write_tone,
    write_video,
)
from touchline.errors import InputError
from touchline.inputs.videos import SUFFIXES, Video
from touchline.video.probe import probe
from touchline.video.sampler import read_frames

# An empty MPEG-TS packet. Recorders fill their bit rate with such packets.
NULL_PACKET = b"\x47\x1f\xff\x10" + bytes([255] * 184)


def shown(path, every=0.25):
    """Return the manifest of a video, and the numbers of the pictures at regular times."""
    manifest = probe(Video(video=0, path=path))
    times = [round(k * every, 3) for k in range(int(min(manifest.duration, 30) / every))]
    frames = read_frames(manifest, path, times, max_size=4096, threads=2)
    return manifest, {frame.wanted: number_in(frame.picture) for frame in frames}


# Codec of the video, codec of the sound and container, by suffix.
MADE_WITH = {
    (".mp4", ".3g2", ".3gp", ".f4v", ".m4v"): ("libx264", "aac", "mp4"),
    (".mov", ".qt"): ("libx264", "aac", "mov"),
    (".ts", ".m2t", ".m2ts", ".mts", ".tp", ".trp"): ("libx264", "aac", "mpegts"),
    (".mpg", ".m2p", ".mpe", ".mpeg", ".vob", ".vro"): ("mpeg2video", "mp2", "vob"),
    (".wmv", ".asf"): ("wmv2", "wmav2", "asf"),
    (".avi", ".divx"): ("mpeg4", "mp2", "avi"),
    (".flv",): ("libx264", "aac", "flv"),
    (".mkv",): ("libx264", "aac", "matroska"),
    (".mxf",): ("mpeg2video", "pcm_s16le", "mxf"),
    (".ogv", ".ogm"): ("libvpx", "libopus", "ogg"),
    (".webm",): ("libvpx", "libopus", "webm"),
}


def write_with_sound(path, pictures, sound, container):
    with av.open(str(path), "w", format=container) as output:
        video = output.add_stream(pictures, rate=25)
        video.width, video.height = SIZE
        video.pix_fmt, video.codec_context.gop_size = "yuv420p", 10
        video.options = {"preset": "ultrafast", "bf": "2"} if pictures == "libx264" else {}
        rate = 44_100 if sound == "wmav2" else 48_000
        audio = output.add_stream(sound, rate=rate, layout="stereo")
        audio.bit_rate = 128_000
        for number in range(50):
            picture = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            picture.pts = number
            output.mux(video.encode(picture))
            packed = audio.codec_context.format.name
            tone = av.AudioFrame(format=packed, layout="stereo", samples=rate // 25)
            for plane in tone.planes:
                plane.update(bytes(plane.buffer_size))
            tone.sample_rate, tone.pts = rate, number * rate // 25
            output.mux(audio.encode(tone))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))
    return path


def damaged(content, seed):
    """Return a copy of a file with wrong bytes, a missing end, a missing part or a random part."""
    random = np.random.default_rng(seed)
    result = bytearray(content)
    size = int(random.integers(1, len(result) // 3))
    at = int(random.integers(len(result) - size))
    match seed % 4:
        case 0:
            for place in random.integers(len(result), size=random.integers(1, 200)):
                result[place] = random.integers(256)
        case 1:
            del result[at + size :]
        case 2:
            del result[at : at + size]
        case 3:
            result[at : at + size] = random.bytes(size)
    return bytes(result)


def test_every_supported_suffix_is_tested():
    assert {suffix for kinds in MADE_WITH for suffix in kinds} == SUFFIXES


@pytest.mark.parametrize("kinds", MADE_WITH, ids=lambda kinds: kinds[0])
def test_damaged_file_gives_its_pictures_or_one_message(tmp_path, kinds):
    whole = write_with_sound(tmp_path / f"whole{kinds[0]}", *MADE_WITH[kinds])
    # FFmpeg detects the format by the content, not by the suffix.
    for suffix in kinds:
        renamed = whole.rename(whole.with_suffix(suffix))
        assert shown(renamed)[1] == {k * 0.25: int(k * 6.25) for k in range(8)}
        whole = renamed
    path = tmp_path / f"damaged{whole.suffix}"
    refused = 0
    for seed in range(25):
        path.write_bytes(damaged(whole.read_bytes(), seed))
        try:
            shown(path)
        except InputError:
            refused += 1
    # Most damage costs only some pictures, but MP4 is unreadable without its index.
    assert refused < 25


def test_sound_that_starts_late_does_not_change_the_pictures(tmp_path):
    first = write_video(tmp_path / "first.mp4", steady(5, start=1))
    rest = write_video(tmp_path / "rest.mp4", steady(5, start=6), first=125)
    tone = write_tone(tmp_path / "tone.mp4", 5, start=6)
    parts = [
        in_one_file(tmp_path / f"{k}.ts", streams, mpegts_copyts="1")
        for k, streams in enumerate([[first], [rest, tone]])
    ]
    filler = tmp_path / "filler.ts"
    # FFmpeg looks for streams in the first 5 MB, and this is more.
    filler.write_bytes(NULL_PACKET * 30_000)
    path = joined(tmp_path / "late.ts", parts[0], filler, parts[1])
    manifest, got = shown(path, 1.0)
    assert manifest.duration == pytest.approx(10, abs=0.01)
    assert got == {float(t): 25 * t for t in range(10)}


def test_video_with_unknown_codec_is_rejected(tmp_path):
    path = write_video(tmp_path / "v.mp4", steady(1))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zz99"))
    with pytest.raises(InputError, match=r"v\.mp4 has no decodable video"):
        probe(Video(video=0, path=path))
