"""Verdicts and labels load from all formats and join the person's own verdicts."""

import json

import pytest

COLUMNS = "video,time_s,label,team,verdict,said_time_s,said_label,reviewer,note\n"
# A row of given predictions is about its window's middle: Foul at 61.5, Offside at 101.5.
MINE = (
    f"{COLUMNS}7,61.5,Foul,home,confirmed,61.5,Foul,Ana,\n"
    "7,101.5,Offside,,rejected,101.5,Offside,Ana,\n"
)
THEIRS = (
    f"{COLUMNS}7,61.5,Foul,,rejected,61.5,Foul,Ben,\n7,101.5,Offside,,rejected,101.5,Offside,Ben,\n"
    "7,10,Goal,home,confirmed,10,Goal,Ben,\n7,9999,Corner,,confirmed,,,Ben,\n"
    "7,75,Gaol,,confirmed,,,Ben,\n7,30.2,Corner,,confirmed,,,Ben,\n"
)


@pytest.fixture
def opened(browser, page):
    browser.open(page)
    browser.choose("#amount", "all")
    return browser


def load(browser, path, text, wait_for="#notices p"):
    """Load a file and return the page's message or question about it."""
    browser.run("document.querySelector('#notices').replaceChildren()")
    path.write_text(text, encoding="utf-8")
    browser.element("#load-file").send_keys(str(path))
    browser.wait(lambda: browser.run("return document.querySelector(arguments[0])", wait_for))
    return browser.text(wait_for)


def saved(browser):
    """Return the verdicts that the page saves, as verdict and reviewer by time and label."""
    browser.element("#save").click()
    lines = browser.downloaded("verdicts_video_7.csv").read_text().splitlines()[1:]
    rows = [line.split(",") for line in lines]
    return {(float(r[1]), r[3]): (r[5], r[9]) for r in rows if r[5] != "undecided"}


def question(browser, tmp_path):
    """Load another person's verdicts, so that the page asks."""
    assert "Loaded 2 verdicts of mine.csv: 2 new, 0 the same" in load(
        browser, tmp_path / "mine.csv", MINE
    )
    return load(browser, tmp_path / "theirs.csv", THEIRS, "#loading[open]")


BOTH = {(101.5, "Offside"): ("rejected", "Ana")}
THEIR_NEWS = {(10, "Goal"): ("confirmed", "Ben"), (30.2, "Corner"): ("confirmed", "Ben")}


def test_loaded_verdicts_that_differ_from_mine_are_used_only_if_chosen(opened, tmp_path):
    asked = question(opened, tmp_path)
    for words in (
        *("theirs.csv", "New 2", "The same as yours 1", "Different from yours 1", "Left out 2"),
        "the video ends at 02:00.0, and the last of them is at 2:46:39.0",
        "Row 5: “Gaol” is no class of labels.yaml",
    ):
        assert words in asked
    opened.element("#loading [value='']").click()
    before = BOTH | {(61.5, "Foul"): ("confirmed", "Ana")}
    assert saved(opened) == before
    load(opened, tmp_path / "theirs.csv", THEIRS, "#loading[open]")
    opened.element("#loading-join").click()
    opened.wait(lambda: "Took over 2 of theirs.csv" in opened.text("#notices"))
    assert "Where you differ (1), yours stand." in opened.text("#notices")
    assert saved(opened) == before | THEIR_NEWS
    opened.press("u")
    assert saved(opened) == before


def test_all_verdicts_of_a_file_replace_mine_and_undo_restores_mine(opened, tmp_path):
    question(opened, tmp_path)
    opened.element("#loading-all").click()
    opened.wait(lambda: "1 of yours are replaced" in opened.text("#notices"))
    theirs = BOTH | THEIR_NEWS | {(61.5, "Foul"): ("rejected", "Ben")}
    assert saved(opened) == theirs
    # Nothing of this is new.
    again = load(opened, tmp_path / "theirs.csv", THEIRS)
    assert "Loaded 4 verdicts of theirs.csv: 0 new, 4 the same as yours." in again
    opened.press("u")
    assert saved(opened) == BOTH | {(61.5, "Foul"): ("confirmed", "Ana")}


def test_added_event_joins_a_loaded_event_nearby(opened, tmp_path):
    added = f"{COLUMNS}7,30,Corner,,confirmed,,,Ana,\n"
    load(opened, tmp_path / "mine.csv", added)
    load(opened, tmp_path / "theirs.csv", THEIRS, "#loading[open]")
    assert "Different from yours 1" in opened.text("#loading")
    opened.element("#loading-all").click()
    corners = [time for time, label in saved(opened) if label == "Corner"]
    assert corners == [30.2]


FORMATS = {
    "semicolons.csv": "time_s;label;team;note\n10,5;Goal;home;\n75,25;red card;away;\n",
    "Labels-v2.json": json.dumps(
        {
            "annotations": [
                {"gameTime": "1 - 00:10", "label": "Goal", "position": "10500", "team": "home"},
                {"gameTime": "1 - 01:15", "label": "Red card", "position": 75250, "team": "away"},
                {"gameTime": "1 - 01:15", "label": "<b>", "position": "75000", "team": "away"},
                {"gameTime": "soon", "label": "Goal", "team": "not applicable"},
                {"gameTime": "1 - 59:00", "label": "Goal", "position": "3540000"},
                "no annotation",
            ]
        }
    ),
    "osl.json": json.dumps(
        {
            "data": [
                {"id": "video_3", "events": [{"label": "Foul", "position_ms": 60000}]},
                {
                    "id": "video_7",
                    "events": [
                        {"head": "action", "label": "Goal", "position_ms": 10500, "team": "home"},
                        {"head": "action", "label": "Red card", "position_ms": 75250},
                    ],
                },
            ]
        }
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_all_formats_are_loaded(opened, tmp_path, name):
    notice = load(opened, tmp_path / name, FORMATS[name])
    assert f"Loaded 2 verdicts of {name}: 2 new" in notice
    assert {*saved(opened)} == {(10.5, "Goal"), (75.25, "Red card")}
    if name == "Labels-v2.json":
        assert "1 row is left out: the video ends at 02:00.0" in notice
        assert "Annotation 3: “<b>” is no class" in notice
        assert "Annotation 4: time_s is not a time" in notice
    opened.element("#others").click()
    opened.element("#other-file").send_keys(str(tmp_path / name))
    opened.wait(lambda: "kappa" in opened.text("#agreement"))
    assert "Both decided 2\n" in opened.text("#agreement")


def test_soccernet_events_get_the_times_of_the_halves(opened, tmp_path):
    halves = f"{COLUMNS}7,5,1,,half start,,,,\n7,50,1,,half end,,,,\n7,60,2,,half start,,,,\n"
    annotations = [
        {"gameTime": f"{half} - 00:{time // 1000:02}", "label": "Goal", "position": str(time)}
        for half, time in ((1, 5500), (1, 50000), (2, 15250), (3, 1000))
    ]
    text = json.dumps({"annotations": annotations})
    # The page does not know which half its video shows.
    refused = load(opened, tmp_path / "Labels-v2.json", text)
    assert "Labels-v2.json was not loaded." in refused
    assert "set it with “Halves…”" in refused
    load(opened, tmp_path / "halves.csv", halves)
    notice = load(opened, tmp_path / "Labels-v2.json", text)
    assert "1 annotation is left out: of a half that the video does not show." in notice
    assert "1 annotation is left out: of times outside the halves of the video." in notice
    times = [time for time, label in saved(opened) if label == "Goal"]
    assert times == [10.5, 75.25]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"annotations": ', "It is not a JSON file."),
        (b'{"predictions": []}', "It holds no list of annotations"),
        (b'{"data": [{"id": "video_3", "events": []}]}', "It holds no events of video_7."),
        ("time_s,label\n1,Tor für uns".encode("latin-1"), "It is not UTF-8 text"),
        (b"[null]", "It holds no list of annotations"),
        (b"time_s;label\n", "Loaded 0 verdicts"),
    ],
)
def test_files_without_events_are_refused(opened, tmp_path, content, reason):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    opened.element("#load-file").send_keys(str(path))
    opened.wait(lambda: reason in opened.text("#notices"))
    assert opened.text("#progress-text").startswith("0 of")
