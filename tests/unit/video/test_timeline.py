"""Tests of display times that are computed from right, wrong or missing times."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.video.timeline import Flags, find_strays, timeline

RATES = st.sampled_from([0.5, 5, 25, 50])
# Decoding order of each group relative to the display order: a pyramid of B-pictures, IBBP, none.
ORDERS = st.sampled_from([[0, 8, 4, 2, 1, 3, 6, 5, 7], [0, 3, 1, 2], [0]])


def decoding_order(pictures, group):
    """Return the numbers of pictures in decoding order."""
    anchor, *rest = group
    step = len(rest) or 1
    order = [anchor, *(n + k for n in range(anchor, pictures, step) for k in rest or [1])]
    return np.array([n for n in order if n < pictures])


def make_timeline(times, may_leap=False, last_stays=0.04, flags=None):
    return timeline(np.asarray(times, float), may_leap, last_stays, flags)


def make_flags(pictures, keyframes, damaged=()):
    places = np.arange(pictures)
    return Flags(np.isin(places, keyframes), np.isin(places, damaged))


@given(RATES, ORDERS, st.integers(2, 300), st.floats(-5, 90_000))
def test_steady_video_has_no_wrong_times_restarts_or_gaps(rate, group, pictures, start):
    times = start + decoding_order(pictures, group) / rate
    line = make_timeline(times, last_stays=1 / rate)
    assert line.start == pytest.approx(start)
    assert line.duration == pytest.approx(pictures / rate)
    assert (line.strays, line.restarts, line.gaps) == (0, (), ())


@given(
    RATES,
    ORDERS,
    st.dictionaries(st.integers(1, 13), st.floats(20, 90_000) | st.floats(-90_000, -20)),
)
def test_wrong_times_of_single_pictures_do_not_change_the_timeline(rate, group, off):
    # The strays are far from each other, and each is hours or seconds off in either direction.
    times = decoding_order(300, group) / rate
    wrong = times.copy()
    for place, by in off.items():
        wrong[20 * place] += by * max(1, 10 / rate)
    assert set(np.flatnonzero(find_strays(wrong))) == {20 * place for place in off}
    line = make_timeline(wrong, last_stays=1 / rate)
    assert (line.start, line.duration) == (0, pytest.approx(300 / rate))
    assert (line.strays, line.restarts, line.gaps) == (len(off), (), ())


@pytest.mark.parametrize("place", [0, 199])
@pytest.mark.parametrize("by", [-10_800, 10_800])
def test_wrong_first_or_last_time_does_not_change_the_timeline(place, by):
    times = np.arange(200) / 25
    times[place] += by
    assert make_timeline(times).duration == pytest.approx(199 / 25)


@given(
    RATES,
    ORDERS,
    st.lists(st.tuples(st.integers(150, 300), st.floats(0, 1)), min_size=2, max_size=4),
    st.booleans(),
)
def test_restarted_clock_continues_after_the_earlier_part(rate, group, parts, wraps):
    times, end = [], 0.0
    for pictures, share in parts:
        # The clock starts anywhere before its last time, or later by an overflow of 33 bits.
        begin = 95_443.7 + 20_000 * share if wraps and times else share * end
        begin = min(begin, end - 100 / rate) if times and not wraps else begin
        times.append(begin + decoding_order(pictures, group) / rate)
        end = times[-1].max()
        wraps = wraps and len(times) < 2
    line = make_timeline(np.concatenate(times), may_leap=True, last_stays=1 / rate)
    assert line.duration == pytest.approx(sum(pictures for pictures, _ in parts) / rate)
    firsts = np.cumsum([pictures for pictures, _ in parts])[:-1]
    assert [restart.packet for restart in line.restarts] == firsts.tolist()
    assert (line.strays, line.gaps) == (0, ())


@given(RATES, ORDERS, st.integers(60, 240), st.floats(20, 7000))
def test_missing_pictures_leave_a_gap(rate, group, at, seconds):
    seconds = max(seconds, 20 / rate)
    numbers = decoding_order(300, group)
    times = numbers / rate + np.where(numbers >= at, seconds, 0)
    line = make_timeline(times, may_leap=True, last_stays=1 / rate)
    assert line.duration == pytest.approx(300 / rate + seconds)
    assert line.shown == pytest.approx(300 / rate)
    (gap,) = line.gaps
    assert gap == pytest.approx((at / rate, at / rate + seconds))
    assert (line.strays, line.restarts) == (0, ())


@given(
    RATES,
    ORDERS,
    st.integers(60, 240),
    st.lists(st.tuples(st.integers(40, 200), st.floats(0, 1)), min_size=1, max_size=3),
    st.booleans(),
)
def test_pictures_with_another_clock_leave_no_gap(rate, group, at, inserted, goes_on):
    numbers = decoding_order(400, group)
    main = 6000 + numbers / rate
    at = numbers.tolist().index(at - at % (len(group) - 1 or 1))
    parts = [main[:at]]
    # The clocks have any order and are far from each other.
    for (pictures, share), begin in zip(inserted, [3000, 9000, 1000], strict=False):
        parts.append(begin + 500 * share + decoding_order(pictures, group) / rate)
    shown = sum(pictures for pictures, _ in inserted) / rate
    times = np.concatenate([*parts, main[at:] + (shown if goes_on else 0)])
    line = make_timeline(times, may_leap=True, last_stays=1 / rate)
    assert line.gaps == ()
    assert line.duration == pytest.approx(400 / rate + shown)


def test_gap_after_a_restart_stays_a_gap():
    times = np.concatenate([np.arange(0, 50, 0.2), np.arange(0, 20, 0.2), np.arange(120, 150, 0.2)])
    line = make_timeline(times, may_leap=True, last_stays=0.2)
    assert line.duration == pytest.approx(50 + 150)
    (gap,) = line.gaps
    assert gap == pytest.approx((70, 170))


VARIABLE = {
    "one in 2 s": np.arange(40) * 2.0,
    "few long ones": np.cumsum([*[0.04] * 50, 2.5, *[0.2] * 20]),
    "slower for a while": np.cumsum([*[0.04] * 500, *[2.0] * 8, *[0.04] * 500]),
    "any": np.cumsum(np.random.default_rng(1).choice([0.02, 0.04, 0.3, 1.7], 300)),
}


@pytest.mark.parametrize("kind", VARIABLE)
def test_varying_frame_rate_leaves_no_gap(kind):
    line = make_timeline(VARIABLE[kind])
    assert (line.strays, line.restarts, line.gaps) == (0, (), ())


@given(st.sets(st.integers(0, 299), max_size=290))
def test_packets_without_a_time_do_not_change_other_times(untimed):
    times = np.arange(300) / 25
    times[list(untimed)] = np.nan
    timed = np.flatnonzero(~np.isnan(times))
    line = make_timeline(times)
    assert line.start == timed[0] / 25
    assert line.duration <= (timed[-1] - timed[0]) / 25 + 5
    assert line.strays == 0


@pytest.mark.parametrize(
    ("keyframes", "end"), [([0, 120], 15), ([0, 100], 13), ([0], 13), ([0, 50], 17)]
)
def test_gap_lasts_until_a_keyframe(keyframes, end):
    # Pictures at 10 per second, from 0 to 9.9 s and from 13 s on.
    times = [k / 10 + (3 if k >= 100 else 0) for k in range(140)]
    line = make_timeline(times, True, 0.1, make_flags(140, keyframes))
    # Without a keyframe after the gap, the picture before the gap may be damaged.
    begin = 10 if 100 in keyframes else 9.9
    assert line.gaps == (pytest.approx((begin, end)),)


def test_few_lost_pictures_next_to_damage_are_a_gap():
    times = np.delete(np.arange(100) / 25, [52, 53])
    for damaged in 51, 52:
        line = make_timeline(times, True, 0.04, make_flags(98, [0, 48, 73], [damaged]))
        assert line.gaps == (pytest.approx((51 / 25 if damaged == 51 else 52 / 25, 3.0)),)
    assert make_timeline(times, True, 0.04, make_flags(98, [0, 48, 73])).gaps == ()


def test_damage_without_lost_pictures_is_no_gap():
    assert make_timeline(np.arange(100) / 25, True, 0.04, make_flags(100, [0, 50], [51])).gaps == ()


def test_pictures_after_a_restart_follow_earlier_ones_with_wrong_times():
    first = np.arange(100) / 25
    # The last pictures are one interval too early, so one time occurs twice.
    first[90:] -= 1 / 25
    (restart,) = make_timeline([*first, *np.arange(100) / 25], True).restarts
    assert restart.shift == pytest.approx(4)
