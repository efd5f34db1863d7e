"""Tests of predictions files, which are read item by item, and of event tables."""

import csv
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import event

from touchline.answers.hits import make_hits
from touchline.core.records import Context, ParsedEvent, Vote
from touchline.core.soccernet import game_time
from touchline.errors import InputError
from touchline.events.given import read_given
from touchline.events.predictions import read_events_csv, write_events_csv, write_predictions
from touchline.inputs.labels import Labels
from touchline.inputs.videos import GameHalf

LABELS = Labels({"Goal": ["strike"], "Foul": []}, {"Other": "a heading"})
GOAL = '{"label": "strike", "team": "home", "confidence": 0.9, "details": "a header"}'


@pytest.fixture
def written(tmp_path):
    """Return a function that writes items as a predictions file and returns its path."""

    def write(items):
        path = tmp_path / "final_predictions_m_video_3.json"
        path.write_text(items if isinstance(items, str) else json.dumps(items))
        return path

    return write


def test_predictions_file_gives_events_and_counts(written):
    path = written(
        [
            {"time": 6, "raw": GOAL},
            {"time": 0.0, "raw": '[{"label": "Foul"}, {"label": "Other"}]'},
            {"time": 2.0, "raw": "none"},
            {"time": 4.0, "raw": "A long pass\nforward."},
        ]
    )
    read = read_given(path, 3, None, LABELS)
    assert [(e.time_s, e.label, e.known) for e in read.hits] == [
        (0.0, "Foul", True),
        (0.0, "Other", False),
        (6.0, "Goal", True),
    ]
    assert read.hits[2] == event(6.0, team="home", confidence=0.9, details="a header")
    assert read.times == [6.0, 0.0, 2.0, 4.0]
    counts = read.counts
    assert (counts.answers, counts.none, counts.unparsed, counts.invalid) == (4, 1, 1, 0)
    (problem,) = read.problems
    assert (
        problem
        == f"{path}, item 3 (4 s): the answer 'A long pass\\nforward.' has no readable event."
    )


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        ({"raw": GOAL}, "has a time that is not a number"),
        ({"time": "6", "raw": GOAL}, "has a time that is not a number"),
        ({"time": True, "raw": GOAL}, "has a time that is not a number"),
        ({"time": None, "raw": GOAL}, "has a time that is not a number"),
        ({"time": math.nan, "raw": GOAL}, "has an impossible time, 'nan'"),
        ({"time": math.inf, "raw": GOAL}, "has an impossible time, 'inf'"),
        ({"time": -2.0, "raw": GOAL}, "has an impossible time, '-2.0'"),
        ({"time": 10**400, "raw": GOAL}, "has an impossible time, '1000"),
        ({"time": 3000.0, "raw": GOAL}, "is at 3000 s, beyond the end of the video (2700 s)"),
        ({"time": 6.0}, "has a raw answer that is not a text"),
        ({"time": 6.0, "raw": {"label": "Goal"}}, "has a raw answer that is not a text"),
        ({"time": 8.0, "raw": GOAL}, "repeats item 0"),
        ("Goal", "is not an object"),
        (None, "is not an object"),
    ],
)
def test_invalid_item_is_reported_and_all_others_are_used(written, item, complaint):
    path = written([{"time": 8.0, "raw": GOAL}, item, {"time": 9.0, "raw": '{"label": "Foul"}'}])
    read = read_given(path, 3, None, LABELS, duration=2700.0)
    assert [e.label for e in read.hits] == ["Goal", "Foul"]
    assert read.counts.invalid == 1
    (problem,) = read.problems
    assert problem.startswith(f"{path}, item 1 ")
    assert complaint in problem


def test_time_after_one_day_is_invalid_without_a_duration(written):
    path = written([{"time": 8.0, "raw": GOAL}, {"time": 1e6, "raw": GOAL}])
    assert "item 1" in read_given(path, 3, None, LABELS).problems[0]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("not json", "not a JSON file"),
        ('[{"time": 0.0, "raw": "no', "not a JSON file"),
        ('{"time": 0.0, "raw": "none"}', "must be a list of times and answers"),
        ("[" * 100_000, "not a JSON file"),
        ('[{"a": 1}, {"b": 2}]', "item 0 has a time that is not a number"),
    ],
)
def test_invalid_predictions_file_is_rejected(written, content, complaint):
    with pytest.raises(InputError, match=r"final_predictions_m_video_3\.json") as caught:
        read_given(written(content), 3, None, LABELS)
    assert complaint in str(caught.value)


def test_empty_list_gives_no_events(written):
    read = read_given(written([]), 3, None, LABELS)
    assert (read.hits, read.problems, read.counts.answers) == ([], [], 0)


def test_reader_accepts_any_item(written):
    @settings(max_examples=100, deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner) | st.dictionaries(st.sampled_from(["time", "raw"]), inner)
            ),
            max_leaves=8,
        )
    )
    def check(item):
        path = written([{"time": 0, "raw": "none"}, item])
        assert read_given(path, 3, None, LABELS).counts.answers == 2

    check()


def test_predictions_file_has_the_documented_format(tmp_path):
    path = tmp_path / "p.json"
    late = event(245.0, team="away", confidence=0.95, details="it's in", score=0.7, n_hits=3)
    write_predictions(path, [late, event(3.5, "Foul")])
    assert json.loads(path.read_text()) == [
        {
            "time": 3.5,
            "raw": "{'label': 'Foul', 'team': None, 'confidence': None, 'details': ''}",
        },
        {
            "time": 245.0,
            "raw": "{'label': 'Goal', 'team': 'away', 'confidence': 0.95, 'details': \"it's in\"}",
        },
    ]
    assert [e.time_s for e in read_given(path, 3, None, LABELS).hits] == [3.5, 245.0]


def test_fused_event_lists_its_models(tmp_path):
    fused = event(5.5, window_s=4.0, said_by=(Vote("llava", 5.5, 4.0), Vote("qwen7b", 8.0, 6.5)))
    write_predictions(tmp_path / "p.json", [fused])
    (item,) = json.loads((tmp_path / "p.json").read_text())
    assert item["time"] == 4.0
    assert item["raw"].endswith("'said_by': [('llava', 4.0), ('qwen7b', 6.5)]}")
    write_events_csv(tmp_path / "e.csv", [fused])
    with open(tmp_path / "e.csv", newline="") as file:
        assert next(csv.DictReader(file))["said_by"] == "llava 5.5; qwen7b 8"


def test_event_table_has_the_documented_columns(tmp_path):
    path = tmp_path / "events.csv"
    rows = [
        event(
            247.75,
            team="home",
            confidence=0.9,
            label_probability=0.7,
            score=0.5,
            score_kind="context",
            n_hits=2,
            window_s=245.25,
            first_s=245.25,
            last_s=247.25,
            context=Context(1.9, 0.2, 0.0, 2.0, 30.5),
        ),
        event(3000.0, "Set Pieces", known=False),
    ]
    write_events_csv(path, rows, video=7, game_half=GameHalf("A, B", 2))
    assert path.read_text().splitlines() == [
        "video,game,half,time_s,game_time,label,known,team,confidence,label_probability,score,"
        "score_kind,n_hits,window_s,first_s,last_s,after,before,words,run_s,quiet_s,details,said_by",
        '7,"A, B",2,247.75,2 - 04:07,Goal,yes,home,0.9,0.7,0.5,context,2,245.25,245.25,247.25,'
        "1.9,0.2,0.0,2.0,30.5,,",
        '7,"A, B",2,3000.0,2 - 50:00,Set Pieces,no,,,,,,1,3000.0,3000.0,3000.0,,,,,,,',
    ]
    assert read_events_csv(path) == rows


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", " =", "\t=", "＝", "'"])
def test_formula_in_a_label_is_made_harmless(tmp_path, sign):
    path = tmp_path / "events.csv"
    evil = event(1.0, label=f"{sign}cmd|' /C calc'!A0", known=False, details=f"{sign}1\r\n=2\x00")
    write_events_csv(path, [evil], game_half=GameHalf(f"{sign}HYPERLINK()"))
    assert len(path.read_text().splitlines()) == 2
    with open(path, newline="") as file:
        (row,) = csv.DictReader(file)
    for column in ("label", "details", "game"):
        assert row[column].startswith("'")
    assert read_events_csv(path)[0].label == evil.label.replace("\t", " ")


LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=30)


def test_event_tables_are_read_back_unchanged(tmp_path):
    @settings(max_examples=100, deadline=None)
    @given(
        st.builds(
            lambda time, label, details, score: event(time, label, details=details, score=score),
            st.floats(0, 3000),
            LINE.filter(bool),
            LINE,
            st.none() | st.floats(0, 1),
        )
    )
    def check(one):
        write_events_csv(tmp_path / "events.csv", [one])
        assert read_events_csv(tmp_path / "events.csv") == [one]

    check()


@pytest.mark.parametrize(
    "content", ["", "time_s\n1\n", "time_s,label\n1\n", "a,b\n1,2,3\n", "time_s\nx\n"]
)
def test_table_without_event_columns_is_rejected(tmp_path, content):
    path = tmp_path / "events.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=r"events\.csv"):
        read_events_csv(path)


@pytest.mark.parametrize(
    ("time", "half", "expected"),
    [(245.9, 1, "1 - 04:05"), (0.0, 2, "2 - 00:00"), (3661.0, None, "61:01")],
)
def test_game_time_has_half_and_clock(time, half, expected):
    assert game_time(time, half) == expected


def test_label_with_two_class_names_gives_two_events():
    goal, foul = make_hits(4.0, ParsedEvent(label="Strike, foul", team="home"), LABELS)
    assert [goal.label, foul.label] == ["Goal", "Foul"]
    assert goal.known
    assert (foul.team, foul.time_s) == ("home", 4.0)
    (other,) = make_hits(4.0, ParsedEvent(label="Goal and celebration"), LABELS)
    assert (other.label, other.known) == ("Goal and celebration", False)
