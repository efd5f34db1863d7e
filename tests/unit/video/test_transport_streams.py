"""Tests of broadcasts with holes, with new programme tables, and of joined recordings."""

import av
import numpy as np
import pytest

from media import SIZE, in_one_file, in_slices, joined, numbered_picture, write_tone
from touchline.errors import InputError
from touchline.inputs.videos import Video
from touchline.video.probe import probe

RATE = 25
KEYFRAMES = 2.0  # seconds between two keyframes
MIB = 1 << 20
PACKET = 188


def write(path, pictures, *, first=0, noise=0, codec="libx264", size=SIZE, **muxer):
    """Write a file of numbered pictures at 25 per second.

    Pictures with numbers below `noise` are noisy, so their packets are larger.
    """
    random = np.random.default_rng(first)
    options = {name: str(value) for name, value in muxer.items()}
    with av.open(str(path), "w", options=options) as output:
        coder = {"preset": "ultrafast", "qp": "28"} if codec == "libx264" else {}
        stream = output.add_stream(codec, rate=RATE, options=coder | {"bf": "2"})
        stream.width, stream.height = size
        stream.pix_fmt, stream.codec_context.gop_size = "yuv420p", round(KEYFRAMES * RATE)
        stream.bit_rate = 900_000
        for number in range(first, first + pictures):
            picture = numbered_picture(number, size).astype(int)
            if noise:
                picture[20:] += random.integers(-noise, noise, picture[20:].shape)
            pixels = picture.clip(0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number - first
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def check_numbers(path, pictures):
    """Check the numbers of the pictures in all slices and threads, outside the gaps."""
    manifest = probe(Video(video=0, path=path))
    times = [round(0.1 + 0.6 * k, 3) for k in range(int(pictures / RATE / 0.6))]
    in_gaps = {t for t in times for gap in manifest.no_pictures if gap.start <= t < gap.end}
    expected = {t: int(t * RATE + 1e-6) for t in times if t not in in_gaps}
    for slices in 1, 4:
        for threads in 1, 3:
            assert in_slices(path, times, slices, threads) == expected
    assert manifest.duration == pytest.approx(pictures / RATE, abs=0.001)
    return manifest


# Holes in a recording.


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return write(tmp_path_factory.mktemp("ts") / "v.ts", 40 * RATE, noise=25).read_bytes()


def filler(kind, size):
    random = np.random.default_rng(size).bytes(size)
    return {"zeros": bytes(size), "sync bytes": b"\x47" * size, "random": random, "nothing": b""}[
        kind
    ]


@pytest.mark.parametrize("kind", ["zeros", "random", "sync bytes", "nothing"])
@pytest.mark.parametrize("size", [70_000, 300_000, MIB, 2 * MIB + 1])
def test_missing_packets_become_a_gap_of_the_same_length(tmp_path, recording, kind, size):
    at = len(recording) // 3
    path = tmp_path / "v.ts"
    path.write_bytes(recording[:at] + filler(kind, size) + recording[at + size :])
    (gap,) = check_numbers(path, 40 * RATE).no_pictures
    lost = 40 * size / len(recording)
    assert lost - 0.2 <= gap.end - gap.start <= lost + KEYFRAMES + 0.2


def test_several_holes_become_several_gaps(tmp_path, recording):
    content = bytearray(recording)
    for at in 500_000, 1_500_000, 3_000_000:
        content[at : at + 200_000] = bytes(200_000)
    path = tmp_path / "v.ts"
    path.write_bytes(content)
    assert len(check_numbers(path, 40 * RATE).no_pictures) == 3


def test_inserted_zeros_lose_no_picture(tmp_path, recording):
    path = tmp_path / "v.ts"
    at = len(recording) // 2 // PACKET * PACKET
    path.write_bytes(recording[:at] + bytes(MIB) + recording[at:])
    assert check_numbers(path, 40 * RATE).no_pictures == []


def test_zeros_at_the_end_are_reported(tmp_path, recording, caplog):
    path = tmp_path / "v.ts"
    path.write_bytes(recording + bytes(MIB))
    assert check_numbers(path, 40 * RATE).no_pictures == []
    assert "The last 1.0 MiB of" in caplog.text


def test_hole_in_an_mpeg_ps_becomes_a_gap(tmp_path):
    whole = write(tmp_path / "whole.mpg", 40 * RATE, noise=25, codec="mpeg2video")
    content = whole.read_bytes()
    size, at = len(content) // 4, len(content) // 3
    path = tmp_path / "v.mpg"
    path.write_bytes(content[:at] + bytes(size) + content[at + size :])
    (gap,) = check_numbers(path, 40 * RATE).no_pictures
    lost = 40 * size / len(content)
    assert gap.end - gap.start == pytest.approx(lost, abs=KEYFRAMES + 0.5)


# New programme tables.

OTHER = {"mpegts_service_id": 7, "mpegts_pmt_start_pid": 0x1100, "mpegts_start_pid": 0x200}


def crc(section):
    """Return the CRC-32 of MPEG-2 (ISO/IEC 13818-1, annex A)."""
    value = 0xFFFFFFFF
    for byte in section:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value >> 31 else 0)) & 0xFFFFFFFF
    return value.to_bytes(4, "big")


def pid_in(packet):
    return int.from_bytes(packet[1:3], "big") & 0x1FFF


def with_other_pids(content, pids):
    """Return a TS with other PIDs. A new version of its PMT (PID 0x1000) names them."""
    result = bytearray(content)
    for at in range(0, len(result), PACKET):
        pid = pid_in(result[at : at + 3])
        if pid in pids:
            result[at + 1] = result[at + 1] & 0xE0 | pids[pid] >> 8
            result[at + 2] = pids[pid] & 255
        elif pid == 0x1000:
            # A pointer of one byte precedes the table.
            table = at + 5
            end = table + 3 + (int.from_bytes(result[table + 1 : table + 3], "big") & 0xFFF) - 4
            result[table + 5] = result[table + 5] & 0xC1 | 1 << 1
            # The PID of the clock and of each stream follow 3 reserved bits.
            stream = table + 12 + (int.from_bytes(result[table + 10 : table + 12], "big") & 0xFFF)
            fields = [table + 8]
            while stream < end:
                fields.append(stream + 1)
                stream += 5 + (int.from_bytes(result[stream + 3 : stream + 5], "big") & 0xFFF)
            for field in fields:
                new = pids.get(pid_in(bytes([0, *result[field : field + 2]])))
                if new is not None:
                    result[field : field + 2] = (0xE000 | new).to_bytes(2, "big")
            result[end : end + 4] = crc(result[table:end])
    return bytes(result)


def test_new_pid_in_a_new_pmt_loses_no_picture(tmp_path):
    content = write(tmp_path / "v.ts", 20 * RATE).read_bytes()
    keyframe_tables = [
        at
        for at in range(0, len(content), PACKET)
        if pid_in(content[at : at + 3]) == 0 and at > len(content) // 2
    ]
    at = keyframe_tables[0]
    for pid in 0x200, 0x50:
        path = tmp_path / f"{pid}.ts"
        path.write_bytes(content[:at] + with_other_pids(content[at:], {0x100: pid}))
        manifest = check_numbers(path, 20 * RATE)
        assert (manifest.no_pictures, manifest.restarts) == ([], [])
        assert [section.pid for section in manifest.sections] == [0x100, pid]


@pytest.mark.parametrize(
    "tables",
    [
        {"mpegts_service_id": 7},
        {"mpegts_start_pid": 0x200},
        {"mpegts_pmt_start_pid": 0x1100},
        {"mpegts_service_id": 7, "mpegts_start_pid": 0x200},
        {"mpegts_pmt_start_pid": 0x1100, "mpegts_start_pid": 0x200},
        OTHER,
        OTHER | {"mpegts_transport_stream_id": 9, "mpegts_m2ts_mode": 1},
    ],
    ids=str,
)
def test_joined_recordings_with_different_programme_tables_are_read_in_order(tmp_path, tables):
    parts = [
        write(tmp_path / f"{k}.ts", 10 * RATE, first=10 * RATE * k, **(tables if k == 1 else {}))
        for k in range(3)
    ]
    path = joined(tmp_path / "v.ts", *parts)
    assert check_numbers(path, 30 * RATE).no_pictures == []


def test_joined_parts_of_other_sizes_follow_each_other(tmp_path):
    first = write(tmp_path / "0.ts", 10 * RATE)
    second = write(tmp_path / "1.ts", 10 * RATE, first=10 * RATE, size=(320, 192), **OTHER)
    check_numbers(joined(tmp_path / "v.ts", first, second), 20 * RATE)


def with_sound(path, pictures, **muxer):
    tone = write_tone(path.with_suffix(".m4a"), 10)
    return in_one_file(path, [pictures, tone], **{name: str(v) for name, v in muxer.items()})


@pytest.mark.parametrize("start", [0x101, 0x200])
def test_pictures_that_move_to_the_pid_of_the_sound_are_still_read(tmp_path, start):
    parts = [
        with_sound(
            tmp_path / f"{k}.ts",
            write(tmp_path / f"{k}.mp4", 10 * RATE, first=10 * RATE * k),
            mpegts_service_id=1 + k,
            mpegts_start_pid=(0x100, start)[k],
        )
        for k in range(2)
    ]
    manifest = check_numbers(joined(tmp_path / "v.ts", *parts), 20 * RATE)
    assert manifest.no_pictures == []


def test_second_camera_is_not_joined_to_the_first(tmp_path):
    sources = [write(tmp_path / f"{k}.mp4", 10 * RATE, first=1000 * k) for k in range(2)]
    path = in_one_file(tmp_path / "v.ts", sources)
    assert check_numbers(path, 10 * RATE).sections == []


def test_change_of_codec_on_another_pid_is_rejected(tmp_path):
    first = write(tmp_path / "0.ts", 10 * RATE)
    second = write(tmp_path / "1.ts", 10 * RATE, codec="mpeg2video", **OTHER)
    path = joined(tmp_path / "v.ts", first, second)
    with pytest.raises(InputError, match=r"codec .* \(h264, then mpeg2video\)\. Split it"):
        probe(Video(video=0, path=path))


# Joined MPEG-PS files.


@pytest.mark.parametrize(("suffix", "b_frames"), [("vob", 1), ("vob", 2), ("mpg", 2)])
@pytest.mark.parametrize("pictures", [400, 250])
def test_parts_of_a_joined_mpeg_ps_follow_each_other(tmp_path, suffix, b_frames, pictures):
    parts = []
    for k in range(3):
        path = tmp_path / f"{k}.{suffix}"
        with av.open(str(path), "w") as output:
            stream = output.add_stream("mpeg2video", rate=RATE, options={"bf": str(b_frames)})
            stream.width, stream.height = SIZE
            stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
            for number in range(pictures * k, pictures * (k + 1)):
                frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
                frame.pts = number - pictures * k
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        parts.append(path)
    manifest = probe(Video(video=0, path=joined(tmp_path / f"v.{suffix}", *parts)))
    begins = [pictures * k / RATE for k in range(1, 3)]
    assert [restart.shift for restart in manifest.restarts] == pytest.approx(begins)
