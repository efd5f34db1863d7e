"""Tests of merging slices into one list of events without losing any."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import event, window

from touchline.errors import InputError
from touchline.events import merge
from touchline.events.merge import SliceLedger, merge_events, merge_slices, read_ledger
from touchline.inputs.labels import Labels
from touchline.inputs.settings import MergeSettings, WindowSettings
from touchline.inputs.windows import list_windows, slice_bounds, whole_video

LABELS = Labels({"Goal": [], "Foul": [], "Corner": []})
# Windows of 4 s, every 2 s.
RULE = WindowSettings()


KEEPS = ["first", "best", "run"]


def brief(events):
    return [(e.time_s, e.label, e.n_hits, e.first_s, e.last_s) for e in events]


def make_slices(*bounds, predicted=None):
    """Return slices with a window every 2 s. `predicted` has the labels of windows by start."""
    predicted = predicted or {}
    return [
        SliceLedger(
            start,
            end,
            [
                window(
                    n,
                    start + 2 * n,
                    *predicted.get(start + 2 * n, ()),
                    end=min(start + 2 * n + 4, end),
                )
                for n in range(int(-(-(end - start) // 2)))
            ],
            f"ledger_{start:g}",
        )
        for start, end in bounds
    ]


# The rules


def test_keep_first_measures_the_radius_from_the_kept_event():
    hits = [event(time) for time in (0.0, 2.0, 4.0, 6.0, 20.0)]
    merged, duplicates = merge_events(hits, 3.0, "first")
    # The event at 4 s is within 3 s of the dropped event at 2 s, but not of the kept event at 0 s.
    assert brief(merged) == [
        (0.0, "Goal", 2, 0.0, 2.0),
        (4.0, "Goal", 2, 4.0, 6.0),
        (20.0, "Goal", 1, 20.0, 20.0),
    ]
    assert duplicates == 2


def test_merge_rule_named_run_joins_hits_without_a_pause():
    hits = [event(0.0, label_probability=0.2), event(2.0, label_probability=0.9, team="home")]
    hits += [event(4.0, label_probability=0.1), event(8.0)]
    merged, duplicates = merge_events(hits, 3.0, "run")
    assert brief(merged) == [(0.0, "Goal", 3, 0.0, 4.0), (8.0, "Goal", 1, 8.0, 8.0)]
    assert (merged[0].team, merged[0].label_probability) == ("home", 0.9)
    assert duplicates == 2


def test_merge_rule_named_best_drops_weaker_events_on_both_sides():
    hits = [
        event(0.0, label_probability=0.5),
        event(2.0, label_probability=0.9),
        event(4.0, label_probability=0.6),
    ]
    hits += [event(6.0, label_probability=0.1)]
    merged, _ = merge_events(hits, 3.0, "best")
    assert brief(merged) == [(2.0, "Goal", 3, 0.0, 4.0), (6.0, "Goal", 1, 6.0, 6.0)]


def test_rule_best_uses_confidence_and_then_time():
    merged, _ = merge_events([event(0.0, confidence=0.8), event(2.0, confidence=0.9)], 3.0, "best")
    assert [e.time_s for e in merged] == [2.0]
    merged, _ = merge_events([event(2.0, confidence=0.9), event(0.0, confidence=0.9)], 3.0, "best")
    assert [e.time_s for e in merged] == [0.0]


@pytest.mark.parametrize("keep", KEEPS)
def test_events_of_other_labels_are_not_merged(keep):
    hits = [event(0.0), event(0.0, "Foul"), event(2.0, team="home"), event(2.0, "Set Pieces")]
    merged, duplicates = merge_events(hits, 3.0, keep)
    assert [(e.time_s, e.label) for e in merged] == [
        (0.0, "Foul"),
        (0.0, "Goal"),
        (2.0, "Set Pieces"),
    ]
    assert duplicates == 1


@pytest.mark.parametrize("keep", KEEPS)
def test_events_exactly_one_radius_apart_are_duplicates(keep):
    assert len(merge_events([event(0.1), event(3.1)], 3.0, keep)[0]) == 1
    assert len(merge_events([event(0.1), event(3.2)], 3.0, keep)[0]) == 2
    assert len(merge_events([event(5.0), event(5.0)], 0.0, keep)[0]) == 1


@pytest.mark.parametrize("keep", KEEPS)
def test_label_named_twice_in_one_window_is_one_hit(keep):
    (merged,), duplicates = merge_events([event(0.0), event(0.0), event(2.0)], 3.0, keep)
    assert (merged.n_hits, duplicates) == (2, 2)


# Properties of all lists


EVENTS = st.lists(
    st.builds(
        lambda time, label, score, team, details: event(
            time, label, label_probability=score, team=team, details=details
        ),
        st.integers(0, 60).map(lambda n: n / 2),
        st.sampled_from(["Goal", "Foul", "Other"]),
        st.sampled_from([None, 0.5, 0.9, 1.0]),
        st.sampled_from([None, "home"]),
        st.sampled_from(["", "a"]),
    ),
    max_size=30,
)


WINDOW = st.sampled_from([0.0, 1.0, 3.0, 10.0])


@given(EVENTS, WINDOW, st.sampled_from(KEEPS))
def test_merging_merged_events_changes_nothing(events, window, keep):
    merged, _ = merge_events(events, window, keep)
    assert merge_events(merged, window, keep) == (merged, 0)


@given(EVENTS, WINDOW, st.sampled_from(KEEPS), st.randoms())
def test_order_of_events_does_not_change_the_merge(events, window, keep, source):
    shuffled = source.sample(events, len(events))
    assert merge_events(shuffled, window, keep) == merge_events(events, window, keep)


@given(EVENTS, WINDOW, st.sampled_from(KEEPS))
def test_merge_keeps_or_counts_every_event(events, window, keep):
    merged, duplicates = merge_events(events, window, keep)
    assert len(events) == len(merged) + duplicates
    for label in ("Goal", "Foul", "Other"):
        hits = {e.time_s for e in events if e.label == label}
        assert sum(e.n_hits for e in merged if e.label == label) == len(hits)
        for time in hits:
            assert any(e.first_s <= time <= e.last_s for e in merged if e.label == label)


@given(st.randoms(), st.sampled_from(KEEPS))
def test_order_of_slices_does_not_change_the_merge(source, keep):
    predicted = {
        start: source.choices(["Goal", "Foul", "Fuol"], k=source.choice([0, 0, 1, 2]))
        for start in range(27)
    }
    slices = make_slices((0, 9), (9, 18), (18, 27), predicted=predicted)
    merged = merge_slices(
        slices, whole_video(27.0), rule=RULE, labels=LABELS, merge=MergeSettings(keep=keep)
    )
    source.shuffle(slices)
    assert (
        merge_slices(
            slices, whole_video(27.0), rule=RULE, labels=LABELS, merge=MergeSettings(keep=keep)
        )
        == merged
    )


def test_merge_that_loses_an_event_raises_an_error(monkeypatch):
    monkeypatch.setattr(merge, "_groups", lambda events, *_: [[event] for event in events[1:]])
    with pytest.raises(RuntimeError, match="of 3 events, 2 were kept and 0"):
        merge_events([event(0.0), event(10.0), event(20.0)], 3.0, "first")


# Slices and ledgers


def test_four_slices_are_merged_with_correct_counts():
    predicted = {4: ["goals"], 6: ["Goal", "Foul"], 10: ["Other"], 12: ["Goal"]}
    slices = make_slices((0, 5), (5, 10), (10, 15), (15, 20), predicted=predicted)
    windows = slices[3].windows
    slices[3] = SliceLedger(
        15,
        20,
        [
            windows[0].model_copy(update={"status": "unparsed", "text": "?"}),
            windows[1].model_copy(update={"status": "skipped_oom"}),
            windows[2],
        ],
        "ledger_15",
    )
    merged = merge_slices(
        slices, whole_video(20.0), rule=RULE, labels=LABELS, merge=MergeSettings()
    )
    assert [(e.time_s, e.label, e.known) for e in merged.events] == [
        (4.0, "Goal", True),
        (10.0, "Other", False),
        (12.0, "Goal", True),
    ]
    counts = merged.counts
    assert (counts.answers, counts.none, counts.unparsed, counts.skipped) == (12, 7, 1, 1)
    assert (counts.events_in, counts.duplicates, counts.events_out) == (3, 0, 3)


@pytest.mark.parametrize(
    ("bounds", "complaint"),
    [
        ([(0, 10), (20, 30)], "Nothing covers 10 to 20 s (10 s), between ledger_0 and ledger_20"),
        ([(5, 30)], "Nothing covers 0 to 5 s (5 s), between the start of the video and ledger_5"),
        ([(0, 25)], "Nothing covers 25 to 30 s (5 s), between ledger_0 and the end of the video"),
        ([(0, 20), (15, 30)], "Two slices cover 15 to 20 s (5 s), between ledger_0 and ledger_15"),
        ([(0, 40)], "Two slices cover 30 to 40 s"),
        ([], "Nothing covers 0 to 30 s"),
    ],
)
def test_error_names_the_gap_or_overlap_of_slices(bounds, complaint):
    with pytest.raises(InputError) as caught:
        merge_slices(
            make_slices(*bounds), whole_video(30.0), rule=RULE, labels=LABELS, merge=MergeSettings()
        )
    assert complaint in str(caught.value)


def test_slices_with_rounded_borders_are_accepted():
    thirds = make_slices((0, 33.333), (33.333, 66.667), (66.667, 100.0))
    merge_slices(thirds, whole_video(100.0004), rule=RULE, labels=LABELS, merge=MergeSettings())


def ledgers(duration, slices, rule=RULE):
    """Return the ledgers of a video with all windows."""
    parts = []
    for number in range(slices):
        start, end = slice_bounds(whole_video(duration), slices, number)
        windows = [
            window(each.index, each.start, end=each.end)
            for each in list_windows(start, end, whole_video(duration), rule)
        ]
        parts.append(SliceLedger(start, end, windows, f"ledger_{number}"))
    return parts


@pytest.mark.parametrize("cross_slices", [False, True])
@pytest.mark.parametrize("duration", [0.04, 12.0, 100.0, 3247.04])
@pytest.mark.parametrize("slices", [1, 3, 4])
def test_ledger_with_all_its_windows_is_accepted(duration, slices, cross_slices):
    rule = WindowSettings(cross_slices=cross_slices)
    parts = ledgers(duration, slices, rule)
    counts = merge_slices(
        parts, whole_video(duration), rule=rule, labels=LABELS, merge=MergeSettings()
    ).counts
    assert counts.answers == sum(len(part.windows) for part in parts)


@pytest.mark.parametrize("cross_slices", [False, True])
@pytest.mark.parametrize("slices", [1, 3])
@pytest.mark.parametrize("missing", [0, 1, -2, -1])
def test_ledger_that_lacks_a_window_is_rejected(missing, slices, cross_slices):
    rule = WindowSettings(cross_slices=cross_slices)
    parts = ledgers(36.0, slices, rule)
    kept = list(parts[-1].windows)
    gone = kept.pop(missing)
    parts[-1] = replace(parts[-1], windows=kept)
    with pytest.raises(InputError) as caught:
        merge_slices(parts, whole_video(36.0), rule=rule, labels=LABELS, merge=MergeSettings())
    assert str(caught.value) == (
        f"ledger_{slices - 1} lacks window {gone.window} or repeats a window. Delete the file and "
        "run again."
    )


@pytest.mark.parametrize("cross_slices", [False, True])
def test_empty_ledger_is_rejected(cross_slices):
    rule = WindowSettings(cross_slices=cross_slices)
    parts = [replace(ledgers(12.0, 1, rule)[0], windows=[])]
    with pytest.raises(InputError, match="ledger_0 lacks window 0 or repeats a window"):
        merge_slices(parts, whole_video(12.0), rule=rule, labels=LABELS, merge=MergeSettings())


@pytest.mark.parametrize("again", [0, 3, 5])
def test_duplicate_window_is_rejected(again):
    (part,) = ledgers(12.0, 1)
    part = replace(part, windows=[*part.windows, part.windows[again]])
    with pytest.raises(InputError, match=r"ledger_0 .*or repeats a window"):
        merge_slices([part], whole_video(12.0), rule=RULE, labels=LABELS, merge=MergeSettings())


@pytest.mark.parametrize(
    ("made_with", "complaint"),
    [
        ({"step": 1}, "ledger_0 has window 1 from 1 to 5 s, but by the settings it goes from 2 to"),
        ({"seconds": 5}, "ledger_0 has window 0 from 0 to 5 s, but by the settings it goes from 0"),
        ({"cross_slices": True}, "ledger_0 has window 4 from 8 to 12 s, but by the settings it "),
    ],
)
def test_ledger_of_other_settings_is_rejected(made_with, complaint):
    parts = ledgers(20.0, 2, WindowSettings(**made_with))
    with pytest.raises(InputError) as caught:
        merge_slices(parts, whole_video(20.0), rule=RULE, labels=LABELS, merge=MergeSettings())
    assert str(caught.value).startswith(complaint)


def test_window_after_the_end_of_the_slice_is_rejected():
    (part,) = ledgers(12.0, 1)
    part = replace(part, windows=[*part.windows, window(6, 12.0, end=14.0)])
    with pytest.raises(InputError, match="has window 6, but by the settings this slice has 6 win"):
        merge_slices([part], whole_video(12.0), rule=RULE, labels=LABELS, merge=MergeSettings())


@pytest.mark.parametrize("status", ["none", "unparsed", "skipped_oom"])
def test_window_whose_status_contradicts_its_events_is_rejected(status):
    second = window(1, 2.0, "Goal", end=4.0).model_copy(update={"status": status})
    windows = [window(0, 0.0, end=4.0), second]
    with pytest.raises(InputError, match=f"window 1 with the status {status} and 1 events"):
        merge_slices(
            [SliceLedger(0, 4, windows, "ledger")],
            whole_video(4.0),
            rule=RULE,
            labels=LABELS,
            merge=MergeSettings(),
        )


def test_ledger_with_unusual_line_breaks_is_read(tmp_path):
    path = tmp_path / "ledger.jsonl"
    # A text can contain every kind of line break except the newline.
    records = [window(0, 0.0, "Goal", text="a\u2028b\x0bc\x85"), window(1, 2.0)]
    path.write_text("".join(r.model_dump_json() + "\n" for r in records), encoding="utf-8")
    assert read_ledger(path) == records


@pytest.mark.parametrize("line", ["", '{"window": 1, "sta', "{}", "[]", "nonsense", "\x00"])
def test_invalid_ledger_line_is_reported_with_its_number(tmp_path, line):
    path = tmp_path / "ledger.jsonl"
    path.write_text(f"{window(0, 0.0).model_dump_json()}\n{line}\n")
    with pytest.raises(InputError, match=r"ledger\.jsonl, line 2, .*Delete the file and run again"):
        read_ledger(path)


def test_missing_ledger_is_rejected(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_ledger(tmp_path / "none.jsonl")
