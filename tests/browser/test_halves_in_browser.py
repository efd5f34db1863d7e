"""A match whose clock differs from the video's: the page shows both clocks and sets the halves."""

import csv
import json
from pathlib import Path

import pytest
from long_match import best_of
from samples import event
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from touchline.comparison.compare import Track
from touchline.core.records import Counts, Coverage, Interval
from touchline.evaluation.annotations import read_truth
from touchline.inputs.clock import half_spans, parse_half_starts, span_at
from touchline.inputs.labels import Labels
from touchline.inputs.videos import GameHalf, Name
from touchline.report.match_page import MODULE, VideoPage, page_data, summary_rows
from touchline.report.pages import render

LABELS = Labels.read(Path(__file__).parents[2] / "labels.yaml")
SECONDS = 9000.0
STARTS = "1=00:04:10-00:51:40,2=01:06:32"
# Studio talk, the first half, the interval, the second half to its last seconds.
TIMES = [100.0, 250.0, 495.5, 3200.0, 4237.1, 7590.0, 8990.0]
ROWS = [
    "01:40 Goal",
    "04:10 · 1 - 00:00 Goal",
    "08:15 · 1 - 04:05 Goal",
    "53:20 Goal",
    "1:10:37 · 2 - 04:05 Goal",
    "2:06:30 · 2 - 59:58 Goal",
    "2:29:50 Goal",
]


def write(path, starts):
    """Write the page of one model's goals.

    Args:
        starts: the starts of halves in the table of videos; None if it has none.
    """
    counts = Counts(answers=9, none=0, unparsed=0, events_in=7, events_out=7)
    where = [Interval(start=0, end=SECONDS)]
    match = VideoPage(
        video=0,
        tracks={"a": Track([event(time, "Goal") for time in TIMES], ((0.0, SECONDS),))},
        coverage={"a": Coverage(duration=SECONDS, looked_at=where, likely_lost=[], counts=counts)},
        fused=None,
        truth=None,
        problems=[],
        manifest=None,
        comparison=None,
        labels=LABELS,
    )
    halves = parse_half_starts(starts) if starts else ()
    data = page_data(
        match,
        match.moments(5),
        name=Name(game="A match"),
        tolerance=5,
        shortlists={"a": best_of(match.tracks["a"].events)},
        halves=half_spans(halves, None, SECONDS),
    )
    values = {"match": match, "name": Name(game="A match"), "rows": summary_rows(match)}
    path.write_text(render("match.html.j2", MODULE, data, tolerance=5.0, **values))
    return path


@pytest.fixture(scope="module")
def stated(tmp_path_factory):
    """Return the page of a video whose half starts are in the table of videos."""
    return write(tmp_path_factory.mktemp("stated") / "page.html", STARTS)


@pytest.fixture(scope="module")
def unstated(tmp_path_factory):
    return write(tmp_path_factory.mktemp("unstated") / "page.html", None)


def open_by_time(browser, page, fresh=True):
    browser.open(page, fresh)
    browser.choose("#order", "time")
    browser.press(Keys.ESCAPE)


def confirm_all(browser):
    while not browser.text("#progress-text").startswith(f"{len(TIMES)} of"):
        browser.press("y")


def exported(browser, kind, name):
    browser.element("#export").click()
    browser.element(f"#export-{kind}").click()
    return browser.downloaded(name)


def write_into(field, text):
    """Replace the text of a field as a person does, and leave the field."""
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(text, Keys.TAB)


def open_dialog(browser):
    if not browser.element("#set-halves").is_displayed():
        browser.element("#menu").click()
    browser.element("#set-halves").click()
    browser.wait(lambda: browser.element("#halves").is_displayed())


def close_dialog(browser):
    browser.press(Keys.ESCAPE)
    browser.wait(lambda: not browser.element("#halves").is_displayed())


def set_halves(browser, starts):
    """Write the starts and ends of halves into the fields."""
    open_dialog(browser)
    for one in parse_half_starts(starts):
        for what, time in (("start", one.start), ("end", one.end)):
            if time is not None:
                write_into(browser.element(f"#half-{one.half}-{what}"), str(time))
    shown = browser.element("#half-starts").get_attribute("value")
    close_dialog(browser)
    return shown


def painted(browser, time):
    """Return the darkest red value at a time in the band of the halves, except in its top line."""
    browser.run(
        "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    return browser.run(
        """const canvas = document.getElementById("canvas");
        const {start, end, ruler} = canvas.dataset;
        const x = Math.round((arguments[0] - start) / (end - start) * canvas.width);
        const pen = canvas.getContext("2d", {willReadFrequently: true});
        const {data} = pen.getImageData(x - 1, Number(ruler) - 8, 3, 7);
        let least = 255;
        for (let k = 0; k < data.length; k += 4)
          if (data[k + 3] > 200) least = Math.min(least, data[k]);
        return least;""",
        time,
    )


def test_rows_inside_the_halves_have_both_clocks(browser, stated):
    open_by_time(browser, stated)
    assert browser.rows() == ROWS
    browser.element("#search").send_keys("04:05")
    assert browser.rows() == [ROWS[2], ROWS[4]]


def test_page_shows_both_clocks_in_verdicts_and_cursor_and_print(browser, stated):
    open_by_time(browser, stated)
    browser.elements("#list li")[2].click()
    assert browser.text("#judge-title") == "08:15.5 · 1 - 04:05 Goal"
    assert browser.text("#predicted button.time") == "08:15.5 · 1 - 04:05"
    assert browser.text("#time-of-half") == "1 - 04:05"
    canvas = browser.element("#canvas")
    assert canvas.get_attribute("aria-valuetext") == "08:13 · 1 - 04:03"
    browser.wait(lambda: browser.text("#match-clock") == "1 - 04:03")
    browser.element("#time").clear()
    browser.element("#time").send_keys("1:40")
    assert browser.text("#time-of-half") == ""
    browser.element("#time").clear()
    browser.element("#time").send_keys("1:10:37.1", Keys.ENTER)
    browser.run("dispatchEvent(new Event('beforeprint'))")
    printed = browser.run("return document.querySelector('#print-list b').textContent")
    assert printed == "1:10:37 · 2 - 04:05"


def test_tooltip_of_a_mark_has_both_clocks(browser, stated):
    open_by_time(browser, stated)
    canvas = browser.element("#canvas")
    width, height = canvas.size["width"], canvas.size["height"]
    x, y = 4237.1 / SECONDS * width, int(canvas.get_attribute("data-ruler")) + 20
    ActionChains(browser.driver).move_to_element_with_offset(
        canvas, round(x - width / 2), round(y - height / 2)
    ).perform()
    assert browser.text("#tip").startswith("1:10:37.1 · 2 - 04:05 Goal")


def test_timeline_marks_starts_and_ends_of_halves(browser, stated):
    open_by_time(browser, stated)
    lines = [painted(browser, time) for time in (250, 3100, 3992)]
    assert max(lines) < 120 < min(painted(browser, time) for time in (120, 3500))
    words = browser.run("return document.getElementById('halves-in-words').textContent")
    assert words == (
        "Half 1 starts at 04:10 and ends at 51:40. Half 2 starts at 1:06:32 and ends at 2:06:32."
    )
    assert "halves-in-words" in browser.element("#canvas").get_attribute("aria-describedby")


def test_video_of_one_half_shows_one_clock(browser, unstated):
    open_by_time(browser, unstated)
    assert browser.rows() == [row.split(" ")[0] + " Goal" for row in ROWS]
    browser.press("j")
    assert browser.text("#judge-title") == "01:40.0 Goal"
    assert not browser.element("#match-clock").is_displayed()
    assert browser.element("#canvas").get_attribute("data-ruler") == "22"


def test_exports_have_the_clock_of_each_half(browser, stated):
    open_by_time(browser, stated)
    confirm_all(browser)
    soccernet = exported(browser, "soccernet", "Labels-v2_A-match.json")
    assert "3 events outside every half are left out" in browser.text("#notices")
    annotations = json.loads(soccernet.read_text())["annotations"]
    assert [(one["gameTime"], one["position"]) for one in annotations] == [
        ("1 - 00:00", "0"),
        ("1 - 04:05", "245500"),
        ("2 - 04:05", "245100"),
        ("2 - 59:58", "3598000"),
    ]
    assert [e.time_s for e in read_truth(soccernet, LABELS, of=GameHalf(half=2)).events] == [
        245.1,
        3598,
    ]
    with exported(browser, "csv", "checked_A-match.csv").open() as file:
        rows = [(float(row["time_s"]), row["game_time"]) for row in csv.DictReader(file)]
    clocks = ["", "1 - 00:00", "1 - 04:05", "", "2 - 04:05", "2 - 59:58", ""]
    assert rows == list(zip(TIMES, clocks, strict=True))
    assert "left out" not in browser.text("#notices")
    osl = json.loads(exported(browser, "osl", "osl_A-match.json").read_text())
    events = osl["data"][0]["events"]
    assert [one["position_ms"] for one in events] == [round(1000 * time) for time in TIMES]
    assert [one.get("gameTime", "") for one in events] == clocks


@pytest.mark.parametrize(
    "starts", [STARTS, "1=250,2=3992", "2=90", "1=100-200.5", "1=10,2=3300,3=7000,4=8000-8995"]
)
def test_halves_set_on_the_page_equal_the_halves_of_the_table(browser, unstated, starts):
    open_by_time(browser, unstated)
    shown = set_halves(browser, starts)
    assert parse_half_starts(shown) == parse_half_starts(starts)
    confirm_all(browser)
    annotations = json.loads(exported(browser, "soccernet", "Labels-v2_A-match.json").read_text())
    spans = half_spans(parse_half_starts(starts), None, SECONDS)
    found = [(time, span) for time in TIMES if (span := span_at(spans, time))]
    assert [(a["gameTime"][0], int(a["position"])) for a in annotations["annotations"]] == [
        (str(span.half), round(1000 * (time - span.kickoff))) for time, span in found
    ]


def test_keyboard_can_set_and_save_and_undo_and_remove_a_half(browser, unstated):
    open_by_time(browser, unstated)
    browser.press("j", "j", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, "h", Keys.ENTER)
    assert browser.text("#half-now") == "04:10.0"
    assert browser.element("#half-starts").get_attribute("value") == "1=00:04:10"
    browser.press(Keys.ESCAPE)
    assert browser.rows()[2] == ROWS[2]
    browser.elements("#list li")[4].click()
    browser.press("h", *[Keys.TAB] * 5, Keys.ENTER)  # Half 2 starts here
    assert browser.element("#half-starts").get_attribute("value") == "1=00:04:10,2=01:10:35.1"
    browser.press(Keys.ESCAPE)
    after = browser.rows()
    assert after[4] == "1:10:37 · 2 - 00:02 Goal"
    open_by_time(browser, unstated, fresh=False)
    assert browser.rows() == after
    browser.press("u")
    assert browser.rows()[4] == "1:10:37 · 1 - 66:27 Goal"
    browser.press("h")
    browser.element("#half-1-remove").click()
    browser.press(Keys.ESCAPE)
    assert browser.rows()[2] == "08:15 Goal"


def test_half_set_on_the_page_replaces_only_that_half_of_the_table(browser, stated):
    open_by_time(browser, stated)
    open_dialog(browser)
    assert browser.element("#half-1-end").get_attribute("value") == "00:51:40"
    assert not browser.element("#half-1-remove").is_enabled()
    close_dialog(browser)
    assert set_halves(browser, "2=01:06:30") == "1=00:04:10-00:51:40,2=01:06:30"
    assert browser.rows()[2:5] == [*ROWS[2:4], "1:10:37 · 2 - 04:07 Goal"]
    browser.press("u")
    assert browser.rows() == ROWS


def test_halves_are_saved_with_the_verdicts_but_not_as_events(browser, unstated):
    open_by_time(browser, unstated)
    browser.press("j", "c")
    set_halves(browser, STARTS)
    before = browser.rows()
    assert before == ROWS
    browser.element("#save").click()
    saved = browser.downloaded("verdicts_video_0.csv")
    with saved.open() as file:
        rows = list(csv.DictReader(file))
    halves = [row for row in rows if row["verdict"].startswith("half")]
    assert [(row["verdict"], row["label"], float(row["time_s"])) for row in halves] == [
        ("half start", "1", 250), ("half end", "1", 3100), ("half start", "2", 3992),
    ]  # fmt: skip
    assert [r["game_time"] for r in rows if r["label"] == "Goal"][1:3] == ["1 - 00:00", "1 - 04:05"]
    truth = read_truth(saved, LABELS)
    assert [one.time_s for one in truth.events] == [100]
    assert [line for line in truth.problems if "undecided" not in line] == []

    open_by_time(browser, unstated)
    browser.element("#load-file").send_keys(str(saved))
    browser.wait(lambda: "Loaded 1 verdict and 2 starts of halves" in browser.text("#notices"))
    assert browser.rows() == before
    browser.element("#save").click()
    assert browser.downloaded("verdicts_video_0.csv").read_text() == saved.read_text()


def test_unusable_halves_of_a_file_are_reported(browser, unstated, tmp_path):
    path = tmp_path / "verdicts.csv"
    path.write_text(
        "time_s,label,verdict\n"
        "250,5,half start\nsoon,1,half start\n9,2,half end\n100,Goal,confirmed\n"
    )
    open_by_time(browser, unstated)
    browser.element("#load-file").send_keys(str(path))
    browser.wait(lambda: "Loaded 1 verdict of" in browser.text("#notices"))
    for words in (
        "Row 1: a half start needs a time and a label from 1 to 4",
        "Row 2: a half start needs a time",
        "Half 2 has an end but no start",
    ):
        assert words in browser.text("#notices")


def test_dialog_reports_contradictions_and_invalid_times(browser, unstated):
    open_by_time(browser, unstated)
    set_halves(browser, "1=250-3100,2=3992")
    open_dialog(browser)
    field = browser.element("#half-2-start")
    write_into(field, "50:00")
    assert browser.text("#half-problem") == "Half 2 begins before half 1 ends."
    assert not browser.element("#half-starts").is_displayed()
    write_into(field, "<b>soon")
    assert browser.text("#half-problem").startswith("“<b>soon” is no time")
    write_into(field, "1:06:32")
    assert browser.text("#half-problem") == ""
    assert (
        browser.element("#half-starts").get_attribute("value") == "1=00:04:10-00:51:40,2=01:06:32"
    )
    browser.press(Keys.ESCAPE)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("width", "height"), [(1366, 657), (360, 800)])
def test_page_with_halves_has_no_accessibility_violation(browser, stated, width, height, dark):
    browser.size(width, height)
    browser.dark(dark)
    try:
        open_by_time(browser, stated)
        browser.press("j", "j", "j", "c")
        assert browser.violations() == []
        open_dialog(browser)
        assert browser.violations() == []
        assert browser.run("return document.documentElement.scrollWidth") <= width
        box = browser.element("#halves").rect
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height
        assert browser.logs()[0] == []
    finally:
        browser.press(Keys.ESCAPE)
        browser.size(1440, 1000)
        browser.dark(False)
