"""Tests of the intervals that a model looked at, and of likely lost answers."""

import random

import pytest
from samples import window

from touchline.core.intervals import (
    from_records,
    gaps,
)
from touchline.core.records import Counts, Interval, Manifest
from touchline.events.coverage import (
    coverage_of_given,
    coverage_of_slices,
    coverage_of_spotter,
    likely_lost,
    looked_at,
)
from touchline.inputs.clock import parse_half_starts
from touchline.inputs.videos import GameHalf


def test_stretch_of_a_skipped_window_is_covered_only_by_other_windows():
    skipped = {"status": "skipped_oom"}
    windows = [
        window(0, 0.0),
        window(1, 2.0, **skipped),
        window(2, 4.0, **skipped),
        window(3, 6.0, status="unparsed"),
        window(4, 8.0, status="no_frames"),
    ]
    assert looked_at(windows) == ((0.0, 4.0), (6.0, 10.0))


def dense(start, end, source):
    """Return times every 2 to 6 s, with occasional pauses of 14 s, like those of a real model."""
    times, time = [], float(start)
    while time < end:
        times.append(time)
        time += source.choice([2, 2, 2, 4, 4, 6]) if source.random() > 0.01 else 14
    return times


MANIFEST = Manifest(
    video=0, path="a", bytes=1, fingerprint="b", duration=30, start_time=0, frame_rate=25,
    width=1, height=1, rotation=0, codec="h264", clock_offset=2,
    no_pictures=[{"start": 4, "end": 6}],
)  # fmt: skip


COUNTS = Counts(answers=1, none=1, unparsed=0, events_in=0, events_out=0)


def looked_at_in_footage(times):
    """Return the intervals that a model with these predictions looked at, in 2800 s of footage."""
    footage = MANIFEST.model_copy(update={"duration": 2800.0, "no_pictures": []})
    given = coverage_of_given(times, COUNTS, footage, reached=0.0, window=0.0)
    return from_records(given.looked_at)


@pytest.mark.parametrize(
    ("kept", "lost"),
    [
        ([(0, 2800)], []),
        ([(750, 2800)], [(0, 750)]),
        ([(0, 1400), (2100, 2800)], [(1400, 2100)]),
        ([(0, 2100)], [(2100, 2800)]),
        ([(700, 1400), (2100, 2800)], [(0, 700), (1400, 2100)]),
    ],
)
def test_lost_slices_of_dense_predictions_are_detected(kept, lost):
    source = random.Random(1)
    times = [time for start, end in kept for time in dense(start, end, source)]
    found = likely_lost(times, 2800.0)
    assert len(found) == len(lost)
    for (start, end), (expected_start, expected_end) in zip(found, lost, strict=True):
        assert start == pytest.approx(expected_start, abs=15)
        assert end == pytest.approx(expected_end, abs=15)
    assert looked_at_in_footage(times) == gaps(found, 2800.0)


@pytest.mark.parametrize(
    "times",
    [
        [],
        [1500.0],
        [118.0, 276.5, 1416.0, 1495.5],
        [851.5, 858.0, 1449.5, 1457.0, 1997.5, 2012.5, 2440.0, 2657.5],
    ],
)
def test_long_pauses_of_sparse_predictions_are_not_lost_slices(times):
    assert likely_lost(times, 2800.0) == ()
    assert looked_at_in_footage(times) == ((0.0, 2800.0),)


def test_intervals_without_pictures_do_not_count_as_looked_at():
    windows = [window(0, 0, end=10), window(1, 8, end=18)]
    ran = coverage_of_slices(MANIFEST, windows, COUNTS)
    assert from_records(ran.looked_at) == ((0, 4), (6, 18))
    assert (ran.duration, ran.clock_offset, ran.likely_lost) == (30, 2, [])
    shown = coverage_of_given([1.0, 9.0], COUNTS, MANIFEST, reached=0.0, window=4.0)
    assert from_records(shown.looked_at) == ((0, 4), (6, 30))
    assert shown.no_pictures == ran.no_pictures == [Interval(start=4, end=6)]


def test_spotter_covers_the_whole_video_for_any_predictions():
    """Only intervals without a picture are not covered."""
    dense_but_quiet = [*(k / 10 for k in range(40)), *(28 + k / 10 for k in range(20))]
    for times in ([], [1.0], dense_but_quiet):
        seen = coverage_of_spotter(times, COUNTS, MANIFEST, GameHalf(half=1))
        assert from_records(seen.looked_at) == ((0, 4), (6, 30))
        assert (seen.duration, seen.clock_offset, seen.likely_lost) == (30, 2, [])
        assert not seen.has_open_end


def test_empty_predictions_file_covers_all_footage():
    seen = coverage_of_given([], COUNTS, MANIFEST, reached=0.0, window=4.0)
    assert from_records(seen.looked_at) == ((0, 4), (6, 30))
    assert seen.likely_lost == []


def test_duration_without_footage_is_the_last_prediction_of_any_model():
    given = coverage_of_given([1.0, 9.0], COUNTS, None, reached=44.0, window=4.0)
    assert from_records(given.looked_at) == ((0, 44),)
    assert (given.duration, given.clock_offset, given.no_pictures) == (None, 0, [])
    assert coverage_of_given([], COUNTS, None, reached=0.0, window=4.0).looked_at == []


@pytest.mark.parametrize(
    ("end", "lost"), [(2248, True), (2390, False), (2980, False), (900, False)]
)
def test_lost_last_slice_is_detected_without_footage(end, lost):
    """A half lasts at least 40 minutes. If its predictions end earlier, the last slice is lost."""
    times = dense(0, end, random.Random(2))
    found = from_records(
        coverage_of_given(times, COUNTS, None, reached=times[-1] + 4, window=4.0).likely_lost
    )
    assert bool(found) == lost
    if lost:
        ((start, until),) = found
        assert (start, until) == (times[-1] + 4, 2400.0)


def test_time_outside_the_halves_is_not_a_lost_slice():
    footage = MANIFEST.model_copy(update={"duration": 7000.0, "no_pictures": []})
    match = GameHalf(halves=parse_half_starts("1=250-2950,2=3992-6800"))
    times = [*range(250, 2950, 10), *range(3992, 6800, 10)]
    seen = coverage_of_given(times, COUNTS, footage, game_half=match, reached=0.0, window=4.0)
    assert seen.likely_lost == []
    assert from_records(seen.looked_at) == ((250, 2950), (3992, 6800))
    quiet = [time for time in times if not 4500 < time < 5600]
    lost = coverage_of_given(
        quiet, COUNTS, footage, game_half=match, reached=0.0, window=4.0
    ).likely_lost
    assert [(each.start, each.end) for each in lost] == [(4496, 5602)]
    assert coverage_of_spotter([], COUNTS, footage, match).looked_at == seen.looked_at
