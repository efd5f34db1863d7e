"""Slices and windows: nothing between them, nothing past them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.inputs.settings import WindowSettings
from touchline.inputs.windows import slice_bounds, whole, windows_of, windows_per_slice

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
    # Others are refused, as they leave stretches unseen.
    .filter(lambda rule: rule["frames"] / rule["fps"] >= rule["step"])
    .map(lambda rule: WindowSettings(**rule))
)


def all_windows(duration, slices, rule=DEFAULT):
    return [
        windows_of(*slice_bounds(whole(duration), slices, s), whole(duration), rule)
        for s in range(slices)
    ]


def test_a_half_of_3000_seconds():
    bounds = [slice_bounds(whole(3000), 4, s) for s in range(4)]
    assert bounds == [(0, 750), (750, 1500), (1500, 2250), (2250, 3000)]
    windows = all_windows(3000, 4)
    assert [len(w) for w in windows] == [375] * 4
    assert (windows[0][374].start, windows[0][374].end) == (748, 750)
    assert windows[0][374].times == (748, 749)
    assert windows[0][0].times == (0, 1, 2, 3)


def test_an_odd_duration_loses_nothing_at_its_end():
    last = all_windows(3247.04, 4)[-1][-1]
    assert last.end == 3247.04
    assert last.times == (3245.28, 3246.28)


@given(
    durations.filter(lambda d: d < 500),
    slice_counts,
    rules.map(lambda rule: rule.model_copy(update={"cross_slices": True})),
)
def test_cross_slices_gives_the_windows_of_an_undivided_video(duration, slices, rule):
    divided = [
        (window.start, window.end, window.times)
        for part in all_windows(duration, slices, rule)
        for window in part
    ]
    (undivided,) = all_windows(duration, 1, rule)
    assert divided == [(window.start, window.end, window.times) for window in undivided]


@given(durations, slice_counts)
def test_slices_tile_the_video(duration, slices):
    bounds = [slice_bounds(whole(duration), slices, s) for s in range(slices)]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == duration
    assert all(a[1] == b[0] for a, b in pairwise(bounds))


@given(durations.filter(lambda d: d < 500), slice_counts, rules)
def test_windows_cover_their_slice_and_show_frames_in_it(duration, slices, rule):
    for index, windows in enumerate(all_windows(duration, slices, rule)):
        start, end = slice_bounds(whole(duration), slices, index)
        if start == end:
            continue
        if rule.cross_slices:
            # A window of the slice before may show the start.
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
def test_windows_are_counted_as_they_are_listed(duration, slices, rule):
    listed = [len(windows) for windows in all_windows(duration, slices, rule)]
    assert windows_per_slice(whole(duration), slices, rule) == listed


@pytest.mark.parametrize("duration", [0.04, 1.0, 5.04])
def test_a_clip_shorter_than_a_window_is_looked_at(duration):
    windows = [w for part in all_windows(duration, 4) for w in part]
    assert windows[0].start == 0
    assert windows[-1].end == duration
