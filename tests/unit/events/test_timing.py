"""An event's time is where the windows that predicted it agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import event

from touchline.events.merge import merge_events
from touchline.events.timing import locate
from touchline.inputs.settings import WindowSettings
from touchline.inputs.windows import whole, windows_from, windows_of

RULE = WindowSettings()


def located(hits, windows=None, keep="first", window=3.0):
    if windows is None:
        windows = windows_from(sorted({hit.time_s for hit in hits}), None, RULE)
    merged, _ = merge_events(hits, window, keep)
    return locate(merged, hits, ((w.start, w.end, w.times) for w in windows))


def test_one_window_puts_it_in_the_middle_of_its_frames():
    (one,) = located([event(10.0)])
    assert (one.time_s, one.window_s, one.first_s) == (11.5, 10.0, 10.0)


def test_two_windows_put_it_in_the_middle_of_what_both_show():
    (one,) = located([event(10.0), event(12.0)])
    assert (one.time_s, one.window_s) == (12.5, 10.0)
    # Both show the frames at 12 and 13 s.


def test_a_surer_window_counts_more():
    (one,) = located([event(10.0, label_probability=0.2), event(12.0, label_probability=0.6)])
    assert one.time_s == pytest.approx((0.2 * 11.5 + 0.6 * 13.5) / 0.8)
    (none,) = located([event(10.0, label_probability=0.0), event(12.0, label_probability=0.0)])
    assert none.time_s == 12.5


@pytest.mark.parametrize("keep", ["first", "run"])
def test_a_minute_of_celebration_does_not_move_the_goal(keep):
    hits = [event(10.0 + 2 * k) for k in range(30)]
    assert located(hits, keep=keep)[0].time_s == 12.5


def test_around_the_best_window_both_neighbours_count():
    hits = [event(t, label_probability=p) for t, p in ((10.0, 0.5), (12.0, 1.0), (14.0, 0.5))]
    (one,) = located(hits, keep="best")
    assert (one.time_s, one.window_s, one.first_s) == (13.5, 12.0, 10.0)


def test_a_window_that_is_cut_shows_less():
    windows = windows_of(746.0, 750.0, whole(3000.0), RULE)
    (one,) = located([event(748.0)], windows)
    assert one.time_s == 748.5


@given(
    st.floats(20, 100),
    st.sampled_from([(4.0, 2.0), (4.0, 1.0), (6.0, 2.0), (4.0, 4.0), (8.0, 2.0)]),
    st.sampled_from([1.0, 2.0, 4.0]),
)
def test_a_moment_that_every_window_sees_is_found_within_half_a_step(moment, lengths, fps):
    """A picture of an instant is in the windows with a frame just after it; the error is small."""
    seconds, step = lengths
    rule = WindowSettings(fps=fps, frames=round(seconds * fps), seconds=seconds, step=step)
    windows = windows_of(0.0, 120.0, whole(120.0), rule)
    # Seen for as long as there is one frame to the next.
    seen = [w for w in windows if any(moment <= time < moment + 1 / fps for time in w.times)]
    (one,) = located([event(w.start) for w in seen], windows, window=seconds)
    assert abs(one.time_s - moment) <= step / 2 + 1 / fps


@given(st.lists(st.integers(0, 60), min_size=1, max_size=20), st.sampled_from(["first", "best"]))
def test_a_time_lies_in_the_windows_that_predicted_the_event(starts, keep):
    for one in located([event(2.0 * start) for start in starts], keep=keep):
        assert one.first_s <= one.time_s <= one.last_s + 4
        assert one.window_s <= one.time_s + 4
