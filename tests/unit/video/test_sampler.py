"""Tests that the sampler returns the frame on screen at a time, for any container."""

import gc
import logging
import threading
import time
from fractions import Fraction
from itertools import product

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fields import write_fields
from media import (
    in_one_file,
    joined,
    number_in,
    numbered_picture,
    remuxed,
    sample_frames,
    steady,
    ts_with_other_times,
    write_video,
)
from touchline.inputs.videos import Video
from touchline.video.decoder import Decoder
from touchline.video.probe import probe
from touchline.video.sampler import Frame, read_frames


def sampled(path, times, max_size=4096):
    start = probe(Video(video=0, path=path)).start_time
    return list(sample_frames(path, times, start, max_size))


def shown(path, times):
    """Return the numbers of the pictures that a probed video shows, by time."""
    manifest = probe(Video(video=0, path=path))
    frames = read_frames(manifest, path, times, max_size=4096, threads=2)
    return manifest, {frame.wanted: number_in(frame.picture) for frame in frames}


def numbers(path, times):
    return [number_in(frame.picture) for frame in sampled(path, times)]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "mov"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_sampler_returns_the_frame_on_screen(tmp_path, suffix, b_frames):
    path = write_video(tmp_path / f"v.{suffix}", steady(12), gop=30, b_frames=b_frames)
    times = [0, 0.03, 1, 2.5, 6.019, 9, 11.96, 11.99]
    assert numbers(path, times) == [0, 0, 25, 62, 150, 225, 299, 299]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_time_counts_from_the_start_of_the_stream(tmp_path, suffix):
    path = write_video(tmp_path / f"v.{suffix}", steady(6, start=7.4), gop=30)
    frames = sampled(path, [0, 1, 5.5])
    assert [number_in(f.picture) for f in frames] == [0, 25, 137]
    assert [f.time for f in frames] == pytest.approx([0, 1, 5.48], abs=0.002)


def test_video_with_variable_frame_rate_gives_the_frame_on_screen(tmp_path):
    # 25 pictures in the first second, then one picture for three seconds, then five per second.
    times = [*steady(1), 1.0, *(4 + k / 5 for k in range(10))]
    path = write_video(tmp_path / "v.mkv", times)
    assert numbers(path, [0.5, 1, 2, 3.9, 4, 5.1]) == [12, 25, 25, 25, 26, 31]


def test_times_after_the_end_give_no_frame(tmp_path):
    path = write_video(tmp_path / "v.mp4", steady(2))
    assert [f.wanted for f in sampled(path, [1.9, 1.99, 2.0, 3.0])] == [1.9, 1.99]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 7.9).map(lambda t: round(t, 3)), min_size=1, max_size=12))
def test_frames_at_any_times_are_those_of_a_full_decode(tmp_path_factory, times):
    path = tmp_path_factory.getbasetemp() / "full.ts"
    if not path.exists():
        write_video(path, steady(8, start=1.4), gop=40)
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))
    first = decoded[0].time
    wanted = sorted(times)
    expected = [
        max(k for k, frame in enumerate(decoded) if round(frame.time - first, 6) <= t)
        for t in wanted
    ]
    got = sampled(path, wanted)
    assert [number_in(frame.picture) for frame in got] == expected
    full = torch.from_numpy(decoded[expected[0]].to_ndarray(format="rgb24")).permute(2, 0, 1)
    assert torch.equal(got[0].picture, full)


def test_longer_side_is_capped_with_the_aspect_ratio(tmp_path):
    path = write_video(tmp_path / "v.mp4", steady(1), size=(640, 360))
    (frame,) = sampled(path, [0.5], max_size=320)
    assert frame.picture.shape == (3, 180, 320)
    assert number_in(frame.picture, scale=0.5) == 12


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi", "mpg"])
@pytest.mark.parametrize(
    ("size", "pixel", "shown"),
    [
        ((720, 576), (64, 45), (384, 216)),
        ((1440, 1080), (4, 3), (384, 216)),
        ((720, 576), (16, 15), (384, 288)),
        ((960, 540), (3, 4), (384, 288)),
    ],
)
def test_frame_has_the_shape_of_the_displayed_picture(tmp_path, suffix, size, pixel, shown):
    codec = "mpeg2video" if suffix == "mpg" else "libx264"
    path = tmp_path / f"v.{suffix}"
    write_video(
        path, steady(0.4), size=size, codec=codec, b_frames=0, pixel_aspect=Fraction(*pixel)
    )
    manifest = probe(Video(video=0, path=path))
    assert manifest.pixel_aspect == pytest.approx(pixel[0] / pixel[1], abs=0.02)
    (frame,) = read_frames(manifest, path, [0.2], max_size=384, threads=1)
    assert frame.picture.shape[1:] == pytest.approx(shown[::-1], abs=4)
    assert number_in(frame.picture, scale=shown[0] / size[0]) == 5


def test_interlaced_picture_shows_a_single_field(tmp_path):
    # In interlaced video, the lines of each frame alternate between two moments.
    path = tmp_path / "v.ts"
    size = (512, 288)
    with av.open(str(path), "w") as output:
        options = {"preset": "ultrafast", "x264-params": "tff=1", "qp": "10"}
        stream = output.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(50):
            both = numbered_picture(2 * number, size)
            both[1::2] = numbered_picture(2 * number + 1, size)[1::2]
            frame = av.VideoFrame.from_ndarray(both, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    for frame in sampled(path, [0.0, 1.0, 1.96], max_size=256):
        number = 2 * round(25 * frame.wanted)
        whole = torch.from_numpy(numbered_picture(number, size)).permute(2, 0, 1)
        # Even and odd numbers differ in the first cell. A mixture of fields would make it grey.
        assert number_in(frame.picture, scale=0.5) == number
        assert frame.picture[0, 4, 4] == pytest.approx(int(whole[0, 8, 8]), abs=12)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [(), (0,), (1,), (0, 1)], ids=["no", "down", "across", "both"])
def test_rotation_and_mirroring_equal_those_of_a_player(tmp_path, turns, mirrored):
    upright = write_video(tmp_path / "v.mp4", steady(1))
    placed = tmp_path / "placed.mp4"
    with av.open(str(upright)) as source, av.open(str(placed), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(90 * turns, hflip=1 in mirrored, vflip=0 in mirrored)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    (plain,), (frame,) = sampled(upright, [0.2]), sampled(placed, [0.2])
    expected = torch.rot90(plain.picture, turns, (1, 2)).flip([1 + axis for axis in mirrored])
    assert torch.equal(frame.picture, expected)


def test_hd_without_colour_tags_is_read_as_bt709(tmp_path):
    colours = []
    for size in ((1280, 720), (640, 360)):
        path = tmp_path / f"{size[0]}.mp4"
        with av.open(str(path), "w") as output:
            stream = output.add_stream("libx264", rate=25, options={"qp": "1"})
            stream.width, stream.height = size
            red = np.full((size[1], size[0], 3), (200, 30, 60), np.uint8)
            frame = av.VideoFrame.from_ndarray(red, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
            frame.pts, frame.time_base = 0, Fraction(1, 25)
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        (frame,) = sampled(path, [0])
        colours.append(frame.picture[:, 100, 100].float())
    assert colours[0] == pytest.approx([200, 30, 60], abs=4)
    assert colours[1] != pytest.approx([200, 30, 60], abs=12)


# Comparison with a plain decode of every packet in order.

_SMALL = (160, 96)
_GROUP = 20


def moving_picture(number):
    """Return a picture with moving detail, so that a wrongly decoded picture looks wrong."""
    width, height = _SMALL
    grain = np.random.default_rng(number // 33).integers(0, 255, (64, 90, 3), np.uint8)
    large = grain.repeat(4, 0).repeat(4, 1)
    top, left = number % 80, 2 * number % 160
    return large[top : top + height, left : left + width]


def write_moving(path, times, codec, time_base=Fraction(1, 90_000), **options):
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = _SMALL
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = time_base
        stream.codec_context.gop_size = _GROUP
        if codec == "mpeg2video":
            stream.codec_context.max_b_frames = 2
        for number, moment in enumerate(times):
            frame = av.VideoFrame.from_ndarray(moving_picture(number), format="rgb24")
            frame.pts, frame.time_base = round(moment / time_base), time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def plainly_decoded(path):
    """Return time and picture of every decoded frame, including damaged ones."""
    pictures = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for packet in container.demux(stream):
            try:
                frames = stream.codec_context.decode(packet if packet.size else None)
            except av.FFmpegError:
                continue
            for frame in frames:
                rgb = frame.to_ndarray(format="rgb24", interpolation="BICUBIC")
                seconds = float(frame.pts * stream.time_base)
                pictures.append((seconds, torch.from_numpy(rgb).permute(2, 0, 1)))
    return pictures


def check_against(pictures, path, times, threads):
    """Check that the times give the same frames, in time and pixels, as a plain decode."""
    start = pictures[0][0]
    expected = {}
    for wanted in times:
        before = [each for each in pictures if round(each[0] - start, 6) <= wanted]
        expected[wanted] = before[-1]
    got = list(sample_frames(path, times, start, 4096, threads=threads))
    assert [frame.wanted for frame in got] == list(times)
    for frame in got:
        seconds, picture = expected[frame.wanted]
        assert frame.time == pytest.approx(seconds - start, abs=0.0006)
        assert torch.equal(frame.picture, picture), f"at {frame.wanted} s"


def x264(**more):
    params = {"keyint": _GROUP, "min-keyint": 3, "threads": 1, "b-adapt": 0, **more}
    joined = ":".join(f"{name}={value}" for name, value in params.items())
    return {"codec": "libx264", "preset": "veryfast", "x264-params": joined}


def x265(**more):
    params = {"keyint": _GROUP, "min-keyint": 3, "pools": 1, "log-level": "none", **more}
    joined = ":".join(f"{name}={value}" for name, value in params.items())
    return {"codec": "libx265", "preset": "ultrafast", "x265-params": joined}


TRUE_KEYFRAMES = {
    "h264": x264(bframes=0),
    "h264-b": x264(bframes=3),
    "h264-open": x264(**{"bframes": 3, "open-gop": 1}),
    "h264-endless": x264(keyint="infinite", scenecut=0, bframes=2),
    "hevc": x265(bframes=0),
    "hevc-open": x265(bframes=3),
    "hevc-closed": x265(**{"bframes": 3, "open-gop": 0}),
    "hevc-layers": x265(**{"bframes": 3, "temporal-layers": 3}),
    "mpeg2-b": {"codec": "mpeg2video", "b": "2M", "time_base": Fraction(1, 25)},
    "vp9": {"codec": "libvpx-vp9", "deadline": "realtime", "cpu-used": "8", "b": "600k"},
}
OTHERS = {
    "h264-refresh": x264(**{"bframes": 2, "intra-refresh": 1}),
    "h264-interlaced": x264(bframes=2, tff=1),
}
CONTAINERS = {
    "h264": ["mp4", "ts"],
    "hevc": ["mkv"],
    "hevc-closed": ["mp4"],
    "hevc-layers": ["mkv"],
    "mpeg2-b": ["ts", "mkv", "mpg"],
    "vp9": ["webm"],
    "h264-refresh": ["ts"],
    "h264-interlaced": ["mov"],
}
STREAMS = [
    (kind, suffix)
    for kind in (*TRUE_KEYFRAMES, *OTHERS)
    for suffix in CONTAINERS.get(kind, ["mp4", "mkv", "ts"])
]


@pytest.fixture(scope="module")
def streams(tmp_path_factory):
    """Return a function that makes each kind of video once, and decodes all its frames."""
    folder, made = tmp_path_factory.mktemp("streams"), {}

    def stream(kind, suffix):
        if (kind, suffix) not in made:
            path = folder / f"{kind}.{suffix}"
            write_moving(path, steady(5, start=3.4), **(TRUE_KEYFRAMES | OTHERS)[kind])
            made[kind, suffix] = path, plainly_decoded(path)
        return made[kind, suffix]

    return stream


@pytest.mark.parametrize(("kind", "suffix"), STREAMS)
def test_frames_equal_a_plain_decode(streams, kind, suffix):
    path, pictures = streams(kind, suffix)
    assert len(pictures) == 125
    for threads in (1, 4):
        check_against(pictures, path, [round(k * 0.12, 3) for k in range(41)], threads)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(STREAMS),
    st.lists(st.floats(0, 4.9).map(lambda t: round(t, 3)), min_size=1, max_size=8).map(sorted),
    st.integers(1, 3),
)
def test_frames_at_any_times_of_any_video_equal_a_plain_decode(streams, stream, times, threads):
    path, pictures = streams(*stream)
    check_against(pictures, path, list(dict.fromkeys(times)), threads)


@pytest.mark.parametrize("kind", TRUE_KEYFRAMES)
def test_full_decode_is_not_needed_for_true_keyframes(streams, kind, monkeypatch):
    monkeypatch.delattr(Decoder, "_decode_in_full")
    path, pictures = streams(kind, CONTAINERS.get(kind, ["mp4"])[0])
    check_against(pictures, path, [round(k * 0.12, 3) for k in range(41)], 2)


def test_changing_frame_rate_gives_the_exact_pixels(tmp_path):
    gaps = np.random.default_rng(1).choice([0.02, 0.04, 0.3, 1.7], 90, p=[0.5, 0.3, 0.15, 0.05])
    path = write_moving(tmp_path / "v.mkv", np.cumsum(gaps), **x264(bframes=3))
    pictures = plainly_decoded(path)
    end = pictures[-1][0] - pictures[0][0]
    check_against(pictures, path, [round(t, 3) for t in np.arange(0, end, 0.07).tolist()], 3)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_part_far_into_the_video_is_decoded(tmp_path, suffix):
    # With keyframes 12 s apart, seeking in TS ends after the wanted keyframe.
    path = write_moving(tmp_path / f"v.{suffix}", steady(60, 10), **x264(keyint=120, scenecut=0))
    pictures = plainly_decoded(path)
    for times in ([35.9, 36.0, 36.1, 50.5], [59.9], [0.0, 58.7]):
        check_against(pictures, path, times, 2)


def test_same_time_can_be_requested_twice(streams):
    path, _ = streams("h264-b", "mp4")
    twice = list(sample_frames(path, [1.0, 1.0, 1.01], 3.4, 4096))
    assert [frame.wanted for frame in twice] == [1.0, 1.0, 1.01]
    assert {frame.time for frame in twice} == {1.0}


# Damaged files.


def packets_of(path):
    """Return the place in the file, the size and the keyframe mark of each packet."""
    with av.open(str(path)) as container:
        return [(p.pos, p.size, p.is_keyframe) for p in container.demux(video=0) if p.size]


def overwritten(path, packets, value=None):
    """Return a copy of a video with the bytes of some packets overwritten."""
    content = bytearray(path.read_bytes())
    noise = np.random.default_rng(0)
    for place, size, _ in packets:
        content[place : place + size] = bytes([value]) * size if value else noise.bytes(size)
    damaged = path.with_stem("damaged")
    damaged.write_bytes(content)
    return damaged


@pytest.mark.parametrize("kind", ["h264-b", "h264-open", "hevc-closed", "mpeg2-b", "vp9"])
@pytest.mark.parametrize("victim", ["keyframe", "other"])
def test_damage_loses_no_frame_of_another_group(tmp_path, kind, victim):
    options = TRUE_KEYFRAMES[kind]
    path = write_moving(tmp_path / "sound.mp4", steady(5), **options)
    packets = packets_of(path)
    keyframes = [place for place, packet in enumerate(packets) if packet[2]]
    at = keyframes[2] + (0 if victim == "keyframe" else 3)
    damaged = overwritten(path, packets[at : at + 1])
    pictures = plainly_decoded(path)
    # The leading pictures of an open group depend on the previous group.
    hurt = set(range(keyframes[2] - 4, keyframes[3] + 4))
    times = [round(k * 0.04, 3) for k in range(125)]
    got = {f.wanted: f for f in sample_frames(damaged, times, pictures[0][0], 4096, threads=2)}
    for number, (_, picture) in enumerate(pictures):
        if number not in hurt:
            assert torch.equal(got[times[number]].picture, picture), number


def test_lost_pictures_are_replaced_up_to_one_second_and_longer_gaps_are_logged(tmp_path, caplog):
    path = write_moving(tmp_path / "sound.mp4", steady(5), **x264(scenecut=0))
    pictures = plainly_decoded(path)
    # These packets are two groups of pictures, from 1.6 to 3.2 s.
    damaged = overwritten(path, packets_of(path)[40:80], value=0xFF)
    shown = {1.0: 25, 1.56: 39, 1.6: 39, 2.4: 39, 2.6: None, 3.16: None, 3.2: 80, 4.0: 100}
    with caplog.at_level(logging.WARNING):
        got = {f.wanted: f for f in sample_frames(damaged, list(shown), 0.0, 4096, threads=2)}
    for wanted, number in shown.items():
        if number is None:
            assert wanted not in got
        else:
            assert got[wanted].time == round(number / 25, 3)
            assert torch.equal(got[wanted].picture, pictures[number][1])
    assert [record.getMessage() for record in caplog.records] == [
        "The picture at 2.600 s cannot be decoded.",
        "The picture at 3.160 s cannot be decoded.",
    ]


def test_times_without_a_picture_are_logged_once(tmp_path, caplog):
    path = write_video(tmp_path / "v.mp4", steady(2))
    with caplog.at_level(logging.WARNING):
        assert [frame.wanted for frame in sampled(path, [1.0, 2.0, 7.5])] == [1.0]
    assert [record.getMessage() for record in caplog.records] == [
        "No picture is on screen at 2.000 s.",
        "No picture is on screen at 7.500 s.",
    ]


# Clocks that start again or have wrong times.

EVERY = [round(k / 25, 3) for k in range(250)]


RESTARTS = [(0, 0), (70, 0), (70, 69)]


# If a clock may start again by design, a leap of hours is no gap.
@pytest.mark.parametrize(
    ("suffix", "starts"),
    [
        *product(["ts", "mpg"], [*RESTARTS, (70, 9000)]),
        *product(["mkv"], RESTARTS),
    ],
)
def test_joined_recordings_follow_each_other(tmp_path, suffix, starts, caplog):
    codec = "mpeg2video" if suffix == "mpg" else "libx264"
    parts = [
        write_video(
            tmp_path / f"{k}.{suffix}", steady(5, start=start), codec=codec, gop=25, first=125 * k
        )
        for k, start in enumerate(starts)
    ]
    path = joined(tmp_path / f"joined.{suffix}", *parts)
    manifest, got = shown(path, EVERY)
    assert manifest.duration == pytest.approx(10, abs=0.003)
    assert list(got) == EVERY
    # Each clock may have a resolution of milliseconds.
    assert all(abs(number - 25 * wanted) <= 1 for wanted, number in got.items())
    assert shown(path, EVERY[13::25])[1] == {t: round(25 * t) for t in EVERY[13::25]}
    assert "starts again" in caplog.text


# The main clock stops during the inserted part, or continues.
@pytest.mark.parametrize("starts", [(50, 3, 54), (50, 3, 59), (50, 95, 54), (50, 95, 59)])
def test_inserted_part_with_its_own_clock_leaves_no_gap(tmp_path, starts):
    parts = [
        write_video(
            tmp_path / f"{k}.ts", steady(length, start=start), gop=25, first=round(25 * first)
        )
        for k, (start, length, first) in enumerate(zip(starts, [4, 5, 1], [0, 4, 9], strict=True))
    ]
    manifest, got = shown(joined(tmp_path / "joined.ts", *parts), EVERY[13::25])
    assert (manifest.duration, manifest.no_pictures) == (pytest.approx(10, abs=0.1), [])
    assert got == {t: round(25 * t) for t in EVERY[13::25]}


@pytest.mark.parametrize("suffix", ["ts", "mp4", "mkv"])
def test_each_wrong_time_loses_only_its_own_picture(tmp_path, suffix, caplog):
    whole = write_video(tmp_path / f"whole.{suffix}", steady(10), gop=25)
    # A keyframe, a reference picture and the last picture, moved to the future or to the past.
    off = {50: 10_800, 101: 77, 149: 2000, 249: 9000}
    path = tmp_path / f"damaged.{suffix}"
    if suffix == "ts":
        off |= {200: -4, 225: -8}
        ts_with_other_times(whole, path, off)
    else:
        remuxed(whole, path, shifts=off)
    manifest, got = shown(path, EVERY)
    assert manifest.duration == pytest.approx(10, abs=0.1)
    wrong = {wanted for wanted, number in got.items() if number != round(25 * wanted)}
    assert len(wrong) + len(EVERY) - len(got) <= len(off)
    assert f"{len(off)} pictures with times far from" in caplog.text


@pytest.mark.parametrize("suffix", ["ts", "mp4", "mkv"])
@pytest.mark.parametrize("seconds", [3, 3600])
def test_missing_pictures_leave_a_gap_without_frames(tmp_path, suffix, seconds, caplog):
    times = [*steady(5), *steady(5, start=5 + seconds)]
    path = write_video(tmp_path / f"v.{suffix}", times, gop=25)
    ends = [4.96, 5.0, 5.5, 4.96 + seconds, 5 + seconds, 9.96 + seconds, 10 + seconds]
    wanted = sorted({0.0, 2.0, *steady(5 + seconds, rate=0.1), *ends})
    manifest, got = shown(path, [round(t, 3) for t in wanted])
    (gap,) = manifest.no_pictures
    assert (gap.start, gap.end) == pytest.approx((5, 5 + seconds), abs=0.002)
    assert manifest.frame_rate == pytest.approx(25, abs=0.05)
    expected = {t: round(25 * (t if t < 5 else t - seconds)) for t in wanted}
    there = [t for t in wanted if t < 5 or 5 + seconds <= t < 10 + seconds]
    assert got == {t: expected[t] for t in there}
    assert "no picture from 5.000 to" in caplog.text


# Pictures with separately coded fields, and packets without a time.


@pytest.mark.parametrize("suffix", ["ts", "mkv", "mp4"])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("b_pictures", [False, True])
def test_picture_in_two_fields_is_shown_at_its_time(tmp_path, suffix, apart, b_pictures):
    path = write_fields(tmp_path / f"v.{suffix}", 50, apart=apart, b_pictures=b_pictures)
    times = [round(k / 25, 3) for k in range(50)]
    manifest, got = shown(path, times)
    assert (manifest.start_time, manifest.duration) == (1, 2)
    assert manifest.frame_rate == 25
    assert got == {t: round(25 * t) for t in times}
    # Sparse times, so that each is the last in its group, and the times of second fields.
    sparse = [0.02, 0.7, 1.42, 1.98]
    assert shown(path, sparse)[1] == {t: int(25 * t) for t in sparse}


def test_picture_without_a_time_is_replaced_by_the_previous_one(tmp_path):
    whole = write_video(tmp_path / "whole.ts", steady(10), gop=25, b_frames=0)
    untimed = range(50, 250, 100)
    path = ts_with_other_times(whole, tmp_path / "v.ts", dict.fromkeys(untimed))
    manifest, got = shown(path, EVERY)
    assert manifest.duration == pytest.approx(10, abs=0.01)
    assert got == {t: round(25 * t) - (round(25 * t) in untimed) for t in EVERY}


# Choice among several video streams.


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("default", [{1}, {0, 1}])
@pytest.mark.parametrize("preview", ["small", "still"])
def test_stream_that_a_player_shows_is_chosen(tmp_path, suffix, default, preview, caplog):
    large = write_video(tmp_path / "large.mp4", steady(4), first=1000)
    if preview == "small":
        other = write_video(tmp_path / "small.mp4", steady(4), size=(192, 108))
    else:
        # A still image is not chosen, even if it is larger and comes first.
        other = write_video(tmp_path / "still.mp4", [0.0], size=(640, 360))
    path = in_one_file(tmp_path / f"v.{suffix}", [other, large], default)
    with caplog.at_level(logging.INFO):
        manifest, got = shown(path, [0.0, 2.0, 3.96])
    assert (manifest.width, manifest.duration) == (256, pytest.approx(4, abs=0.01))
    assert list(got.values()) == [1000, 1050, 1099]
    assert "several video streams. Touchline uses stream 1 (256x144), not stream 0" in caplog.text


def test_pictures_that_move_to_another_stream_are_still_read(tmp_path):
    halves = []
    for half, pid in enumerate(("256", "512")):
        clip = write_video(
            tmp_path / f"{half}.mp4", steady(5, start=1 + 5.0 * half), first=125 * half
        )
        options = {"mpegts_start_pid": pid, "mpegts_copyts": "1"}
        halves.append(in_one_file(tmp_path / f"{half}.ts", [clip], **options))
    manifest, got = shown(joined(tmp_path / "v.ts", *halves), EVERY)
    assert manifest.duration == pytest.approx(10, abs=0.01)
    # The last pictures of the old stream come late or are missing.
    assert sum(number == round(25 * wanted) for wanted, number in got.items()) >= 249


@pytest.mark.parametrize("seconds", [2.0, 5.0])
def test_frame_rate_of_one_picture_in_several_seconds_is_supported(tmp_path, seconds):
    path = write_video(tmp_path / "v.mkv", steady(20 * seconds, rate=1 / seconds), b_frames=0)
    manifest, got = shown(path, steady(20 * seconds, rate=1))
    assert manifest.no_pictures == []
    assert got == {t: int(t // seconds) for t in got}
    assert len(got) > 19 * seconds - 1


# Decoding ahead of the caller, within bounds.


@pytest.fixture
def long_video(tmp_path):
    return write_video(tmp_path / "long.mp4", steady(60), size=(64, 48), gop=25)


def frames_alive():
    gc.collect()
    return sum(type(each) is Frame for each in gc.get_objects())


@pytest.mark.parametrize("threads", [1, 4])
def test_number_of_waiting_frames_is_bounded(long_video, threads):
    frames = sample_frames(long_video, steady(59), 0.0, 64, threads=threads)
    for _ in range(3):
        next(frames)
    deadline = time.monotonic() + 10
    while frames_alive() < 16 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    assert 16 <= frames_alive() <= (threads + 2) * 17
    frames.close()


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("taken", [0, 1, 40])
def test_no_thread_outlives_the_iterator(long_video, threads, taken):
    before = threading.active_count()
    frames = sample_frames(long_video, steady(59), 0.0, 64, threads=threads)
    for _ in range(taken):
        next(frames)
    frames.close()
    assert threading.active_count() == before


def test_error_in_a_thread_reaches_the_caller(long_video, monkeypatch):
    def broken(self, segment, packets):
        raise ZeroDivisionError

    monkeypatch.setattr(Decoder, "pictures", broken)
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        list(sample_frames(long_video, [1.0, 30.0], 0.0, 64, threads=2))
    assert threading.active_count() == before


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_unreadable_groups_of_pictures_give_no_frame(tmp_path, codec):
    # Lengths and headers stay readable, as in a file with an encrypted second half.
    path = write_video(tmp_path / "v.mp4", steady(8), codec=codec, gop=25)
    content, noise = bytearray(path.read_bytes()), np.random.default_rng(1)
    with av.open(str(path)) as file:
        for packet in (packet for packet in file.demux(video=0) if packet.size):
            if packet.pts * packet.time_base < 4:
                continue
            begin, end = packet.pos + 8, packet.pos + packet.size
            content[begin:end] = noise.bytes(max(0, end - begin))
    path.write_bytes(content)
    got = shown(path, EVERY[13:200:25])[1]
    assert got == {t: round(25 * t) for t in EVERY[13:100:25]}
