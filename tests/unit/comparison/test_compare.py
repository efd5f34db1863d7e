"""Tests of the comparison of two models' events."""

import csv
import random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import event

from touchline.comparison.compare import Track, compare, write_comparison_csv
from touchline.comparison.records import ComparisonReport
from touchline.matching import pair_times

ALL = ((0.0, 600.0),)


def track(*events, looked_at=ALL):
    return Track(list(events), looked_at)


def groups(findings):
    """Return each finding as its group and the times of the two events."""
    return [
        (f.group, f.event_a and f.event_a.time_s, f.event_b and f.event_b.time_s) for f in findings
    ]


def test_events_are_assigned_to_the_expected_groups():
    a = track(event(10.0), event(100.0, "Foul"), event(200.0), event(300.0))
    b = track(event(13.0), event(104.0, "Corner"), event(206.0), event(400.0, "Foul"))
    report, findings = compare({"llava": a, "qwen7b": b}, 5.0)
    assert groups(findings) == [
        ("both", 10.0, 13.0),
        ("other_label", 100.0, 104.0),
        ("only", 200.0, None),
        ("only", None, 206.0),
        ("only", 300.0, None),
        ("only", None, 400.0),
    ]
    (pair,) = report.pairs
    assert (pair.model_a, pair.model_b) == ("llava", "qwen7b")
    assert (pair.both, pair.other_label, pair.only_a, pair.only_b) == (1, 1, 2, 2)
    assert (pair.overall.events_a, pair.overall.events_b, pair.overall.matched) == (4, 4, 1)
    assert pair.overall.f1 == pytest.approx(2 / 8)
    assert pair.overall.jaccard == pytest.approx(1 / 7)
    by_class = {entry.label: entry for entry in pair.classes}
    assert list(by_class) == ["Corner", "Foul", "Goal"]
    assert (by_class["Goal"].events_a, by_class["Goal"].matched) == (3, 1)
    assert by_class["Goal"].f1 == pytest.approx(2 / 5)
    assert by_class["Corner"].f1 == 0
    seen = {(c.label_a, c.label_b): c.count for c in pair.confusion if c.count}
    assert seen == {("Goal", "Goal"): 1, ("Foul", "Corner"): 1}


def test_same_label_is_paired_before_a_nearer_event():
    a = track(event(10.0), event(12.0, "Foul"))
    b = track(event(12.0), event(10.0, "Foul"))
    _, findings = compare({"a": a, "b": b}, 5.0)
    assert [f.group for f in findings] == ["both", "both"]


def test_only_intervals_of_both_models_are_compared():
    a = track(event(100.0), event(400.0), looked_at=((0.0, 300.0),))
    b = track(event(50.0), event(350.0, "Foul"), looked_at=((80.0, 600.0),))
    report, findings = compare({"a": a, "b": b}, 5.0)
    assert groups(findings) == [
        ("not_compared", None, 50.0),
        ("only", 100.0, None),
        ("not_compared", None, 350.0),
        ("not_compared", 400.0, None),
    ]
    (pair,) = report.pairs
    assert [(s.start, s.end) for s in pair.compared] == [(80.0, 300.0)]
    assert (pair.not_compared_a, pair.not_compared_b) == (1, 2)
    assert (pair.overall.events_a, pair.overall.events_b) == (1, 0)
    assert pair.overall.f1 == 0


def test_models_without_common_time_or_events_have_no_f1():
    a, b = (
        track(event(10.0), looked_at=((0.0, 20.0),)),
        track(event(30.0), looked_at=((20.0, 40.0),)),
    )
    report, findings = compare({"a": a, "b": b}, 50.0)
    assert [f.group for f in findings] == ["not_compared", "not_compared"]
    assert report.pairs[0].overall.f1 is None
    assert compare({"a": track(), "b": track(looked_at=())}, 5.0)[0].pairs[0].overall.f1 is None


def test_unknown_labels_are_paired_but_excluded_from_agreement():
    a = track(event(10.0, "Other", known=False), event(50.0, "Other", known=False), event(90.0))
    b = track(event(11.0, "Other", known=False), event(52.0, "Corner"), event(91.0))
    report, findings = compare({"a": a, "b": b}, 5.0)
    assert [f.group for f in findings] == ["both", "other_label", "both"]
    (pair,) = report.pairs
    assert (pair.overall.events_a, pair.overall.events_b, pair.overall.matched) == (1, 2, 1)
    assert [entry.label for entry in pair.classes] == ["Corner", "Goal"]
    assert report.models[0].unknown == 2


def test_agreement_of_unrelated_lists_equals_chance():
    source = random.Random(5)
    times = [[source.uniform(0, 2700) for _ in range(400)] for _ in range(2)]
    a, b = (track(*(event(t) for t in mine), looked_at=((0.0, 2700.0),)) for mine in times)
    agreement = compare({"a": a, "b": b}, 5.0, shifts=50)[0].pairs[0].overall
    assert agreement.f1 > 0.5
    assert agreement.f1_by_chance == pytest.approx(agreement.f1, abs=0.05)
    assert agreement.jaccard_by_chance == pytest.approx(agreement.jaccard, abs=0.05)


def test_agreement_of_similar_lists_is_far_above_chance():
    source = random.Random(6)
    times = [source.uniform(0, 2700) for _ in range(60)]
    a = track(*(event(t) for t in times), looked_at=((0.0, 2700.0),))
    b = track(*(event(min(2700.0, t + 1)) for t in times), looked_at=((0.0, 2700.0),))
    agreement = compare({"a": a, "b": b}, 3.0)[0].pairs[0].overall
    assert agreement.f1 == 1
    assert agreement.f1_by_chance < 0.3


def test_shifts_of_the_chance_level_are_whole_window_steps():
    # On a grid of 2 s, a tolerance of 4 s contains 5 places. Off the grid, it would contain 4.
    source = random.Random(7)

    def draw():
        return [2.0 * k for k in source.sample(range(1350), 100)]

    a, b = (track(*map(event, draw()), looked_at=((0.0, 2700.0),)) for _ in range(2))
    agreement = compare({"a": a, "b": b}, 4.0, shifts=200)[0].pairs[0].overall
    by_chance = fmean(len(pair_times(draw(), draw(), 4.0)) for _ in range(200))
    assert agreement.matched_by_chance == pytest.approx(by_chance, abs=1.5)


def test_report_depends_only_on_the_seed():
    source = random.Random(8)
    a, b = (track(*(event(source.uniform(0, 600)) for _ in range(50))) for _ in range(2))
    reports = [compare({"a": a, "b": b}, 5.0, seed=seed)[0] for seed in (1, 1, 2)]
    assert reports[0] == reports[1] != reports[2]


def test_three_models_are_compared_pairwise_and_together():
    tracks = {
        "llava": track(event(10.0), event(100.0), event(200.0, "Foul")),
        "qwen7b": track(event(12.0), event(102.0)),
        "netvlad": track(event(9.0), event(300.0)),
    }
    report, _ = compare(tracks, 5.0)
    assert [(p.model_a, p.model_b) for p in report.pairs] == [
        ("llava", "qwen7b"),
        ("llava", "netvlad"),
        ("qwen7b", "netvlad"),
    ]
    together = {(m.label, tuple(m.models)): m.count for m in report.together}
    assert together == {
        ("Foul", ("llava",)): 1,
        ("Goal", ("llava", "qwen7b", "netvlad")): 1,
        ("Goal", ("llava", "qwen7b")): 1,
        ("Goal", ("netvlad",)): 1,
    }


def test_single_model_has_no_pairs():
    report, findings = compare({"a": track(event(1.0))}, 5.0)
    assert (report.pairs, findings, report.together[0].count) == ([], [], 1)


TRACKS = st.lists(
    st.builds(event, st.integers(0, 120).map(float), st.sampled_from(["Goal", "Foul", "Corner"])),
    max_size=25,
).map(lambda events: track(*events, looked_at=((0.0, 50.0), (60.0, 120.0))))


@settings(max_examples=60, deadline=None)
@given(TRACKS, TRACKS, st.sampled_from([0.0, 2.0, 7.0]))
def test_exchanging_the_models_exchanges_the_report(a, b, tolerance):
    forth, back = (
        compare(tracks, tolerance)[0].pairs[0] for tracks in ({"a": a, "b": b}, {"b": b, "a": a})
    )
    assert (forth.both, forth.other_label) == (back.both, back.other_label)
    assert (forth.only_a, forth.only_b) == (back.only_b, back.only_a)
    assert forth.overall.f1 == back.overall.f1
    # Every event is in exactly one group.
    assert forth.both + forth.other_label + forth.only_a + forth.not_compared_a == len(a.events)
    assert forth.both + forth.other_label + forth.only_b + forth.not_compared_b == len(b.events)


def test_report_is_read_back_from_json_unchanged():
    report, _ = compare({"a": track(event(1.0)), "b": track(event(2.0))}, 5.0)
    assert ComparisonReport.model_validate_json(report.model_dump_json()) == report


def test_comparison_table_has_one_line_per_finding(tmp_path):
    a = track(event(10.0, details="=evil()", confidence=0.9), event(200.0))
    b = track(event(13.5, score=0.25))
    _, findings = compare({"llava": a, "qwen7b": b}, 5.0)
    write_comparison_csv(tmp_path / "c.csv", findings, 4)
    with open(tmp_path / "c.csv", newline="") as file:
        both, only = csv.DictReader(file)
    assert (both["video"], both["group"], both["found_by"]) == ("4", "both", "llava + qwen7b")
    assert (both["time_s"], both["offset_s"], both["score_b"]) == ("10.0", "3.5", "0.25")
    assert both["known_a"] == "yes"
    assert both["details_a"] == "'=evil()"
    assert (only["group"], only["found_by"], only["label_b"]) == ("only", "llava", "")
