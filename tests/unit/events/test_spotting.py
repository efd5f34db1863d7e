"""Spotters' predictions come with their exact times and scores; what we export comes back."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import event

from clones import ROOT
from touchline.core.soccernet import SOCCERNET_CLASSES
from touchline.errors import InputError
from touchline.events.exports import by_game, osl_json, results_spotting
from touchline.events.given import read_given
from touchline.events.merge import merge_given
from touchline.events.predictions import read_events_csv, write_events_csv, write_predictions
from touchline.events.spotting import check_given
from touchline.inputs.labels import Labels
from touchline.inputs.videos import Video

LABELS = Labels.read(ROOT / "labels.yaml")
GAME = "italy_serie-a/2016-2017/2016-10-02 - 21-45 AS Roma 2 - 1 Inter"
FIRST, SECOND = (Video(video=n, path=f"/v/{n}.mkv", game=GAME, half=n + 1) for n in (0, 1))


def item(position="5500", half="1", clock="1 - 0:05", label="Goal", confidence="0.25"):
    """As SoccerNet's baselines write it, all as text."""
    fields = {"gameTime": clock, "label": label, "position": position, "half": half}
    return {name: value for name, value in fields.items() if value is not None} | (
        {} if confidence is None else {"confidence": confidence}
    )


@pytest.fixture
def results(tmp_path):
    """Writes items as a results_spotting.json and gives its path."""

    def write(*items):
        path = tmp_path / "results_spotting.json"
        path.write_text(json.dumps({"UrlLocal": GAME, "predictions": list(items)}))
        return path

    return write


def test_times_are_exact_and_scores_are_scores(results):
    path = results(
        item("276500", clock="1 - 4:36", label="soccer", confidence="0.9861930012702942"),
        item("118250", clock="1 - 1:58", label="card", confidence=0.5),
        item(5500, half=2, clock="2 - 0:05", label="Goal"),
        item("7000", label="Foul", confidence=None),
    )
    read = read_given(path, 0, FIRST, LABELS, 2700.0)
    exact = {"score_kind": "given"}
    assert read.hits == [
        event(7.0, "Foul", **exact),
        event(118.25, "card", known=False, confidence=0.5, score=0.5, **exact),
        event(276.5, confidence=0.9861930012702942, score=0.9861930012702942, **exact),
    ]
    assert (read.problems, read.exact, read.counts.answers) == ([], True, 3)
    assert [hit.time_s for hit in read_given(path, 1, SECOND, LABELS).hits] == [5.5]


def test_events_a_second_apart_both_stay(results):
    """They are no repeats in overlapping windows: the model has said what is one event."""
    path = results(item("5000", confidence="0.2"), item("6000", confidence="0.9"))
    merged = merge_given(read_given(path, 0, FIRST, LABELS), 3.0, "first")
    assert [each.score for each in merged.events] == [0.2, 0.9]
    assert merged.counts.duplicates == 0


def test_what_cannot_be_used_is_left_out_and_named(results):
    path = results(
        item("1000"),
        item("1000"),
        item("-1"),
        item("soon"),
        item("1e300"),
        item(True),
        item(None),
        item(label=""),
        item(label=3),
        item(confidence="7.5"),
        item(confidence="nan"),
        item(half="3", clock="x"),
        3,
        item("9000000"),
        item("2700001"),
    )
    read = read_given(path, 0, FIRST, LABELS, 2700.0)
    assert [hit.time_s for hit in read.hits] == [1.0]
    assert read.counts.invalid == read.counts.answers - 1 == 12
    for place, reason in (
        (1, "repeats item 0"),
        (2, "position is '-1', not milliseconds of a video"),
        (3, "position is 'soon'"),
        (4, "position is '1e300'"),
        (5, "position is True"),
        (6, "position is None"),
        (7, "label is '', not a word"),
        (8, "label is 3"),
        (9, "confidence is '7.5', not between 0 and 1"),
        (10, "confidence is 'nan'"),
        (11, "half is '3', not 1 or 2"),
        (12, "is no object"),
    ):
        assert read.problems[place - 1].startswith(f"{path}, item {place}: {reason}")
    assert read.problems[12] == (
        f"{path}: 2 of 13 predictions lie beyond the end of the video (2700 s), the last at 9000 "
        "s; they are left out. Is it the right file, and half?"
    )


@pytest.mark.parametrize(
    ("items", "row", "sentence"),
    [
        ([item(half="2")], FIRST, "gameTime is '1 - 0:05'; are the halves swapped?"),
        ([item(half="2")], SECOND, "gameTime is '1 - 0:05'; are the halves swapped?"),
        (
            [item(), item(half="2", clock="2 - 0:05")],
            Video(video=0, path="x"),
            "two halves; write into the table of videos which half",
        ),
        ([item("99999999999")], FIRST, "no usable prediction. The first problem:"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_before_a_run(results, items, row, sentence):
    with pytest.raises(InputError) as error:
        check_given(results(*items), row.video, row, LABELS)
    (line,) = str(error.value).splitlines()
    assert sentence in line


def test_a_file_that_lies_beyond_the_video_is_refused(results):
    with pytest.raises(InputError, match="Is it the right file, and half"):
        read_given(results(item("90000")), 0, FIRST, LABELS, 60.0)


def test_a_half_that_the_file_lacks_is_a_warning(results):
    read = read_given(results(item()), 1, SECOND, LABELS)
    assert read.hits == []
    assert read.problems[0].endswith("has nothing of half 2, which the video is.")


def test_osl_json_by_its_documented_keys(tmp_path):
    events = [
        {"head": "action", "label": "pass", "position_ms": 1240},
        {"head": "action", "label": "Shots on target", "position_ms": 4320, "team": "away",
         "confidence_score": 0.84},
        {"head": "action", "label": "Goal", "position_ms": "900", "confidence": 0.5},
    ]  # fmt: skip
    path = tmp_path / "osl.json"
    path.write_text(json.dumps({"version": "2.0", "data": [{"id": "clip", "events": events}]}))
    exact = {"score_kind": "given"}
    assert read_given(path, 0, None, LABELS).hits == [
        event(0.9, "Goal", confidence=0.5, score=0.5, **exact),
        event(1.24, "pass", known=False, **exact),
        event(4.32, "Shots on target", team="away", confidence=0.84, score=0.84, **exact),
    ]


# What our own tables can hold: times and scores as they are rounded there.
EXPORTED = st.lists(
    st.builds(
        event,
        st.integers(0, 2_700_000).map(lambda ms: ms / 1000),
        st.sampled_from(SOCCERNET_CLASSES),
        team=st.sampled_from([None, "home", "away"]),
        score=st.none() | st.integers(0, 10**6).map(lambda millionth: millionth / 10**6),
        confidence=st.none() | st.floats(0, 1),
        score_kind=st.sampled_from([None, "context", "given", "weighted", "calibrated"]),
    ),
    max_size=8,
    unique_by=lambda one: (one.time_s, one.label),
)


def essence(events, team):
    """What a format has of events: when, what, and what it is worth."""
    return sorted((e.time_s, e.label, e.worth, e.team if team else None) for e in events)


@given(EXPORTED, EXPORTED, st.sampled_from([None, GAME]))
def test_what_we_export_we_read_back_unchanged(tmp_path_factory, first, second, game):
    folder = tmp_path_factory.mktemp("exports")
    videos = [
        (Video(video=v, path=folder / f"{v}.mkv", game=game, half=v + 1 if game else None), events)
        for v, events in enumerate((first, second))
    ]
    for name, halves in by_game(videos).items():
        (folder / name).mkdir(parents=True)
        content = json.dumps(results_spotting(name, halves))
        (folder / name / "results_spotting.json").write_text(content)
    (folder / "osl.json").write_text(json.dumps(osl_json("m", videos, LABELS)))
    for row, events in videos:
        name = game or f"video_{row.video}"
        for path, team in ((folder / name / "results_spotting.json", False),
                           (folder / "osl.json", True)):  # fmt: skip
            read = read_given(path, row.video, row, LABELS)
            assert essence(read.hits, team) == essence(events, team)
            # And once more, by way of the events table, exactly.
            write_events_csv(folder / "e.csv", read.hits, row.video, game, row.half)
            assert read_events_csv(folder / "e.csv") == read.hits


@given(EXPORTED)
def test_a_predictions_file_is_read_back_too(tmp_path_factory, events):
    path = tmp_path_factory.mktemp("written") / "final_predictions_m_video_0.json"
    write_predictions(path, events)
    read = read_given(path, 0, None, LABELS)
    assert not read.exact
    assert [(e.window_s, e.label, e.team, e.confidence) for e in read.hits] == [
        (e.window_s, e.label, e.team, e.confidence) for e in sorted(events, key=lambda e: e.time_s)
    ]


def test_a_label_of_any_text_is_kept_and_can_be_written(results, tmp_path):
    path = results(item(label="=cmd|'\ud83d\n\x00<b>"), item(label="x" * 10**6))
    read = read_given(path, 0, FIRST, LABELS)
    assert [hit.known for hit in read.hits] == [False, False]
    assert max(len(hit.label) for hit in read.hits) == 20_000
    write_events_csv(tmp_path / "e.csv", read.hits)
    assert len(read_events_csv(tmp_path / "e.csv")) == 2
    assert Path(tmp_path / "e.csv").read_text(encoding="utf-8")
