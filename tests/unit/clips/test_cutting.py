"""Tests that clips have exactly the pictures and the sound of their part of the video."""

import json
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
import torch

from media import in_one_file, joined, number_in, steady, write_tone, write_video
from touchline.clips.cut import cut_video
from touchline.clips.plan import Clip
from touchline.inputs.videos import Video
from touchline.video.probe import probe

SECONDS = 16
CLIPS = [
    Clip("first.mp4", "Goal", 4, 3.333, 6.5),
    Clip("second.mp4", "Goal", 9, 8.001, 12.25),
    Clip("start.mp4", "Foul", 0, 0, 2),
]
BURSTS = range(1, SECONDS)


def uneven():
    """Return times with distances of 20, 40 and 100 ms."""
    steps = np.random.default_rng(0).choice([20, 40, 100], 2 * SECONDS * 25)
    times = np.cumsum(steps) - steps[0]
    return (times[times < 1000 * SECONDS] / 1000).tolist()


TIMES = uneven()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("pictures") / "pictures.mkv", TIMES)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return write_tone(tmp_path_factory.mktemp("sound") / "sound.m4a", SECONDS, bursts=BURSTS)


def cut(path, folder, *, exact, clips=CLIPS):
    return cut_video(probe(Video(video=0, path=path)), path, clips, folder, exact=exact)


def shown(path) -> list[tuple[float, int]]:
    """Return the time and the number of each picture. Fail if a picture cannot be decoded."""
    found = []
    with av.open(str(path)) as file:
        for frame in file.decode(video=0):
            assert not frame.is_corrupt
            picture = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)
            found.append((float(frame.pts * frame.time_base), number_in(picture)))
    return found


def heard(path, stream=0) -> list[float]:
    """Return the time at which each burst of sound begins."""
    found, last = [], -1.0
    with av.open(str(path)) as file:
        for frame in file.decode(audio=stream):
            begin = float(frame.pts * frame.time_base)
            samples = frame.to_ndarray()[0]
            for place in np.flatnonzero(np.abs(samples) > 0.3):
                time = begin + place / frame.sample_rate
                if time - last > 0.05:
                    found.append(time)
                last = time
    return found


def expected_bursts(start, end):
    """Return when bursts begin in a clip, without bursts that its start or end cuts."""
    return [burst - start for burst in BURSTS if start < burst < end - 0.1]


def whole_bursts(path, start, end):
    return [time for time in heard(path) if 0.03 < time < end - start - 0.11]


@pytest.mark.parametrize("container", ["mp4", "ts", "mkv"])
def test_exact_clips_have_each_picture_at_its_time(pictures, sound, tmp_path, container):
    path = in_one_file(tmp_path / f"match.{container}", [pictures, sound])
    listed = cut(path, tmp_path / "clips", exact=True)
    assert listed.exact
    for clip in listed.clips:
        assert (clip.start_s, clip.end_s) == (clip.asked_start_s, clip.asked_end_s)
        first = max(number for number, time in enumerate(TIMES) if time <= clip.start_s)
        inside = [(t, n) for n, t in enumerate(TIMES) if clip.start_s < t < clip.end_s]
        wanted = [(0.0, first), *((t - clip.start_s, n) for t, n in inside)]
        found = shown(tmp_path / "clips" / clip.file)
        assert [number for _, number in found] == [number for _, number in wanted]
        assert [time for time, _ in found] == pytest.approx(
            [time for time, _ in wanted], abs=0.0011
        )
        span = clip.start_s, clip.end_s
        found = whole_bursts(tmp_path / "clips" / clip.file, *span)
        assert found == pytest.approx(expected_bursts(*span), abs=0.005)
        with av.open(str(tmp_path / "clips" / clip.file)) as file:
            lasts = float(file.streams.video[0].duration * file.streams.video[0].time_base)
        assert lasts == pytest.approx(clip.end_s - clip.start_s, abs=0.0011)


@pytest.mark.parametrize("container", ["mp4", "ts", "mkv"])
def test_copied_clips_begin_at_the_keyframe_before_their_start(
    pictures, sound, tmp_path, container
):
    path = in_one_file(tmp_path / f"match.{container}", [pictures, sound])
    listed = cut(path, tmp_path / "clips", exact=False)
    assert not listed.exact
    for clip in listed.clips:
        # In videos of tests/media.py, every tenth picture is a keyframe.
        first = max(n for n, t in enumerate(TIMES) if t <= clip.asked_start_s and n % 10 == 0)
        last = max(n for n, t in enumerate(TIMES) if t < clip.asked_end_s)
        assert clip.start_s == pytest.approx(TIMES[first], abs=0.0011)
        found = shown(tmp_path / "clips" / clip.file)
        numbers = [number for _, number in found]
        assert numbers == list(range(first, numbers[-1] + 1))
        # A few more pictures may follow, because earlier pictures depend on them.
        assert last <= numbers[-1] <= last + 4
        wanted = [TIMES[number] - TIMES[first] for number in numbers]
        assert [time for time, _ in found] == pytest.approx(wanted, abs=0.0011)
        span = clip.start_s, clip.asked_end_s
        bursts = whole_bursts(tmp_path / "clips" / clip.file, *span)
        assert bursts == pytest.approx(expected_bursts(*span), abs=0.03)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("container", ["ts", "mkv"])
def test_reel_shows_the_clips_of_its_class_in_order(pictures, sound, tmp_path, container, exact):
    path = in_one_file(tmp_path / f"match.{container}", [pictures, sound])
    folder = tmp_path / "clips"
    listed = cut(path, folder, exact=exact)
    assert [reel.file for reel in listed.reels] == ["reel_Foul.mp4", "reel_Goal.mp4"]
    parts = [shown(folder / name) for name in ("first.mp4", "second.mp4")]
    found = shown(folder / "reel_Goal.mp4")
    assert [number for _, number in found] == [number for part in parts for _, number in part]
    assert all(before < after for (before, _), (after, _) in pairwise(found))
    begin = found[len(parts[0])][0]
    shifted = [time + begin for time, _ in parts[1]]
    assert [time for time, _ in found[len(parts[0]) :]] == pytest.approx(shifted, abs=0.001)
    # A burst at the start of a clip is too short to count.
    later = [time + begin for time in heard(folder / "second.mp4") if time > 0.5]
    bursts = [time for time in heard(folder / "reel_Goal.mp4") if time > begin + 0.5]
    assert bursts == pytest.approx(later, abs=0.005)
    assert len(bursts) >= 3


@pytest.mark.parametrize(("codec", "suffix"), [("pcm_s16le", "wav"), ("mp2", "mp2")])
def test_sound_that_browsers_cannot_play_is_encoded(pictures, tmp_path, codec, suffix, caplog):
    sound = write_tone(tmp_path / f"sound.{suffix}", SECONDS, bursts=BURSTS, codec=codec)
    path = in_one_file(tmp_path / "match.mkv", [pictures, sound])
    with caplog.at_level("INFO"):
        listed = cut(path, tmp_path / "clips", exact=False)
    assert f"The sound ({codec}" in caplog.text
    assert not listed.exact
    for clip in listed.clips:
        span = clip.start_s, clip.asked_end_s
        bursts = whole_bursts(tmp_path / "clips" / clip.file, *span)
        assert bursts == pytest.approx(expected_bursts(*span), abs=0.03)


def test_sound_that_begins_later_keeps_its_time(pictures, tmp_path):
    sound = write_tone(tmp_path / "sound.m4a", 8, 8.0, bursts=BURSTS)
    path = in_one_file(tmp_path / "match.mkv", [pictures, sound])
    for exact in (False, True):
        folder = tmp_path / str(exact)
        first, second = cut(path, folder, exact=exact, clips=CLIPS[:2]).clips
        assert not exact or heard(folder / first.file) == []
        for clip in (second,):
            span = clip.start_s, clip.asked_end_s
            bursts = [time for time in whole_bursts(folder / clip.file, *span) if time > 0.3]
            wanted = [time for time in expected_bursts(*span) if time > 0.3]
            assert bursts == pytest.approx(wanted, abs=0.03)
        assert len(shown(folder / "reel_Goal.mp4")) == sum(
            len(shown(folder / clip.file)) for clip in (first, second)
        )


@pytest.mark.parametrize("kind", ["joined", "mpeg2"])
def test_clips_that_cannot_be_copied_are_cut_exactly(tmp_path, sound, kind, caplog):
    if kind == "joined":
        part = in_one_file(
            tmp_path / "part.ts", [write_video(tmp_path / "v.mkv", steady(8)), sound]
        )
        path = joined(tmp_path / "match.ts", part, part)
        reason, numbers = "its clock starts again", [*range(175, 200), *range(25)]
    else:
        path = write_video(tmp_path / "match.ts", steady(16), codec="mpeg2video", b_frames=0)
        reason, numbers = "its codec is mpeg2video", list(range(175, 225))
    with caplog.at_level("INFO"):
        listed = cut(path, tmp_path / "c", exact=False, clips=[Clip("a.mp4", "Goal", 8, 7.001, 9)])
    assert listed.exact
    assert reason in caplog.text
    assert [number for _, number in shown(tmp_path / "c" / "a.mp4")] == numbers


def test_sound_of_joined_recordings_follows_the_pictures(tmp_path):
    sound = write_tone(tmp_path / "s.m4a", 8, bursts=[2, 6])
    part = in_one_file(tmp_path / "part.ts", [write_video(tmp_path / "v.mkv", steady(8)), sound])
    path = joined(tmp_path / "match.ts", part, part)
    cut(path, tmp_path / "c", exact=True, clips=[Clip("a.mp4", "Goal", 8, 5, 12)])
    assert heard(tmp_path / "c" / "a.mp4") == pytest.approx([1, 5], abs=0.03)


@pytest.mark.parametrize("exact", [False, True])
def test_clips_keep_aspect_ratio_and_rotation(tmp_path, exact):
    plain = write_video(tmp_path / "plain.mkv", steady(8), pixel_aspect=Fraction(4, 3))
    path = tmp_path / "turned.mp4"
    with av.open(str(plain)) as file, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(file.streams.video[0])
        stream.set_display_rotation(90)
        for packet in file.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    cut(path, tmp_path / "clips", exact=exact, clips=[Clip("a.mp4", "Goal", 4, 3.5, 5)])
    for name in ("a.mp4", "reel_Goal.mp4"):
        with av.open(str(tmp_path / "clips" / name)) as file:
            assert file.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
            assert next(file.decode(video=0)).rotation == 90


def test_clip_without_pictures_is_left_out(tmp_path, caplog):
    times = [*steady(4), *steady(4, start=12)]
    path = write_video(tmp_path / "match.mkv", times)
    clips = [Clip("gap.mp4", "Goal", 8, 7, 9), Clip("late.mp4", "Goal", 12, 11.5, 13)]
    listed = cut(path, tmp_path / "clips", exact=True, clips=clips)
    assert [clip.file for clip in listed.clips] == ["late.mp4"]
    assert "There is no clip of Goal at 8.000 s" in caplog.text
    found = shown(tmp_path / "clips" / "late.mp4")
    assert found[0] == (pytest.approx(0.5), 100)


def test_no_events_give_an_empty_list_of_clips(pictures, tmp_path):
    listed = cut(pictures, tmp_path / "clips", exact=False, clips=[])
    assert (listed.clips, listed.reels) == ([], [])
    names = sorted(path.name for path in (tmp_path / "clips").iterdir())
    assert names == ["clips.json", "pictures-proj.llc"]
    assert json.loads((tmp_path / "clips" / "pictures-proj.llc").read_text())["cutSegments"] == []
