"""Tests of given predictions of trained spotters, and of reading our own exports."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import event

from clones import ROOT
from touchline.core.soccernet import SOCCERNET_CLASSES
from touchline.errors import InputError
from touchline.evaluation.annotations import read_truth
from touchline.events.exports import group_by_game, osl_json, results_spotting
from touchline.events.given import check_given, read_given
from touchline.events.merge import merge_given
from touchline.events.predictions import read_events_csv, write_events_csv, write_predictions
from touchline.inputs.given import find_entries
from touchline.inputs.labels import Labels
from touchline.inputs.settings import MergeSettings
from touchline.inputs.videos import GameHalf, Video

LABELS = Labels.read(ROOT / "labels.yaml")
GAME = "italy_serie-a/2016-2017/2016-10-02 - 21-45 AS Roma 2 - 1 Inter"
FIRST, SECOND = (Video(video=n, path=f"/v/{n}.mkv", game=GAME, half=n + 1) for n in (0, 1))


def item(position="5500", half="1", clock="1 - 0:05", label="Goal", confidence="0.25"):
    """Return an item like those of SoccerNet's baselines, with all values as text."""
    fields = {"gameTime": clock, "label": label, "position": position, "half": half}
    return {name: value for name, value in fields.items() if value is not None} | (
        {} if confidence is None else {"confidence": confidence}
    )


@pytest.fixture
def results(tmp_path):
    """Return a function that writes items as a results_spotting.json and returns its path."""

    def write(*items):
        path = tmp_path / "results_spotting.json"
        path.write_text(json.dumps({"UrlLocal": GAME, "predictions": list(items)}))
        return path

    return write


def test_spotter_times_and_scores_are_kept_exactly(results):
    path = results(
        item("276500", clock="1 - 4:36", label="soccer", confidence="0.9861930012702942"),
        item("118250", clock="1 - 1:58", label="card", confidence=0.5),
        item(5500, half=2, clock="2 - 0:05", label="Goal"),
        item("7000", label="Foul", confidence=None),
    )
    read = read_given(path, 0, FIRST, LABELS, duration=2700.0)
    exact = {"score_kind": "given"}
    assert read.hits == [
        event(7.0, "Foul", **exact),
        event(118.25, "card", known=False, confidence=0.5, score=0.5, **exact),
        event(276.5, confidence=0.9861930012702942, score=0.9861930012702942, **exact),
    ]
    assert (read.problems, read.exact, read.counts.answers) == ([], True, 3)
    assert [hit.time_s for hit in read_given(path, 1, SECOND, LABELS).hits] == [5.5]


def test_spotter_events_one_second_apart_are_not_merged(results):
    """A spotter's events do not come from overlapping windows, so they are no duplicates."""
    path = results(item("5000", confidence="0.2"), item("6000", confidence="0.9"))
    merged = merge_given(read_given(path, 0, FIRST, LABELS), MergeSettings())
    assert [each.score for each in merged.events] == [0.2, 0.9]
    assert merged.counts.duplicates == 0


def test_invalid_items_are_left_out_and_reported(results):
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
    read = read_given(path, 0, FIRST, LABELS, duration=2700.0)
    assert [hit.time_s for hit in read.hits] == [1.0]
    assert read.counts.invalid == read.counts.answers - 1 == 14
    for place, reason in (
        (1, "the item repeats item 0"),
        (2, "the position is '-1', not milliseconds of a video"),
        (3, "the position is 'soon'"),
        (4, "the position is '1e300'"),
        (5, "the position is True"),
        (6, "the position is None"),
        (7, "the label is '', not a word"),
        (8, "the label is 3"),
        (9, "the confidence is '7.5', not between 0 and 1"),
        (10, "the confidence is 'nan'"),
        (11, "the half is '3', not 1 or 2"),
        (12, "the item is not an object"),
    ):
        assert read.problems[place - 1].startswith(f"{path}, item {place}: {reason}")
    assert read.problems[12] == (
        f"{path}: 2 of 15 predictions lie beyond the end of the video (2700 s), the last at 9000 "
        "s. They are left out. Check the file and the half."
    )


@pytest.mark.parametrize(
    ("items", "row", "sentence"),
    [
        ([item(half="2")], FIRST, "gameTime is '1 - 0:05'. Correct one of them"),
        ([item(half="2")], SECOND, "gameTime is '1 - 0:05'. Correct one of them"),
        (
            [item(), item(half="2", clock="2 - 0:05")],
            Video(video=0, path="x"),
            "two halves. Write into the table of videos which half",
        ),
        ([item("99999999999")], FIRST, "no usable prediction. The first problem:"),
    ],
)
def test_contradictory_file_is_rejected_before_a_run(results, items, row, sentence):
    with pytest.raises(InputError) as error:
        check_given(results(*items), row.video, row, LABELS)
    (line,) = str(error.value).splitlines()
    assert sentence in line


def test_file_with_predictions_only_after_the_video_is_rejected(results):
    with pytest.raises(InputError, match="Check the file and the half"):
        read_given(results(item("90000")), 0, FIRST, LABELS, duration=60.0)


@pytest.mark.parametrize("row", [FIRST, SECOND])
def test_items_without_a_valid_half_are_counted_as_invalid(results, row):
    path = results(*[item(half="3", clock=None) for _ in range(5)])
    with pytest.raises(InputError, match=r"no usable prediction.*the half is '3', not 1 or 2"):
        check_given(path, row.video, row, LABELS)
    path = results(item(), item(half="2", clock="2 - 0:05"), item(half="3", clock=None),
                   item(half=None, clock="0 - 0:05"), item(half=None, clock=None))  # fmt: skip
    read = read_given(path, row.video, row, LABELS)
    assert (read.counts.answers, read.counts.invalid, read.counts.events_out) == (4, 3, 1)
    assert [line.partition("item ")[2] for line in read.problems] == [
        "2: the half is '3', not 1 or 2. The item is left out.",
        "3: the half is 0, not 1 or 2. The item is left out.",
        "4: the item names no half, but other items do. The item is left out.",
    ]


def test_half_without_valid_items_is_no_error(results):
    path = results(item(), item(half="3", clock=None))
    read = read_given(path, 1, SECOND, LABELS)
    assert (read.hits, read.counts.invalid) == ([], 1)


def test_positions_in_seconds_are_detected_by_game_time(results):
    path = results(item("330", clock="1 - 05:30"), item("1", clock="1 - 00:01"),
                   item(721.5, clock="1 - 12:01"))  # fmt: skip
    read = read_given(path, 0, FIRST, LABELS)
    assert [hit.time_s for hit in read.hits] == [1, 330, 721.5]
    assert "has positions in seconds, judging by gameTime" in read.problems[-1]


def test_position_that_contradicts_its_game_time_is_left_out(results):
    """Wrong positions can be in frames, in seconds, or on the clock of the match."""
    path = results(item("331000", clock="1 - 05:30"), item("660", clock="1 - 05:30"),
                   item("400000", clock="1 - 6:40"), item("120000", clock="1 - 47:00"))  # fmt: skip
    read = read_given(path, 0, FIRST, LABELS)
    assert [hit.time_s for hit in read.hits] == [331, 400]
    assert read.counts.invalid == 2
    assert "item 1: the position is 0.66 s, but gameTime is '1 - 05:30'" in read.problems[0]
    with pytest.raises(InputError, match=r"no usable prediction.*the position is 0.66 s"):
        check_given(results(item("660", clock="1 - 05:30")), 0, FIRST, LABELS)


def test_items_after_the_half_or_the_video_are_invalid(results, tmp_path):
    path = results(item("9000000", clock=None), item("5000", clock=None))
    read = read_given(path, 0, FIRST, LABELS)
    assert ([hit.time_s for hit in read.hits], read.counts.invalid) == ([5], 1)
    assert "1 of 2 predictions lie beyond any half (7200 s), the last at 9000 s" in read.problems[0]
    assert len(read_given(path, 0, FIRST, LABELS, duration=9500.0).hits) == 2
    without_footage = Video(video=0, game=GAME, half=1)
    late = results(item("9000000", clock=None))
    with pytest.raises(InputError, match="beyond any half"):
        check_given(late, 0, without_footage, LABELS)
    check_given(late, 0, FIRST, LABELS)
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps([{"time": 9000, "raw": "Goal"}, {"time": 5, "raw": "Goal"}]))
    assert read_given(answers, 0, without_footage, LABELS).counts.invalid == 1
    assert read_given(answers, 0, None, LABELS).counts.invalid == 0


def test_file_without_usable_answers_is_rejected_before_a_run(tmp_path):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps([{"time": "soon", "raw": "Goal"}]))
    with pytest.raises(InputError, match=r"no usable item.*has a time that is not a number"):
        check_given(path, 0, FIRST, LABELS)


# --- E2E-Spot and T-DEED -----------------------------------------------------------------------


def at_frame(frame, label="Goal", score=0.5):
    return {"label": label, "frame": frame, "score": score}


def spotted_video(video, *events, fps=2.0, **more):
    """Return a video as util/eval.py of E2E-Spot writes it, with `num_events` after suppression."""
    return {"video": video, "events": list(events), "fps": fps, **more}


@pytest.fixture
def frames(tmp_path):
    def write(*videos, name="pred-test.json"):
        content = json.dumps(list(videos)).encode()
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["pred-test.json", "pred-test.100.recall.json.gz"])
def test_frame_numbers_become_times_by_the_frame_rate(frames, name):
    path = frames(
        spotted_video(f"{GAME}/1", at_frame(553, score=0.9), at_frame(3, "Foul"), num_events=2),
        spotted_video(f"{GAME}/2", at_frame(100, "card", 1.0000001), fps=25 / 12, num_events=1),
        name=name,
    )
    exact = {"score_kind": "given"}
    assert find_entries(str(path), [0, 1], {0: FIRST, 1: SECOND}) == {0: str(path), 1: str(path)}
    read = read_given(path, 0, FIRST, LABELS)
    assert read.hits == [
        event(1.5, "Foul", confidence=0.5, score=0.5, **exact),
        event(276.5, confidence=0.9, score=0.9, **exact),
    ]
    assert (read.problems, read.exact, read.counts.answers) == ([], True, 2)
    (card,) = read_given(path, 1, SECOND, LABELS).hits
    assert (card.time_s, card.known, card.score) == (48.0, False, 1.0)


def test_frame_numbers_at_one_frame_per_second_are_seconds(frames):
    path = frames(spotted_video(f"{GAME}/1", at_frame(7), fps=1, num_events=1))
    read = read_given(path, 0, FIRST, LABELS)
    assert ([hit.time_s for hit in read.hits], read.problems) == ([7], [])


def test_files_without_suppression_lose_predictions_near_a_better_prediction(frames):
    events = [at_frame(n, score=s) for n, s in ((10, 0.2), (11, 0.4), (12, 0.9), (13, 0.3))]
    events += [at_frame(15, score=0.1), at_frame(12, "Foul", 0.1)]
    read = read_given(frames(spotted_video(f"{GAME}/1", *events)), 0, FIRST, LABELS)
    assert [(hit.time_s, hit.label) for hit in read.hits] == [(6, "Foul"), (6, "Goal")]
    assert (read.counts.events_in, read.counts.duplicates, read.counts.events_out) == (6, 4, 2)
    path = frames(spotted_video(f"{GAME}/1", *events, num_events=6))
    assert len(read_given(path, 0, FIRST, LABELS).hits) == 6


def test_video_is_found_by_game_path_or_number(frames):
    path = frames(
        *(spotted_video(name, at_frame(n)) for n, name in enumerate(("a/b", "halves/1", "video_7")))
    )
    rows = {
        4: Video(video=4, path="/x/b.mp4"),
        5: Video(video=5, path="/x/halves/1.mkv", game="halves", half=1),
        6: Video(video=6, path="/x/6.mkv", game="league/a/b"),
        7: Video(video=7, path="/x/y.mkv"),
        8: Video(video=8, path="/x/z.mkv", game="halves", half=2),
    }
    found = find_entries(str(path), list(rows), rows)
    assert set(found) == {5, 6, 7}
    times = {v: read_given(path, v, rows[v], LABELS).hits[0].time_s for v in found}
    assert times == {5: 0.5, 6: 0.0, 7: 1.0}


@pytest.mark.parametrize(
    ("video", "words"),
    [
        (
            spotted_video(f"{GAME}/1", at_frame(3), fps=None),
            "fps is None, not a valid number of frames",
        ),
        (spotted_video(f"{GAME}/1", at_frame(3), fps=0), "fps is 0"),
        (spotted_video(f"{GAME}/1", at_frame(3), fps=True), "fps is True"),
        (spotted_video(f"{GAME}/1", at_frame("x")), "the frame is 'x', not the number of a frame"),
        (spotted_video(f"{GAME}/1", at_frame(1, score=7)), "the score is 7, not between 0 and 1"),
        (spotted_video(f"{GAME}/2", at_frame(3)), "has no sample of video 0"),
    ],
)
def test_invalid_frames_file_is_rejected_with_one_line(frames, video, words):
    with pytest.raises(InputError) as error:
        check_given(frames(video), 0, FIRST, LABELS)
    (line,) = str(error.value).splitlines()
    assert words in line


def test_damaged_gzip_file_is_rejected(tmp_path):
    path = tmp_path / "pred-test.recall.json.gz"
    path.write_bytes(gzip.compress(b"[]" * 10**6)[:-20])
    with pytest.raises(InputError, match="cannot be read"):
        check_given(path, 0, FIRST, LABELS)
    path.write_bytes(b"\x1f\x8bno gzip at all")
    with pytest.raises(InputError, match="cannot be read"):
        check_given(path, 0, FIRST, LABELS)


def test_t_deed_results_with_half_in_the_game_name_are_read(tmp_path):
    """T-DEED writes the half into UrlLocal, seconds with one digit, and positions as numbers."""
    path = tmp_path / "results_spotting.json"
    one = {"gameTime": "1 - 5:3", "label": "Goal", "position": 303360, "confidence": 0.5, "half": 1}
    path.write_text(json.dumps({"UrlLocal": f"{GAME}/1", "predictions": [one]}))
    assert find_entries(str(path), [0, 1], {0: FIRST, 1: SECOND}) == {0: str(path), 1: str(path)}
    assert [hit.time_s for hit in read_given(path, 0, FIRST, LABELS).hits] == [303.36]
    other = Video(video=0, path="x", game="cup/1", half=1)
    path.write_text(json.dumps({"UrlLocal": "cup/1", "predictions": [one]}))
    assert len(read_given(path, 0, other, LABELS).hits) == 1


# --- Any JSON ----------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
SCALARS |= st.sampled_from(["1", "2", 1, 2, GAME, "1 - 00:05", "Goal", 10**400, "", ".", "..", "/"])
KEYS = st.sampled_from(
    [
        *("predictions", "data", "annotations", "UrlLocal", "id", "inputs", "path", "metadata"),
        *("game", "half", "events", "label", "position", "position_ms", "gameTime", "confidence"),
        *(
            "confidence_score",
            "team",
            "video",
            "fps",
            "frame",
            "score",
            "time",
            "raw",
            "num_events",
        ),
        *("visibility", "time_s", "verdict"),
    ]
)
ANY = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6)
)
ITEMS = st.lists(st.dictionaries(KEYS, SCALARS, max_size=8) | ANY, max_size=4)
DOCUMENTS = (
    ANY
    | ITEMS
    | st.dictionaries(st.sampled_from(["predictions", "data", "annotations"]), ITEMS)
    | st.lists(st.fixed_dictionaries({"events": ITEMS, "video": SCALARS, "fps": SCALARS}))
    | st.fixed_dictionaries({"predictions": ITEMS, "UrlLocal": SCALARS})
)
ROWS = [FIRST, Video(video=0, game=GAME), Video(video=0, path="/v/0.mkv"), None]


@settings(max_examples=400)
@given(DOCUMENTS, st.sampled_from(ROWS))
def test_any_json_is_read_or_rejected_with_one_line(tmp_path_factory, document, row):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(document))
    videos = {0: row} if row else {}
    for read in (
        lambda: check_given(path, 0, row, LABELS),
        lambda: read_given(path, 0, row, LABELS, duration=100.0),
        lambda: find_entries(str(path), [0], videos),
        lambda: read_truth(
            path, LABELS, of=GameHalf(half=row.half if row else None), duration=100.0
        ),
    ):
        assert len(mistake(read).splitlines()) <= 1


def mistake(read):
    """Return the message of the InputError that `read` raises, or an empty text."""
    try:
        read()
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "sample",
    [
        {"inputs": 5},
        {"inputs": [5, {"path": 5}]},
        *({"inputs": [{"path": path}]} for path in ("", ".", "..", "/", "\\", "//x/", "a\0b")),
        {"inputs": {"path": "x"}, "metadata": [1]},
        {"id": {"a": 1}, "metadata": {"game": 3, "half": [1]}},
    ],
)
def test_malformed_samples_belong_to_no_video(tmp_path, sample):
    path = tmp_path / "osl.json"
    path.write_text(json.dumps({"data": [sample, sample]}))
    assert find_entries(str(path), [0], {0: FIRST}) == {}
    assert "has no sample of video 0" in mistake(lambda: check_given(path, 0, FIRST, LABELS))


@pytest.mark.parametrize("depth", [100, 500, 950, 100_000])
def test_deeply_nested_json_is_rejected_with_one_line(tmp_path, depth):
    path = tmp_path / "deep.json"
    deep = "[" * depth + "]" * depth
    for text in (
        deep,
        f'{{"predictions": [{{"half": {deep}}}, {{"label": {deep}}}, {deep}]}}',
        f'{{"data": [{{"id": {deep}, "inputs": {deep}}}]}}',
        f'{{"annotations": [{{"gameTime": {deep}, "label": {deep}}}]}}',
    ):
        path.write_text(text)
        assert len(mistake(lambda: check_given(path, 0, FIRST, LABELS)).splitlines()) <= 1
        mistake(lambda: read_truth(path, LABELS, of=GameHalf(half=1)))


def test_missing_half_in_the_file_is_a_warning(results):
    read = read_given(results(item()), 1, SECOND, LABELS)
    assert read.hits == []
    assert read.problems[0].endswith("has no prediction for half 2 of the video.")


def test_osl_json_is_read_by_its_documented_keys(tmp_path):
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


# Events with times and scores that our own tables can store exactly.
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
    """Return the fields of events that a format keeps: time, label, score and team."""
    return sorted((e.time_s, e.label, e.ranking_score, e.team if team else None) for e in events)


@given(EXPORTED, EXPORTED, st.sampled_from([None, GAME]))
def test_exported_events_are_read_back_unchanged(tmp_path_factory, first, second, game):
    folder = tmp_path_factory.mktemp("exports")
    videos = [
        (Video(video=v, path=folder / f"{v}.mkv", game=game, half=v + 1 if game else None), events)
        for v, events in enumerate((first, second))
    ]
    for name, halves in group_by_game(videos).items():
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
            # The events table must return the same events, too.
            write_events_csv(
                folder / "e.csv", read.hits, video=row.video, game_half=GameHalf(game, row.half)
            )
            assert read_events_csv(folder / "e.csv") == read.hits


@given(EXPORTED)
def test_written_predictions_file_is_read_back_unchanged(tmp_path_factory, events):
    path = tmp_path_factory.mktemp("written") / "final_predictions_m_video_0.json"
    write_predictions(path, events)
    read = read_given(path, 0, None, LABELS)
    assert not read.exact
    assert [(e.window_s, e.label, e.team, e.confidence) for e in read.hits] == [
        (e.window_s, e.label, e.team, e.confidence) for e in sorted(events, key=lambda e: e.time_s)
    ]


def test_hostile_label_is_kept_and_written(results, tmp_path):
    path = results(item(label="=cmd|'\ud83d\n\x00<b>"), item(label="x" * 10**6))
    read = read_given(path, 0, FIRST, LABELS)
    assert [hit.known for hit in read.hits] == [False, False]
    assert max(len(hit.label) for hit in read.hits) == 20_000
    write_events_csv(tmp_path / "e.csv", read.hits)
    assert len(read_events_csv(tmp_path / "e.csv")) == 2
    assert Path(tmp_path / "e.csv").read_text(encoding="utf-8")


MATCH = Video(video=0, path="/v/0.mkv", game=GAME, half_starts="1=250,2=3992")


def test_predictions_of_both_halves_get_times_of_the_match_video(results):
    path = results(
        item("5500", half="1", clock="1 - 0:05"), item("7000", half="2", clock="2 - 0:07")
    )
    read = read_given(path, 0, MATCH, LABELS, duration=7000.0)
    assert [(hit.time_s, hit.window_s) for hit in read.hits] == [(255.5, 255.5), (3999.0, 3999.0)]
    assert read.problems == []


def test_prediction_after_the_end_of_its_half_is_left_out(results):
    late = item("3700000", half="1", clock="1 - 61:40")
    read = read_given(results(item("5500"), late), 0, MATCH, LABELS, duration=7000.0)
    assert [hit.time_s for hit in read.hits] == [255.5]
    assert "1 of 2 predictions lie beyond" in read.problems[0]


def test_same_time_in_both_halves_is_no_duplicate(results):
    second = item("5500", half="2", clock="2 - 0:05")
    read = read_given(results(item("5500"), second), 0, MATCH, LABELS, duration=7000.0)
    assert [hit.time_s for hit in read.hits] == [255.5, 3997.5]
    assert read.problems == []


def test_items_after_the_end_of_both_halves_are_invalid(results):
    path = results(item("9000000", clock=None), item("5000"), item(half="2", clock="2 - 0:05"))
    read = read_given(path, 0, Video(video=0, game=GAME, half=1), LABELS)
    assert [hit.time_s for hit in read.hits] == [5.0]
    assert "1 of 2 predictions lie beyond any half (7200 s), the last at 9000 s" in read.problems[0]


def test_halves_that_begin_after_the_video_are_rejected(results):
    with pytest.raises(InputError, match="ends after 200 s, before any half begins"):
        read_given(results(item("5500")), 0, MATCH, LABELS, duration=200.0)
