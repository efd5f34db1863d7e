"""Tests that slices and windows cover a video without gaps."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.inputs.settings import WindowSettings
from touchline.inputs.windows import list_windows, slice_bounds, whole_video, windows_per_slice

DEFAULT = WindowSettings()
durations = st.floats(0.04, 20_000).map(lambda d: round(d, 3))
slice_counts = st.integers(1, 16)
rules = (
    st.fixed_dictionaries(
        {
            "fps": st.sampled_from([0.5, 1, 2, 5]),
            "frames": st.integers(1, 16),
            "seconds": st.floats(2, 30),
            "step": st.floats(0.5, 2),
            "cross_slices": st.booleans(),
        }
    )
    # Settings reject all other values, because these would leave parts of the video unseen.
    .filter(lambda rule: rule["frames"] / rule["fps"] >= rule["step"])
    .map(lambda rule: WindowSettings(**rule))
)


def all_windows(duration, slices, rule=DEFAULT):
    return [
        list_windows(*slice_bounds(whole_video(duration), slices, s), whole_video(duration), rule)
        for s in range(slices)
    ]


def test_half_of_3000_seconds_has_the_expected_windows():
    bounds = [slice_bounds(whole_video(3000), 4, s) for s in range(4)]
    assert bounds == [(0, 750), (750, 1500), (1500, 2250), (2250, 3000)]
    windows = all_windows(3000, 4)
    assert [len(w) for w in windows] == [375] * 4
    assert (windows[0][374].start, windows[0][374].end) == (748, 750)
    assert windows[0][374].times == (748, 749)
    assert windows[0][0].times == (0, 1, 2, 3)


def test_last_window_reaches_the_end_of_an_odd_duration():
    last = all_windows(3247.04, 4)[-1][-1]
    assert last.end == 3247.04
    assert last.times == (3245.28, 3246.28)


@given(
    durations.filter(lambda d: d < 500),
    slice_counts,
    rules.map(lambda rule: rule.model_copy(update={"cross_slices": True})),
)
def test_windows_that_cross_slices_equal_the_windows_of_an_undivided_video(duration, slices, rule):
    divided = [
        (window.start, window.end, window.times)
        for part in all_windows(duration, slices, rule)
        for window in part
    ]
    (undivided,) = all_windows(duration, 1, rule)
    assert divided == [(window.start, window.end, window.times) for window in undivided]


@given(durations, slice_counts)
def test_slices_cover_the_video_without_gaps(duration, slices):
    bounds = [slice_bounds(whole_video(duration), slices, s) for s in range(slices)]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == duration
    assert all(a[1] == b[0] for a, b in pairwise(bounds))


@given(durations.filter(lambda d: d < 500), slice_counts, rules)
def test_windows_cover_their_slice_and_contain_their_frames(duration, slices, rule):
    for index, windows in enumerate(all_windows(duration, slices, rule)):
        start, end = slice_bounds(whole_video(duration), slices, index)
        if start == end:
            continue
        if rule.cross_slices:
            # A window of the previous slice may show the start.
            start = min([end, *(window.start for window in windows)])
        reached = start
        for window in windows:
            assert window.start <= reached + 1e-9, "a gap between windows"
            assert window.start < window.end <= (duration if rule.cross_slices else end)
            assert window.times[0] == window.start
            assert all(t < window.end for t in window.times)
            assert len(window.times) <= rule.frames
            reached = max(reached, window.end)
        assert reached >= end


@given(durations.filter(lambda d: d < 500), slice_counts, rules)
def test_count_of_windows_equals_the_list(duration, slices, rule):
    listed = [len(windows) for windows in all_windows(duration, slices, rule)]
    assert windows_per_slice(whole_video(duration), slices, rule) == listed


@pytest.mark.parametrize("duration", [0.04, 1.0, 5.04])
def test_clip_shorter_than_a_window_is_covered(duration):
    windows = [w for part in all_windows(duration, 4) for w in part]
    assert windows[0].start == 0
    assert windows[-1].end == duration
