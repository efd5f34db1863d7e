"""The frame of time t is the one on screen at t, whatever the container says."""

import av
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from media import number_in, steady, write_video

from touchline.frames import sample_frames
from touchline.probe import probe
from touchline.videos import Video


def sampled(path, times, max_size=4096):
    start = probe(Video(video=0, path=path)).start_time
    return list(sample_frames(path, times, start, max_size))


def numbers(path, times):
    return [number_in(frame.picture) for frame in sampled(path, times)]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "mov"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_the_frame_on_screen_is_given(tmp_path, suffix, b_frames):
    path = write_video(tmp_path / f"v.{suffix}", steady(12), gop=30, b_frames=b_frames)
    times = [0, 0.03, 1, 2.5, 6.019, 9, 11.96, 11.99]
    assert numbers(path, times) == [0, 0, 25, 62, 150, 225, 299, 299]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_time_counts_from_the_stream_s_start(tmp_path, suffix):
    path = write_video(tmp_path / f"v.{suffix}", steady(6, start=7.4), gop=30)
    frames = sampled(path, [0, 1, 5.5])
    assert [number_in(f.picture) for f in frames] == [0, 25, 137]
    assert [f.time for f in frames] == pytest.approx([0, 1, 5.48], abs=0.002)


def test_a_changing_rate_is_followed(tmp_path):
    # 25 pictures in the first second, then one that stays for three, then five a second.
    times = [*steady(1), 1.0, *(4 + k / 5 for k in range(10))]
    path = write_video(tmp_path / "v.mkv", times)
    assert numbers(path, [0.5, 1, 2, 3.9, 4, 5.1]) == [12, 25, 25, 25, 26, 31]


def test_nothing_is_made_up_past_the_end(tmp_path):
    path = write_video(tmp_path / "v.mp4", steady(2))
    assert [f.wanted for f in sampled(path, [1.9, 1.99, 2.0, 3.0])] == [1.9, 1.99]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 7.9).map(lambda t: round(t, 3)), min_size=1, max_size=12))
def test_any_times_give_what_a_full_decode_gives(tmp_path_factory, times):
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


def test_the_longer_side_is_capped_in_proportion(tmp_path):
    path = write_video(tmp_path / "v.mp4", steady(1), size=(640, 360))
    (frame,) = sampled(path, [0.5], max_size=320)
    assert frame.picture.shape == (3, 180, 320)
    assert number_in(frame.picture, scale=0.5) == 12


def test_rotation_is_honoured(tmp_path):
    upright = write_video(tmp_path / "v.mp4", steady(1))
    turned = tmp_path / "turned.mp4"
    with av.open(str(upright)) as source, av.open(str(turned), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(90)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    (plain,), (frame,) = sampled(upright, [0.2]), sampled(turned, [0.2])
    assert torch.equal(frame.picture, torch.rot90(plain.picture, 1, (1, 2)))
