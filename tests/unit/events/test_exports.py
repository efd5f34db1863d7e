"""Tests of exports with independent readers of each format."""

import json

import pytest
import webvtt as independent_webvtt
from hypothesis import given, settings
from hypothesis import strategies as st
from kloppy import sportscode
from samples import event
from SoccerNet.Evaluation.ActionSpotting import evaluate, predictions2vector

from touchline.core.soccernet import SOCCERNET_CLASSES
from touchline.errors import InputError
from touchline.evaluation.annotations import TrueEvent
from touchline.evaluation.soccernet_evaluator import labels_v2
from touchline.events.exports import (
    group_by_game,
    osl_json,
    results_spotting,
    sportscode_xml,
    webvtt,
)
from touchline.inputs.labels import Labels
from touchline.inputs.videos import Video

LABELS = Labels({name: [] for name in SOCCERNET_CLASSES})
DICTIONARY = {name: number for number, name in enumerate(SOCCERNET_CLASSES)}
NASTY = '<b>&amp; "x" --> 00:00:01.000\n\n1\n]]> \x00\x0b\x1b[31m\ud800 é ⚽ =cmd|x'
EVENTS = [
    event(2.0, "Goal", team="away", score=0.25, details=NASTY),
    event(65.5, "Yellow->red card", confidence=0.9),
    event(2699.0, "Set <Pieces>", known=False, details="=1+1"),
]
ANY_TEXT = st.text(st.characters(), max_size=40)


def read_sportscode(tmp_path, events, duration=None):
    path = tmp_path / "x.xml"
    path.write_text(sportscode_xml(events, duration), encoding="utf-8")
    return sportscode.load(str(path)).records


def read_webvtt(events, duration=None):
    return list(independent_webvtt.from_string(webvtt(events, duration)))


def test_kloppy_reads_the_sportscode_xml(tmp_path):
    goal, card, other = read_sportscode(tmp_path, EVENTS, 2700.0)
    assert (goal.code, card.code, other.code) == ("Goal", "Yellow->red card", "Set <Pieces>")
    assert (goal.timestamp.total_seconds(), goal.end_timestamp.total_seconds()) == (0, 7)
    assert other.end_timestamp.total_seconds() == 2700
    assert (goal.labels["team"], goal.labels["score"]) == ("away", 0.25)
    # The text is complete except for characters that XML forbids.
    assert goal.labels["details"].startswith('<b>&amp; "x" --> 00:00:01.000')
    assert goal.labels["details"].endswith("é ⚽ =cmd|x")
    assert "team" not in card.labels


def test_webvtt_py_reads_the_captions():
    captions = read_webvtt(EVENTS, 2700.0)
    assert [(c.start, c.end) for c in captions] == [
        ("00:00:00.000", "00:00:07.000"),
        ("00:01:00.500", "00:01:10.500"),
        ("00:44:54.000", "00:45:00.000"),
    ]
    assert captions[0].raw_text.splitlines()[0] == "Goal (away)"
    assert "<" not in captions[0].raw_text.replace("&lt;", "")
    assert "-->" not in captions[0].raw_text
    assert captions[2].raw_text.splitlines()[0] == "Set &lt;Pieces&gt;"


def test_clips_and_captions_use_the_clock_of_a_video_player(tmp_path):
    # The video starts 5 s after the sound.
    (caption, *_) = independent_webvtt.from_string(webvtt([event(9.0)], 12.0, 5.0))
    assert (caption.start, caption.end) == ("00:00:09.000", "00:00:17.000")
    path = tmp_path / "x.xml"
    path.write_text(sportscode_xml([event(2.0)], 12.0, 5.0), encoding="utf-8")
    (clip,) = sportscode.load(str(path)).records
    assert clip.timestamp.total_seconds() == 5
    assert clip.end_timestamp.total_seconds() == 12


@settings(max_examples=60, deadline=None)
@given(ANY_TEXT, ANY_TEXT)
def test_hostile_text_adds_no_entry_to_an_export(tmp_path_factory, label, details):
    events = [event(9.0, label or "x", known=False, details=details), event(30.0)]
    folder = tmp_path_factory.mktemp("any")
    assert [one.code for one in read_sportscode(folder, events)][1] == "Goal"
    assert [one.start for one in read_webvtt(events)] == ["00:00:04.000", "00:00:25.000"]


def test_exports_without_events_are_valid():
    assert webvtt([]) == "WEBVTT\n"
    assert "<ALL_INSTANCES />" in sportscode_xml([])


def test_soccernet_evaluator_reads_both_halves_from_one_export(tmp_path):
    game = "league/season/2016-10-02 - 21-45 Roma 2 - 1 Inter"
    videos = [(Video(video=4, path="1.mkv", game=game, half=2), [event(80.0, "Corner")])]
    videos.append((Video(video=3, path="0.mkv", game=game, half=1), EVENTS))
    halves = group_by_game(videos)[game]
    spotted = results_spotting(game, halves)
    first, second = predictions2vector(spotted, framerate=2, EVENT_DICTIONARY=DICTIONARY)
    assert (first[4, 2], first[131, 16], second[160, 13]) == (0.25, 0.9, 1.0)
    assert (first >= 0).sum() + (second >= 0).sum() == 3
    assert spotted["predictions"][1]["gameTime"] == "1 - 01:05"
    truth = labels_v2([TrueEvent(2.0, "Goal"), TrueEvent(65.5, "Yellow->red card")])
    for folder, name, content in [("t", "Labels-v2", truth), ("p", "results_spotting", spotted)]:
        path = tmp_path / folder / game
        path.mkdir(parents=True)
        (path / f"{name}.json").write_text(json.dumps(content))
    scores = evaluate(
        str(tmp_path / "t"),
        str(tmp_path / "p"),
        metric="at1",
        dataset=None,
        EVENT_DICTIONARY=DICTIONARY,
    )
    assert scores["a_mAP"] == pytest.approx(2 / 17)


def test_duplicate_half_and_unsafe_game_name_are_rejected():
    twice = [(Video(video=v, path="x", game="g", half=1), []) for v in (0, 1)]
    with pytest.raises(InputError, match="are both half 1 of 'g'"):
        group_by_game(twice)
    for name in ("../up", "a/../../up", "/etc"):
        with pytest.raises(InputError, match="is not a valid folder name"):
            group_by_game([(Video(video=0, path="x", game=name), [])])
    assert list(group_by_game([(Video(video=7, path="x"), [])])) == ["video_7"]


def annotators_view(content):
    """Read a file by the documented rules of OpenSportsLab's annotator.

    The root is an object and data is a list. Ids are unique texts, and positions are whole
    milliseconds. A label that is not in the schema at the start of the file is invalid.
    """
    assert isinstance(content, dict)
    schema = {head: set(value["labels"]) for head, value in content["labels"].items()}
    ids = [sample["id"] for sample in content["data"]]
    assert len(set(ids)) == len(ids)
    view = {}
    for sample in content["data"]:
        assert all(source["type"] == "video" and source["path"] for source in sample["inputs"])
        for one in sample["events"]:
            assert one["label"] in schema[one["head"]]
            assert type(one["position_ms"]) is int
            assert 0 <= one["confidence_score"] <= 1
        view[sample["id"]] = [(one["position_ms"], one["label"]) for one in sample["events"]]
    return view


def test_osl_json_follows_the_rules_of_the_annotator():
    videos = [
        (Video(video=0, path="a.mkv", half=1, game="g"), EVENTS),
        (Video(video=1, path="b"), []),
    ]
    content = json.loads(json.dumps(osl_json("llava", videos, LABELS)))
    assert content["version"] == "2.0"
    assert annotators_view(content) == {
        "video_0": [(2000, "Goal"), (65500, "Yellow->red card")],
        "video_1": [],
    }


def test_match_in_one_file_is_exported_by_the_clock_of_each_half():
    video = Video(video=0, path="/v/0.mkv", game="g", half_starts="1=250-2950,2=3992")
    events = [event(260.5), event(3000.0), event(4000.0, "Foul")]
    ((game, halves),) = group_by_game([(video, events)]).items()
    found = results_spotting(game, halves)["predictions"]
    assert [(each["gameTime"], each["position"], each["half"]) for each in found] == [
        ("1 - 00:10", "10500", "1"),
        ("2 - 00:08", "8000", "2"),
    ]
    (sample,) = osl_json("x", [(video, events)], LABELS)["data"]
    assert [(each["gameTime"], each["position_ms"]) for each in sample["events"]] == [
        ("1 - 00:10", 260_500),
        ("50:00", 3_000_000),
        ("2 - 00:08", 4_000_000),
    ]
