"""Tests of event times from the windows that predicted them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import event

from touchline.events.merge import merge_events
from touchline.events.timing import locate
from touchline.inputs.settings import WindowSettings
from touchline.inputs.windows import list_windows, whole_video, windows_at

RULE = WindowSettings()


def located(hits, windows=None, keep="first", window=3.0):
    if windows is None:
        windows = windows_at(sorted({hit.time_s for hit in hits}), None, RULE)
    merged, _ = merge_events(hits, window, keep)
    return locate(merged, hits, ((w.start, w.end, w.times) for w in windows))


def test_event_of_one_window_is_in_the_middle_of_its_frames():
    (one,) = located([event(10.0)])
    assert (one.time_s, one.window_s, one.first_s) == (11.5, 10.0, 10.0)


def test_event_of_two_windows_is_in_the_middle_of_their_overlap():
    (one,) = located([event(10.0), event(12.0)])
    assert (one.time_s, one.window_s) == (12.5, 10.0)
    # Both windows show the frames at 12 and 13 s.


def test_windows_are_weighted_by_label_probability():
    (one,) = located([event(10.0, label_probability=0.2), event(12.0, label_probability=0.6)])
    assert one.time_s == pytest.approx((0.2 * 11.5 + 0.6 * 13.5) / 0.8)
    (none,) = located([event(10.0, label_probability=0.0), event(12.0, label_probability=0.0)])
    assert none.time_s == 12.5


@pytest.mark.parametrize("keep", ["first", "run"])
def test_later_hits_do_not_move_the_event(keep):
    hits = [event(10.0 + 2 * k) for k in range(30)]
    assert located(hits, keep=keep)[0].time_s == 12.5


def test_neighbours_on_both_sides_of_the_best_window_count():
    hits = [event(t, label_probability=p) for t, p in ((10.0, 0.5), (12.0, 1.0), (14.0, 0.5))]
    (one,) = located(hits, keep="best")
    assert (one.time_s, one.window_s, one.first_s) == (13.5, 12.0, 10.0)


def test_shortened_window_gives_an_earlier_time():
    windows = list_windows(746.0, 750.0, whole_video(3000.0), RULE)
    (one,) = located([event(748.0)], windows)
    assert one.time_s == 748.5


@given(
    st.floats(20, 100),
    st.sampled_from([(4.0, 2.0), (4.0, 1.0), (6.0, 2.0), (4.0, 4.0), (8.0, 2.0)]),
    st.sampled_from([1.0, 2.0, 4.0]),
)
def test_located_time_is_within_half_a_step_of_the_moment(moment, lengths, fps):
    """An instant is visible in all windows that have a frame right after it."""
    seconds, step = lengths
    rule = WindowSettings(fps=fps, frames=round(seconds * fps), seconds=seconds, step=step)
    windows = list_windows(0.0, 120.0, whole_video(120.0), rule)
    # A window shows the moment if one of its frames follows within one frame interval.
    seen = [w for w in windows if any(moment <= time < moment + 1 / fps for time in w.times)]
    (one,) = located([event(w.start) for w in seen], windows, window=seconds)
    assert abs(one.time_s - moment) <= step / 2 + 1 / fps


@given(st.lists(st.integers(0, 60), min_size=1, max_size=20), st.sampled_from(["first", "best"]))
def test_located_time_lies_inside_the_predicting_windows(starts, keep):
    for one in located([event(2.0 * start) for start in starts], keep=keep):
        assert one.first_s <= one.time_s <= one.last_s + 4
        assert one.window_s <= one.time_s + 4
