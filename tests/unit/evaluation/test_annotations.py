"""Test reading annotations and reporting their problems."""

import json

import pytest

from clones import ROOT
from touchline.core.soccernet import SOCCERNET_CLASSES
from touchline.errors import InputError
from touchline.evaluation.annotations import (
    TrueEvent,
    check_truth,
    count_unknown_labels,
    find_labels,
    read_truth,
    verdicts_path,
)
from touchline.inputs.clock import parse_half_starts
from touchline.inputs.labels import Labels
from touchline.inputs.videos import GameHalf, Video, read_videos

LABELS = Labels({**{name: [] for name in SOCCERNET_CLASSES}, "Goal kick": []})


def annotation(game_time="1 - 00:10", label="Goal", **more):
    return {"gameTime": game_time, "label": label, **more}


@pytest.fixture
def write(tmp_path):
    def write(*annotations):
        path = tmp_path / "Labels-v2.json"
        path.write_text(json.dumps({"UrlLocal": "g", "annotations": list(annotations)}))
        return path

    return write


def test_events_of_one_half_are_sorted_with_exact_times(write):
    path = write(
        annotation("1 - 44:59", "Corner", position="2699900", team="away", visibility="visible"),
        annotation("2 - 00:01", "Kick-off", position="1254"),
        annotation("1 - 00:10", "Yellow card", position="10250", visibility="not shown"),
    )
    assert read_truth(path, LABELS, of=GameHalf(half=1)).events == [
        TrueEvent(10.25, "Yellow card", None, visible=False),
        TrueEvent(2699.9, "Corner", "away", visible=True),
    ]
    assert [event.time_s for event in read_truth(path, LABELS, of=GameHalf(half=2)).events] == [
        1.254
    ]


def test_game_time_is_used_without_a_position(write):
    assert (
        read_truth(write(annotation("1 - 02:03")), LABELS, of=GameHalf(half=1)).events[0].time_s
        == 123
    )


def test_half_must_be_known_if_the_file_has_two(write):
    assert len(read_truth(write(annotation()), LABELS).events) == 1
    with pytest.raises(InputError, match="Write the half of the video"):
        read_truth(write(annotation(), annotation("2 - 00:10")), LABELS)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (annotation("10:00"), "gameTime is '10:00', not like '1 - 04:05'"),
        (annotation(None), "gameTime is None"),
        (annotation("3 - 00:10"), "there is no half 3"),
        (annotation(label="Throw"), "label is 'Throw', which is not a class"),
        (annotation(label=["Goal"]), "is not a class"),
        (annotation(position="-5"), "position is '-5', before the start of the video"),
        (annotation(position=10**400), ", not a number of milliseconds"),
        (annotation(position=True), "position is True, not a number of milliseconds"),
        (annotation(position="nan"), "position is 'nan', not a number of milliseconds"),
        (annotation(position="99000000000"), "longer than a day: it must be in milliseconds"),
        ("no object", "gameTime is None"),
    ],
)
def test_bad_annotation_is_reported_and_the_rest_is_used(write, bad, words):
    truth = read_truth(
        write(annotation(), bad, annotation()), LABELS, of=GameHalf(half=1), duration=2700
    )
    assert len(truth.events) == 2
    (line,) = truth.problems
    assert "annotation 1" in line
    assert words in line
    assert "\n" not in line


def test_positions_are_read_as_seconds_if_game_times_agree(write):
    path = write(annotation("1 - 05:30", position="330"), annotation("1 - 12:01", position="721.5"))
    truth = read_truth(path, LABELS, of=GameHalf(half=1))
    assert [event.time_s for event in truth.events] == [330, 721.5]
    (line,) = truth.problems
    assert line == (
        f"{path}: position is read as seconds, because it agrees with gameTime in seconds and not "
        "in milliseconds."
    )


def test_events_beyond_the_end_are_counted_in_one_line(write):
    late = [annotation(position=str(position)) for position in (2_700_001, 5_000_000, 2_699_999)]
    truth = read_truth(write(annotation(), *late), LABELS, of=GameHalf(half=1), duration=2700)
    assert len(truth.events) == 2
    (line,) = truth.problems
    assert "2 of its events lie beyond the end of the video (2700 s), the last at 5000 s" in line


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ("12:30", "time_s is '12:30', not a number of seconds, but 12:30 is 750"),
        ("-16", "time_s is '-16', before the start of the video"),
        ("inf", "time_s is 'inf', not a number of seconds"),
        ("245000", "time_s is '245000', longer than a day: it must be in seconds"),
    ],
)
def test_table_with_times_in_another_unit_is_reported(tmp_path, time, words):
    path = tmp_path / "labels.csv"
    path.write_text(f"time_s,label\n{time},Goal\n")
    (line,) = read_truth(path, LABELS).problems
    assert words in line


def test_table_written_by_a_spreadsheet_is_read(tmp_path):
    path = tmp_path / "truth.CSV"
    path.write_text(
        '\ufefftime_s,label,team,note\r\n12.5,goals,home,\r\n3,Goal kick,,"two\nlines"\r\n'
        "soon,Goal,,\r\n8,,,\r\n",
        encoding="utf-8",
    )
    truth = read_truth(path, LABELS, of=GameHalf(half=2))
    assert truth.events == [TrueEvent(3.0, "Goal kick"), TrueEvent(12.5, "Goal", "home")]
    assert [("row 3" in line, "row 4" in line) for line in truth.problems] == [
        (True, False),
        (False, True),
    ]


def test_confirmed_verdicts_are_annotations(tmp_path):
    path = tmp_path / "verdicts_video_0.csv"
    path.write_text(
        "video,time_s,game_time,label,team,verdict,said_time_s,said_label,said_by\n"
        "0,12.5,00:12,Goal,home,confirmed,12,Goal,llava\n"
        "0,20,00:20,Set Pieces,,rejected,20,Set Pieces,llava\n"
        "0,30,00:30,'=1+1,,undecided,30,'=1+1,llava\n"
        "0,40,00:40,Goal,,undecided,40,Goal,llava\n"
        "0,50,00:50,Corner,,,,,\n"
        "0,60,01:00,Corner,,perhaps,,,\n"
    )
    truth = read_truth(path, LABELS)
    assert truth.events == [TrueEvent(12.5, "Goal", "home"), TrueEvent(50, "Corner")]
    bad, undecided = truth.problems
    assert "row 6: verdict is 'perhaps'" in bad
    assert "2 verdicts are undecided" in undecided


def test_starts_and_ends_of_halves_are_not_events(tmp_path):
    path = tmp_path / "verdicts_video_0.csv"
    path.write_text(
        "video,time_s,game_time,label,team,verdict,said_time_s,said_label,said_by\n"
        "0,250,1 - 00:00,1,,half start,,,\n"
        "0,262.5,1 - 00:12,Goal,home,confirmed,262,Goal,llava\n"
        "0,3100,1 - 47:30,1,,half end,,,\n"
    )
    truth = read_truth(path, LABELS, duration=3000)
    assert truth.events == [TrueEvent(262.5, "Goal", "home")]
    assert truth.problems == []
    assert truth.judged == [(262.0, "Goal", True), (262.5, "Goal", True)]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.csv", "time;label\n3;Goal\n", "columns time_s and label"),
        ("t.json", "[]", "no list of annotations"),
        ("t.json", '{"annotations": 3}', "no list of annotations"),
        ("t.json", "{", "not a JSON file"),
    ],
)
def test_file_in_another_format_is_refused(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words):
        read_truth(tmp_path / name, LABELS, of=GameHalf(half=1))


def test_missing_label_file_is_refused(tmp_path):
    there = tmp_path / "Labels-v2.json"
    there.touch()
    videos = {
        0: Video(video=0, path="a.mkv", labels=there),
        1: Video(video=1, path="b.mkv"),
        2: Video(video=2, path="c.mkv", labels=tmp_path / "lost.json"),
    }
    assert find_labels(videos, [0, 1], tmp_path) == {0: str(there)}
    with pytest.raises(InputError, match=r"lost\.json: no such file.*labels of video 2"):
        find_labels(videos, [0, 1, 2], tmp_path)


def test_saved_verdicts_serve_as_labels_of_a_video_without_labels(tmp_path):
    there = tmp_path / "Labels-v2.json"
    there.touch()
    videos = {0: Video(video=0, path="a.mkv", labels=there), 1: Video(video=1, path="b.mkv")}
    saved = {video: verdicts_path(tmp_path / "results", video) for video in (0, 1, 2)}
    saved[1].parent.mkdir(parents=True)
    for path in saved.values():
        path.touch()
    # Video 2 is not in the table: it has given predictions without footage.
    found = find_labels(videos, [0, 1, 2], tmp_path / "results")
    assert found == {0: str(there), 1: str(saved[1]), 2: str(saved[2])}
    assert find_labels(videos, [0], tmp_path / "results") == {0: str(there)}


def test_review_without_usable_events_is_refused_except_with_undecided_verdicts(tmp_path):
    path = tmp_path / "verdicts.csv"
    columns = "time_s,label,verdict,said_time_s,said_label\n"
    path.write_text(f"{columns}1,Goal,undecided,1,Goal\n2,Foul,rejected,2,Foul\n")
    truth = check_truth(path, LABELS)
    assert (truth.events, truth.undecided) == ([], 1)
    path.write_text(f"{columns}1,Goal,undecided,1,Goal\n2,Gaol,confirmed,2,Foul\n")
    with pytest.raises(InputError, match="has no usable event"):
        check_truth(path, LABELS)


def test_epl_table_has_the_paths_that_the_soccernet_downloader_uses():
    table = ROOT / "examples/soccernet_epl.tsv"
    videos = read_videos(table)
    assert list(videos) == list(range(40))
    for number, video in videos.items():
        assert video.half == number % 2 + 1
        assert video.game == videos[number - number % 2].game
        # A folder of SoccerNet's downloader gives the same paths.
        path = table.parent / video.game / f"{video.half}_224p.mkv"
        assert (video.path, video.labels) == (path, path.with_name("Labels-v2.json"))
        assert f" {video.home} " in path.parent.name
        assert path.parent.name.endswith(f" {video.away}")


def test_labels_without_a_class_are_counted(write, tmp_path):
    path = write(annotation(), annotation(label="Drinks  break"), annotation("2 - 00:01", "Gaol"))
    assert count_unknown_labels(path, LABELS) == {"Drinks break": 1, "Gaol": 1}
    table = tmp_path / "verdicts.csv"
    table.write_text(
        "time_s,label,verdict\n1,Drinks break,confirmed\n2,Drinks break,rejected\n"
        "3,Own goal,undecided\n4,Goal,confirmed\n0,1,half start\n"
    )
    assert count_unknown_labels(table, LABELS) == {"Drinks break": 1}


def test_predictions_with_undecided_verdicts_are_recognized(tmp_path):
    from samples import event

    from touchline.evaluation.outcomes import is_undecided

    path = tmp_path / "verdicts.csv"
    path.write_text(
        "time_s,label,verdict,said_time_s,said_label\n"
        "10,Goal,undecided,10,Goal\n"
        "14,Goal,rejected,14,Goal\n"
        "31,Corner,confirmed,30,Penalty\n"
        "50,Foul,confirmed,,\n"
    )
    truth = read_truth(path, Labels({"Goal": [], "Corner": [], "Penalty": [], "Foul": []}))
    assert [one.label for one in truth.events] == ["Corner", "Foul"]
    assert "1 verdicts are undecided" in truth.problems[0]
    open_ones = [
        (time, label)
        for time, label in ((9, "Goal"), (13, "Goal"), (9, "Foul"), (30, "Penalty"), (90, "Goal"))
        if is_undecided(event(time, label), truth, 5)
    ]
    assert open_ones == [(9, "Goal")]


MATCH = GameHalf("g", halves=parse_half_starts("1=250-2950,2=3992"))


def test_annotations_of_both_halves_get_times_of_the_whole_video(write):
    path = write(annotation("1 - 00:10"), annotation("2 - 00:20", position="20500"))
    truth = read_truth(path, LABELS, of=MATCH, duration=7000.0)
    assert [event.time_s for event in truth.events] == [260.0, 4012.5]
    assert truth.problems == []


def test_annotation_outside_the_halves_is_left_out_and_reported(write):
    path = write(annotation("1 - 00:10"), annotation("1 - 50:00"))
    truth = read_truth(path, LABELS, of=MATCH, duration=7000.0)
    assert [event.time_s for event in truth.events] == [260.0]
    (line,) = truth.problems
    assert "1 of its events are not in the halves that the video shows, the first at 3250 s" in line


def test_table_times_use_the_clock_of_the_video(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("time_s,label\n300,Goal\n4000,Goal\n")
    truth = read_truth(path, LABELS, of=MATCH, duration=7000.0)
    assert [event.time_s for event in truth.events] == [300.0, 4000.0]


def test_clip_points_of_a_table_are_kept(tmp_path):
    path = tmp_path / "verdicts.csv"
    rows = ["10,Goal,confirmed,4,15", "20,Goal,confirmed,,28.5", "30,Goal,confirmed,,"]
    path.write_text("\n".join(["time_s,label,verdict,in_s,out_s", *rows]) + "\n")
    truth = read_truth(path, LABELS, duration=60)
    assert [(event.in_s, event.out_s) for event in truth.events] == [
        (4, 15),
        (None, 28.5),
        (None, None),
    ]
    assert truth.problems == []


@pytest.mark.parametrize(
    ("points", "problem"),
    [
        ("12,11", "in_s is 12, after out_s, 11"),
        ("-1,11", "in_s is '-1', before the start of the video"),
        ("5,61", "out_s is 61, beyond the end of the video (60 s)"),
        ("5,x", "out_s is 'x', not a number of seconds"),
        ("12,", "in_s (12) is after the event (10 s), and out_s is empty"),
        (",9", "out_s (9) is before the event (10 s), and in_s is empty"),
    ],
)
def test_wrong_clip_point_is_reported_and_its_event_is_kept(tmp_path, points, problem):
    path = tmp_path / "verdicts.csv"
    path.write_text(f"time_s,label,in_s,out_s\n10,Goal,{points}\n")
    truth = read_truth(path, LABELS, duration=60)
    assert truth.events == [TrueEvent(10, "Goal")]
    assert truth.problems == [f"{path}, row 1: {problem}. Its clip has the default length."]
