"""The number of slices changes neither windows nor frames."""

import pytest

from media import joined, steady, ts_with_other_times, write_video

pytestmark = pytest.mark.slow


@pytest.fixture
def videos(clone):
    """Write footage that slices must read from its beginning; return the video numbers by name."""
    folder = clone.folder / "halves"
    folder.mkdir()
    write_video(folder / "plain.mkv", steady(30), gop=50)
    write_video(folder / "decoding order.avi", steady(30), b_frames=3)
    part = write_video(folder / "part.ts", steady(15), gop=25)
    joined(folder / "joined.ts", part, part)
    untimed = {place: None for place in range(750) if place % 10}
    whole = write_video(folder / "whole.ts", steady(30))
    ts_with_other_times(whole, folder / "few times.ts", untimed)
    write_video(folder / "av1.mp4", steady(30), codec="libsvtav1")
    # Some of its four slices have no window of their own.
    write_video(folder / "short.mp4", steady(3))
    for used in part, whole:
        used.unlink()
    clone.config["videos"] = str(folder)
    return range(len(list(folder.iterdir())))


def shown(clone, slices, videos):
    """Return window, status, text and frames of all windows, by video."""
    clone.run(
        "predictions",
        slices=slices,
        window={"cross_slices": True},
        results=f"results/{slices}",
    )
    return {
        video: [
            (w["start"], w["end"], w["status"], w["text"], w["frame_times"])
            for index in range(slices)
            for w in clone.read(f"{slices}/windows/windows_llava_vid{video}_gpu{index}.jsonl")
        ]
        for video in videos
    }


def test_windows_that_cross_slices_are_the_same_for_one_and_four_slices(clone, videos):
    one, four = (shown(clone, slices, videos) for slices in (1, 4))
    assert one == four
    assert sorted(len(windows) for windows in one.values()) == [2, 15, 15, 15, 15, 15]
    assert all(w[2] != "no_frames" for windows in one.values() for w in windows)
