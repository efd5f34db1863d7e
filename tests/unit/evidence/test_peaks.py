"""Test events spotted from evidence, and tables of evidence."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from touchline.core.records import WindowOutcome, WindowRecord
from touchline.errors import InputError
from touchline.evidence.peaks import evidence_curves, peaks, spot_events
from touchline.evidence.tables import Evidence, join_slices, read_evidence, write_evidence
from touchline.matching import suppress

CLASSES = ("Goal", "Corner")


def evidence_of(*columns, step=2.0, seconds=4.0):
    """Make evidence from the log-likelihoods of the classes.

    "none" gets the rest of the probability.
    """
    weights = np.array(columns, dtype=float).T
    rest = np.log1p(-np.exp(weights).sum(axis=1, keepdims=True))
    starts = step * np.arange(len(weights))
    windows = np.stack([starts, starts + seconds, starts, starts + seconds - 1], axis=1)
    return Evidence(windows, CLASSES[: len(columns)], np.hstack([weights, rest]))


def outcome(number, status="none", **evidence):
    start = 2.0 * number
    times = [] if status == "no_frames" else [start, start + 3]
    return WindowOutcome(
        window=number, start=start, end=start + 4, frame_times=times, status=status,
        attempts=1, evidence=evidence,
    )  # fmt: skip


def test_event_is_in_the_overlap_of_its_windows():
    goal = np.full(30, -12.0)
    goal[10:12] = -0.1
    (event,) = spot_events(evidence_of(goal), 5.0)
    # Both windows show 22 to 24 s, with frames at 22 and 23 s.
    assert (event.label, event.time_s) == ("Goal", 22.5)
    assert (event.first_s, event.last_s, event.n_hits) == (20.0, 22.0, 2)
    assert event.label_probability == pytest.approx(math.exp(-0.1), abs=1e-6)
    assert event.score > 0.5
    assert event.score_kind == "evidence"


def test_event_is_found_if_the_most_probable_answer_is_none():
    goal = np.full(30, -9.0)
    goal[10:12] = -1.5  # 22 %
    assert [event.time_s for event in spot_events(evidence_of(goal), 5.0)] == [22.5]


def test_constant_preference_of_the_model_is_subtracted():
    """Deviations from the mean of a class count, but not the mean itself."""
    noise = np.random.default_rng(0).normal(0, 0.05, (2, 60))
    often, seldom = -0.4 + noise[0], -14 + noise[1]
    often[20:22] += 0.2
    seldom[40:42] += 6
    events = spot_events(evidence_of(np.minimum(often, -0.05), seldom), 5.0)
    best = max(events, key=lambda event: event.score)
    assert (best.label, best.time_s) == ("Corner", 82.5)


def test_constant_evidence_gives_no_event():
    assert spot_events(evidence_of(np.full(30, -3.0)), 5.0) == []


def test_noise_of_an_improbable_answer_gives_no_event():
    never = -60 + 20 * np.random.default_rng(1).random(60)
    assert spot_events(evidence_of(np.full(60, -3.0), never), 5.0) == []


def test_higher_of_two_near_peaks_is_the_event():
    goal = np.full(40, -12.0)
    goal[10], goal[14], goal[30] = -1.0, -0.1, -0.5
    times = [event.time_s for event in spot_events(evidence_of(goal), 9.0)]
    assert times == [28.5, 60.5]
    near = [event.time_s for event in spot_events(evidence_of(goal), 7.0)]
    assert near == [20.5, 28.5, 60.5]


# Nats above the mean, one value per second, for windows of 1 s.
SLOPE = [10, 9, 8, 7.5, 7, 5, 6.5]


@pytest.mark.parametrize(
    ("window", "count"), [(1, 2), (2, 2), (3, 2), (4, 2), (5, 2), (6, 1), (7, 1)]
)
def test_points_on_the_slope_of_a_peak_suppress_no_other_peak(window, count):
    heights = np.array([*SLOPE, *[0.0] * 60])
    weights = -np.log1p(np.exp(12 - heights))
    events = spot_events(evidence_of(weights, step=1.0, seconds=1.0), window)
    assert len(events) == count
    assert events[0].first_s == 0.0


@pytest.mark.parametrize(
    ("heights", "places"),
    [
        ([], []),
        ([1], [0]),
        ([1, 1, 1], [0]),
        ([0, 2, 2, 1], [1]),
        ([2, 2, 0, 1, 1], [0, 3]),
        ([0, 1, 1, 2], [3]),
        ([2, 1, 1, 2, 1, 3, 3], [0, 3, 5]),
    ],
)
def test_plateau_counts_as_one_peak(heights, places):
    assert peaks(np.array(heights, dtype=float)).tolist() == places


CURVES = st.lists(st.integers(0, 6), min_size=1, max_size=40)


def spotted_on(heights, window):
    weights = -np.log1p(np.exp(12.0 - 2 * np.array([*heights, *[0] * 300])))
    events = spot_events(evidence_of(weights, step=1.0, seconds=1.0), window)
    return [round(event.window_s) for event in events]


@given(CURVES)
def test_larger_radius_never_gives_more_events(heights):
    counts = [len(spotted_on(heights, window)) for window in range(12)]
    assert counts == sorted(counts, reverse=True)


@given(CURVES, st.integers(0, 12))
def test_suppressed_peak_is_near_a_higher_event(heights, window):
    curve = np.array([*heights, 0])
    kept = spotted_on(heights, window)
    everything = spotted_on(heights, 0)
    assert set(kept) <= set(everything) <= set(peaks(curve).tolist())
    assert all(later - earlier > window for earlier, later in pairwise(kept))
    for place in set(everything) - set(kept):
        assert any(abs(place - k) <= window and curve[k] >= curve[place] for k in kept)


@given(st.permutations(range(9)), st.lists(st.integers(0, 30), min_size=9, max_size=9))
def test_suppression_with_a_larger_radius_never_keeps_more_times(order, times):
    times = sorted(times)
    counts = [
        sum(place == leader for place, leader in enumerate(suppress(times, order, window)))
        for window in range(31)
    ]
    assert counts == sorted(counts, reverse=True)


def test_windows_without_evidence_are_ignored():
    goal = np.full(30, -12.0)
    goal[10:12] = -0.1
    whole = evidence_of(goal)
    holes = whole.weights.copy()
    holes[[3, 11, 20]] = np.nan
    curves = evidence_curves(Evidence(whole.windows, whole.classes, holes))
    assert not np.isnan(curves.heights).any()
    (event,) = spot_events(Evidence(whole.windows, whole.classes, holes), 5.0)
    assert (event.n_hits, event.first_s) == (1, 20.0)
    assert spot_events(Evidence(whole.windows, whole.classes, np.full_like(holes, np.nan)), 5) == []


WEIGHTS = st.lists(st.floats(-15, -1), min_size=3, max_size=40)


@example([-15.0, -15.0, -14.999999999999998], -2.0, (2.0, 4.0))
@example([-2.0, -2.0, -1.1, -2.0, -2.0], -0.7, (4.0, 4.0))
@given(WEIGHTS, st.floats(-3, 0), st.sampled_from([(2.0, 4.0), (4.0, 4.0), (1.0, 4.0), (3.0, 4.0)]))
def test_constant_added_to_all_odds_changes_no_event(weights, level, cut):
    """The constant is added to the log-odds."""
    step, seconds = cut
    odds = np.array(weights)

    def spotted(odds):
        return spot_events(evidence_of(-np.log1p(np.exp(-odds)), step=step, seconds=seconds), 5.0)

    first, shifted = spotted(odds), spotted(odds + level)
    assert [e.time_s for e in shifted] == [e.time_s for e in first]
    assert [e.score for e in shifted] == pytest.approx([e.score for e in first], abs=1e-5)
    for event in first:
        assert event.first_s <= event.window_s <= event.last_s <= event.time_s + seconds
        assert 0.5 < event.score < 1
    times = sorted(event.time_s for event in first)
    assert all(later - earlier > 3 for earlier, later in pairwise(times))


# --- Tables -----------------------------------------------------------------------------------


def test_evidence_table_is_read_as_written(tmp_path):
    records = [
        outcome(0, Goal=-1.25, Corner=-3.5, none=-0.5),
        outcome(1, "no_frames"),
        outcome(2, "weighed", Goal=-0.125, Corner=-9.0, none=-2.0),
    ]
    evidence = Evidence.of(records, CLASSES)
    write_evidence(tmp_path / "table.csv", evidence)
    again = read_evidence(tmp_path / "table.csv", CLASSES)
    np.testing.assert_array_equal(again.windows, evidence.windows)
    np.testing.assert_array_equal(again.weights, evidence.weights)
    assert again.weighed.tolist() == [True, False, True]
    head, _, blank, _ = (tmp_path / "table.csv").read_text().splitlines()
    assert head == "start_s,end_s,first_frame_s,last_frame_s,Goal,Corner,none"
    assert blank == "2.0,6.0,,,,,"


def test_evidence_table_without_a_class_is_refused(tmp_path):
    write_evidence(tmp_path / "table.csv", evidence_of(np.full(3, -2.0)))
    with pytest.raises(InputError, match="no column Corner"):
        read_evidence(tmp_path / "table.csv", CLASSES)


def parts(*slices):
    return [
        (
            Evidence.of(records, CLASSES),
            [WindowRecord(**record.model_dump(exclude={"evidence"})) for record in records],
            f"table {number}",
        )
        for number, records in enumerate(slices)
    ]


KNOWN = {"Goal": -1.0, "Corner": -2.0, "none": -0.5}


def test_joined_evidence_has_every_window_of_every_slice():
    first = [outcome(0, **KNOWN), outcome(1, "skipped_oom")]
    second = [outcome(2, "weighed", **KNOWN), outcome(3, "events", **KNOWN)]
    joined = join_slices(parts(second, first))
    assert joined.windows[:, 0].tolist() == [0, 2, 4, 6]
    assert joined.weighed.tolist() == [True, False, True, True]


@pytest.mark.parametrize(
    "change",
    [
        lambda evidence, ledger: (evidence, ledger[:1]),
        lambda evidence, ledger: (evidence, [ledger[1], ledger[0]]),
        lambda evidence, ledger: (
            evidence, [ledger[0].model_copy(update={"status": "skipped_oom"}), ledger[1]]
        ),
    ],
)  # fmt: skip
def test_evidence_table_that_does_not_fit_its_ledger_is_refused(change):
    ((evidence, ledger, path),) = parts([outcome(0, **KNOWN), outcome(1, **KNOWN)])
    with pytest.raises(InputError, match=r"table 0 does not fit the \d windows of its ledger"):
        join_slices([(*change(evidence, ledger), path)])


def test_missing_evidence_of_a_finished_window_is_refused():
    with pytest.raises(InputError, match="Delete the file and run again"):
        join_slices(parts([outcome(0, "weighed")]))


def test_evidence_of_an_interval_is_that_of_windows_starting_in_the_interval():
    windows = np.array([[0.0, 4.0, 0.0, 3.0], [2.0, 6.0, 2.0, 5.0], [4.0, 8.0, 4.0, 7.0]])
    evidence = Evidence(windows, ("Goal",), np.log([[0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]))
    first, second = evidence.between(0.0, 4.0), evidence.between(4.0, 8.0)
    assert first.windows[:, 0].tolist() == [0.0, 2.0]
    assert second.weights.tolist() == evidence.weights[2:].tolist()
