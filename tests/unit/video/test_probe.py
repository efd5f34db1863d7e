"""Tests that the probe describes videos and rejects unusable files."""

import os
import struct
import wave

import av
import pytest

from media import in_one_file, joined, remuxed, steady, write_tone, write_video
from touchline.errors import InputError
from touchline.inputs.fingerprint import check_fingerprint, fingerprint
from touchline.inputs.videos import Video
from touchline.video.probe import probe


def probed(path, **more):
    return probe(Video(video=0, path=path), **more)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_duration_equals_the_duration_of_the_pictures(tmp_path, suffix):
    manifest = probed(write_video(tmp_path / f"v.{suffix}", steady(7.2)))
    assert manifest.duration == pytest.approx(7.2, abs=0.002)
    assert manifest.frame_rate == pytest.approx(25, abs=0.02)
    assert (manifest.width, manifest.height, manifest.codec) == (256, 144, "h264")


def test_max_duration_only_shortens_the_video(tmp_path):
    path = write_video(tmp_path / "v.mp4", steady(4))
    assert probed(path, max_duration=3).duration == 3
    assert probed(path, max_duration=30).duration == 4


def test_fingerprint_depends_only_on_the_content(tmp_path):
    path = write_video(tmp_path / "v.mp4", steady(2))
    manifest = probed(path)
    moved = path.rename(tmp_path / "other name.mp4")
    moved.touch()
    assert fingerprint(moved) == manifest.fingerprint
    check_fingerprint(moved, manifest)
    other = write_video(tmp_path / "w.mp4", steady(2), gop=5)
    with pytest.raises(InputError, match="changed since the probe"):
        check_fingerprint(other, manifest)


def audio_only(path):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))


def header_only(path):
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        output.start_encoding()


def cut_in_half(path):
    write_video(path, steady(60), gop=25)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


BAD = {
    "none.mkv": (lambda path: None, ["does not exist", "table"]),
    "text.mkv": (lambda path: path.write_text("not a video\n" * 50), ["cannot be opened"]),
    "sound.wav": (audio_only, ["no video stream"]),
    "zero.mkv": (lambda path: path.touch(), ["empty (0 bytes)"]),
    "nothing.mkv": (header_only, ["cannot be opened"]),
    "folder.mkv": (lambda path: path.mkdir(), ["is a folder"]),
    "half.mkv": (cut_in_half, ["cut short", "Copy it again"]),
    "half.mp4": (cut_in_half, ["cannot be opened", "cut short"]),
    "raw.h264": (
        lambda p: write_video(p, steady(1), container="h264"),
        ["no timestamps", "ffmpeg"],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_unusable_file_is_rejected_with_one_message(tmp_path, name):
    make, words = BAD[name]
    make(tmp_path / name)
    with pytest.raises(InputError) as error:
        probed(tmp_path / name)
    message = str(error.value)
    assert "\n" not in message
    assert name in message
    assert all(word in message for word in words), message


def test_video_that_was_cut_short_can_be_processed_up_to_its_end(tmp_path):
    path = tmp_path / "half of it.mkv"
    cut_in_half(path)
    assert probed(path, max_duration=20).duration == 20
    with pytest.raises(InputError, match=r"ffmpeg -i 'half of it.mkv' -c copy 'half of it_part"):
        probed(path)
    # The command in the message makes this file.
    part = remuxed(path, tmp_path / "part.mkv")
    assert 25 < probed(part).duration < 35


@pytest.mark.parametrize("suffix", ["avi", "mp4", "mov", "flv", "mkv"])
def test_file_with_missing_end_is_rejected(tmp_path, suffix):
    path = tmp_path / f"cut.{suffix}"
    if suffix == "avi":
        write_video(path, steady(30), codec="mpeg4", gop=5, b_frames=0)
    else:
        whole = write_video(tmp_path / "whole.mkv", steady(30), gop=5)
        faststart = {"movflags": "faststart"} if suffix in ("mp4", "mov") else {}
        in_one_file(path, [whole], **faststart)
    assert probed(path).duration == pytest.approx(30, abs=0.1)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 7 // 10])
    with pytest.raises(InputError, match="is cut short"):
        probed(path)


@pytest.mark.parametrize(
    ("suffix", "codec", "files"),
    [
        *[(suffix, "libx264", 2) for suffix in ("mp4", "mov", "flv")],
        ("wmv", "wmv2", 2),
        ("mxf", "mpeg2video", 2),
        ("mkv", "libx264", 3),
        ("webm", "libvpx", 4),
    ],
)
def test_joined_files_that_ffmpeg_cannot_read_are_rejected(tmp_path, suffix, codec, files):
    clip = write_video(tmp_path / f"clip.{suffix}", steady(4), codec=codec, b_frames=0)
    assert probed(clip).duration == pytest.approx(4, abs=0.1)
    with pytest.raises(InputError, match="consists of several files"):
        probed(joined(tmp_path / f"joined.{suffix}", *[clip] * files))


@pytest.mark.parametrize("suffix", ["mkv", "flv", "wmv", "mp4", "ts"])
def test_sound_after_the_last_picture_is_accepted(tmp_path, suffix):
    pictures = write_video(tmp_path / "pictures.mp4", steady(4), b_frames=0)
    tone = write_tone(tmp_path / "tone.mp4", 20)
    path = in_one_file(tmp_path / f"v.{suffix}", [pictures, tone])
    assert probed(path).duration == pytest.approx(4, abs=0.05)


@pytest.mark.parametrize(
    ("suffix", "pictures", "sound", "shown"),
    [
        ("mp4", 5, 0, 5),
        ("mkv", 5, 0, 5),
        ("mkv", 7.4, 7.4, 7.4),
        ("mp4", 0, 5, 0),
        ("ts", 105, 100, 5),
        ("ts", 100, 105, 0),
    ],
)
def test_clock_offset_is_the_time_on_a_player_at_the_first_picture(
    tmp_path, suffix, pictures, sound, shown
):
    clip = write_video(tmp_path / "clip.mp4", steady(8, start=pictures), b_frames=0)
    tone = write_tone(tmp_path / "tone.mp4", 8, start=sound)
    options = {"mpegts_copyts": "1"} if suffix == "ts" else {}
    path = in_one_file(tmp_path / f"v.{suffix}", [clip, tone], **options)
    assert probed(path).clock_offset == pytest.approx(shown, abs=0.05)


def test_playlist_named_like_a_video_reads_no_other_file(tmp_path):
    secret = write_video(tmp_path / "secret.ts", steady(1))
    playlist = tmp_path / "list.mkv"
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/{secret.name}\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError):
        probed(playlist)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:8,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {}\n",
    ],
)
def test_list_of_files_named_like_a_video_is_rejected(tmp_path, text):
    write_video(tmp_path / "seg0.ts", steady(8))
    (tmp_path / "match.mp4").write_text(text.format("seg0.ts"))
    with pytest.raises(InputError) as refused:
        probe(Video(video=0, path=tmp_path / "match.mp4"))
    assert "\n" not in str(refused.value)


def test_pipe_is_rejected_before_reading(tmp_path):
    os.mkfifo(tmp_path / "match.mp4")
    with pytest.raises(InputError, match=r"match\.mp4 is not a file but a pipe or a device"):
        probe(Video(video=0, path=tmp_path / "match.mp4"))


def test_fragmented_live_recording_is_read_completely(tmp_path):
    """Each fragment states its time since the stream began, hours earlier."""
    source = write_video(tmp_path / "source.mp4", steady(8))
    path = tmp_path / "live.mp4"
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(str(source)) as file, av.open(str(path), "w", options=options) as output:
        stream = output.add_stream_from_template(file.streams.video[0])
        for packet in file.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    with av.open(str(path)) as file:
        later = int(5000 / file.streams.video[0].time_base)
    content, place = bytearray(path.read_bytes()), 0
    while (place := content.find(b"tfdt", place)) >= 0:
        # Version 1 of the box has 64 bits.
        form = ">Q" if content[place + 4] else ">I"
        (time,) = struct.unpack_from(form, content, place + 8)
        struct.pack_into(form, content, place + 8, time + later)
        place += 4
    path.write_bytes(content)
    manifest = probe(Video(video=0, path=path))
    assert (manifest.duration, manifest.start_time) == (8.0, 5000.08)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(content[: len(content) // 2])
    assert probe(Video(video=0, path=cut)).duration < 5


KEY = "00112233445566778899aabbccddeeff"


def encrypted_mp4(source, target):
    options = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": KEY, "encryption_kid": KEY}
    return in_one_file(target, [source], **options)


def ebml(name, content):
    size = 1 if len(content) < 127 else 2
    return bytes.fromhex(name) + (len(content) | 1 << 7 * size).to_bytes(size, "big") + content


def encrypted_webm(source, target):
    """Return a copy that states an encryption key. The key replaces empty space in the file."""
    key = ebml("5035", ebml("47e1", b"\5") + ebml("47e2", bytes.fromhex(KEY)))
    one = ebml("6240", ebml("5031", b"\0") + ebml("5032", b"\1") + ebml("5033", b"\1") + key)
    stated = ebml("6d80", one)
    content = source.read_bytes()
    void = content.index(b"\xec\x01" + bytes(6))
    room = int.from_bytes(content[void + 2 : void + 9], "big")
    tracks = content.index(bytes.fromhex("1654ae6b"), void)

    def parts(at):
        size = 9 - content[at].bit_length()
        length = int.from_bytes(content[at : at + size], "big") & (1 << 7 * size) - 1
        return content[at + size : at + size + length], at + size + length

    inside, end = parts(tracks + 4)
    entry_at = inside.index(b"\xae")
    entry, entry_end = parts(end - len(inside) + entry_at + 1)
    grown = ebml("1654ae6b", inside[:entry_at] + ebml("ae", entry + stated))
    assert entry_end == end
    less = len(grown) - (end - tracks)
    between = content[void + 9 + room : tracks]
    target.write_bytes(
        content[:void] + ebml("ec", bytes(room - less)) + between + grown + content[end:]
    )
    return target


@pytest.mark.parametrize(
    ("encrypted", "suffix", "codec"),
    [
        (encrypted_mp4, "mp4", "libx264"),
        (encrypted_mp4, "mov", "libx264"),
        (encrypted_webm, "webm", "libvpx"),
        (encrypted_webm, "mkv", "libx264"),
    ],
)
def test_encrypted_video_is_rejected(tmp_path, encrypted, suffix, codec):
    plain = write_video(tmp_path / f"plain.{suffix}", steady(2), codec=codec, b_frames=0)
    assert probed(plain).duration == pytest.approx(2, abs=0.1)
    with pytest.raises(InputError, match="is encrypted"):
        probed(encrypted(plain, tmp_path / f"encrypted.{suffix}"))
