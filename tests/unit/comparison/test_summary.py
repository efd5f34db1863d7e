"""Tests of the summary and of the warnings below it."""

import csv

import pytest
from samples import event

from touchline.comparison.compare import Track, compare
from touchline.comparison.summary import (
    Row,
    agreement_with_others,
    summary_table,
    write_summary_csv,
)
from touchline.core.intervals import to_records
from touchline.core.records import Counts, Coverage
from touchline.events.predictions import events_table
from touchline.inputs.labels import Labels

LABELS = Labels({"Goal": [], "Foul": []}, {"Other": "a heading of the prompt"})


def coverage(looked_at=((0.0, 600.0),), likely_lost=(), no_pictures=(), duration=600.0, **counts):
    values = {"answers": 300, "none": 200, "unparsed": 0, "events_in": 100, "events_out": 100}
    return Coverage(
        duration=duration,
        looked_at=to_records(looked_at),
        likely_lost=to_records(likely_lost),
        no_pictures=to_records(no_pictures),
        counts=Counts(**(values | counts)),
    )


@pytest.fixture
def rows():
    llava = [
        event(10.0),
        event(20.0, "Other", known=False),
        event(30.0, "=1+1\x1b[2J", known=False),
        event(40.0, "Other", known=False),
    ]
    qwen = [event(12.0), event(500.0, "Foul")]
    report, _ = compare(
        {"llava": Track(llava, ((0.0, 600.0),)), "qwen7b": Track(qwen, ((150.0, 600.0),))}, 5.0
    )
    return [
        Row(
            3,
            "llava",
            events_table(llava),
            coverage(unparsed=2, skipped=1),
            agreement_with_others("llava", report),
        ),
        Row(
            3,
            "qwen7b",
            events_table(qwen),
            coverage(looked_at=((150.0, 600.0),), likely_lost=((0.0, 150.0),)),
            agreement_with_others("qwen7b", report),
        ),
        Row(4, "qwen7b", missing=["given/final_predictions_qwen7b_video_4.json"]),
    ]


def test_summary_csv_has_the_expected_cells(tmp_path, rows):
    write_summary_csv(tmp_path / "s.csv", rows, LABELS)
    with open(tmp_path / "s.csv", newline="") as file:
        llava, qwen, missing = csv.DictReader(file)
    assert (llava["video"], llava["model"], llava["events"]) == ("3", "llava", "4")
    assert (llava["events_per_minute"], llava["share_looked_at"]) == ("0.4", "1.0")
    assert (llava["unparsed"], llava["skipped_windows"], llava["answers"]) == ("2", "1", "300")
    assert llava["unknown_labels"] == "Other: 2; =1+1 [2J: 1"
    assert (llava["Goal"], llava["Foul"]) == ("1", "0")
    # Only the foul lies where both models looked.
    assert (llava["matched_qwen7b"], llava["f1_qwen7b"], llava["matched_llava"]) == ("0", "0.0", "")
    assert (qwen["matched_llava"], qwen["share_looked_at"]) == ("0", "0.75")
    assert qwen["likely_lost_s"] == "150.0"
    assert missing["events"] == ""
    assert missing["Goal"] == ""
    assert missing["missing_files"] == "given/final_predictions_qwen7b_video_4.json"


def test_terminal_summary_has_the_expected_lines(rows):
    text = summary_table(rows, LABELS)
    assert "\x1b" not in text
    head, llava, qwen, missing, *notes = text.splitlines()
    assert head.split(maxsplit=3)[:3] == ["video", "model", "events"]
    assert head.endswith("  qwen7b: matched, F1 (chance)  llava: matched, F1 (chance)")
    assert llava.split()[:7] == ["3", "llava", "4", "0.4", "100%", "2", "1"]
    assert qwen.split()[:5] == ["3", "qwen7b", "2", "0.3", "75%"]
    assert missing.split()[:3] == ["4", "qwen7b", "missing"]
    assert notes == [
        "",
        "llava  qwen7b  class",
        "    1       1  Goal",
        "    0       1  Foul",
        "",
        "Labels that are no class and were kept:",
        "      2  'Other' (a heading of the prompt)",
        "      1  '=1+1\\x1b[2J'",
        "",
        "warning: qwen7b has nothing from 0 to 150 s of video 3. The slice was likely lost.",
        "warning: given/final_predictions_qwen7b_video_4.json is missing.",
    ]


def test_intervals_without_pictures_are_reported_once_per_video(tmp_path):
    gaps = [(10.0 * k, 10.0 * k + 2.5) for k in range(1, 8)]
    rows = [Row(3, model, coverage=coverage(no_pictures=gaps)) for model in ("llava", "qwen7b")]
    (line,) = [line for line in summary_table(rows, LABELS).splitlines() if "no picture" in line]
    assert line.startswith("warning: Video 3 has no picture from 10 to 12.5 s, 20 to 22.5 s")
    assert line.endswith("50 to 52.5 s and 2 more intervals.")
    write_summary_csv(tmp_path / "s.csv", rows, LABELS)
    with open(tmp_path / "s.csv", newline="") as file:
        assert [row["no_pictures_s"] for row in csv.DictReader(file)] == ["17.5", "17.5"]


def test_columns_of_the_terminal_summary_are_aligned(rows):
    lines = summary_table(rows, LABELS).splitlines()[:4]
    end = lines[0].index("events") + len("events")
    assert all(line[end - 1] != " " and line[end : end + 2] == "  " for line in lines)


def test_summary_without_duration_and_events_is_printed():
    row = Row(0, "m", coverage=coverage(looked_at=(), duration=None))
    assert row.events_per_minute is None
    assert row.share_looked_at is None
    assert "0" in summary_table([row], LABELS)
    assert summary_table([], LABELS)


def test_invalid_items_and_cut_off_answers_are_reported_per_model():
    rows = [
        Row(0, "qwen7b", coverage=coverage(invalid=2)),
        Row(1, "qwen7b", coverage=coverage(invalid=1, cut_off=3)),
        Row(2, "qwen7b", coverage=coverage()),
        Row(0, "llava", coverage=coverage(cut_off=1)),
    ]
    *_, invalid, of_qwen, of_llava = summary_table(rows, LABELS).splitlines()
    assert invalid == (
        "warning: 3 invalid items of qwen7b were left out (video 0-1). logs/given/ has the reasons."
    )
    assert of_qwen == (
        "warning: 3 answers of qwen7b were cut off (video 1). The events read in them were used."
    )
    assert of_llava.startswith("warning: 1 answers of llava were cut off (video 0).")
