"""The actions of a person on the page of a match."""

import csv
import shutil

import pytest
from browsing import VIDEO
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from touchline.evaluation.annotations import TrueEvent, read_truth
from touchline.inputs.labels import Labels

SECONDS = 120  # of the video
RATE = 10  # pictures a second of the video
LEAD = 2  # seconds before an event that a click shows


def open_with_all(browser, page, fresh=True):
    """Open the page and choose to see all moments, disagreements first."""
    browser.open(page, fresh)
    browser.choose("#amount", "all")
    browser.choose("#order", "disagreements first")
    browser.press(Keys.ESCAPE)  # leaves the control, where keys are its own


def open_with_video(browser, page):
    """Open the page with all moments and wait for the video, which has the match's length."""
    open_with_all(browser, page)
    browser.wait(
        lambda: float(browser.element("#canvas").get_attribute("data-end") or 0) > SECONDS - 1
    )


def test_page_opens_from_disk_without_errors(browser, page):
    open_with_video(browser, page)
    messages, asked = browser.logs()
    assert messages == []
    assert asked
    assert {address.partition(":")[0] for address in asked} <= {"file", "data", "blob"}
    assert browser.text("h1") == "Reds – Blues"


def test_disagreements_come_first(browser, page):
    open_with_all(browser, page)
    assert browser.rows() == [
        "00:41 Corner / Penalty",
        "01:01 Foul",
        "01:31 Set Pieces",
        "01:41 Offside",
        "01:15 Red card",
        "00:11 Goal",
    ]
    assert [badge.text for badge in browser.elements("#list .badge")][::5] == [
        "◆\nother label",
        "●\nagreed",
    ]


@pytest.mark.parametrize(
    ("control", "value", "rows"),
    [
        ("#by-lane", "three", ["00:41 Corner / Penalty", "00:11 Goal"]),
        ("#by-truth", "wrong", ["00:41 Corner / Penalty", "01:01 Foul", "01:41 Offside"]),
        ("#by-verdict", "confirmed", []),
        ("#order", "time", None),
    ],
)
def test_filters_change_the_rows(browser, page, control, value, rows):
    open_with_all(browser, page)
    before = browser.rows()
    browser.choose(control, value)
    if rows is None:
        assert browser.rows() == sorted(before)
        return
    assert browser.rows() == rows
    assert browser.text("#shown") == f"{len(rows)} of 6"
    browser.element("#clear-filters").click()
    assert browser.rows() == before


def test_filters_accept_several_classes_and_words(browser, page):
    open_with_all(browser, page)
    browser.tick("Goal")
    assert browser.rows() == ["00:11 Goal"]
    browser.tick("Foul")
    assert browser.rows() == ["01:01 Foul", "00:11 Goal"]
    browser.press(Keys.ESCAPE, "/")
    browser.press("CELEBRATE")
    assert browser.rows() == ["00:11 Goal"]
    browser.press(Keys.ENTER)
    assert browser.text("[aria-current] .go") == "00:11 Goal"
    browser.press("c")
    assert browser.text("[aria-current] .verdict") == "✓ Goal 00:10.5 home"
    browser.element("#clear-filters").click()
    assert len(browser.rows()) == 6


def test_filters_select_by_agreement_and_score(browser, page):
    open_with_all(browser, page)
    browser.unfold("#least")
    browser.element("#statuses .only").click()
    assert browser.rows() == ["00:41 Corner / Penalty", "01:15 Red card", "00:11 Goal"]
    browser.element("#least").send_keys("0.775")
    assert browser.rows() == ["00:11 Goal"]
    browser.element("#clear-filters").click()
    browser.element("#most").send_keys("0.77")
    assert browser.rows() == ["01:01 Foul", "01:31 Set Pieces"]


def click_mark(browser, time, lane):
    """Click on a mark in the lanes."""
    canvas = browser.element("#canvas")
    browser.run("scrollTo(0, 0)")
    start, end = (float(canvas.get_attribute(f"data-{name}")) for name in ("start", "end"))
    width, height = canvas.size["width"], canvas.size["height"]
    lanes = [int(canvas.get_attribute(f"data-{name}")) for name in ("ruler", "lane")]
    x = (time - start) / (end - start) * width
    y = lanes[0] + lanes[1] * (lane + 0.5)
    ActionChains(browser.driver).move_to_element_with_offset(
        canvas, round(x - width / 2), round(y - height / 2)
    ).click().perform()


@pytest.mark.parametrize("zoomed", [False, True])
def test_click_on_a_mark_seeks_the_video_to_two_seconds_before(browser, page, tmp_path, zoomed):
    open_with_video(browser, page)
    if zoomed:
        for _ in range(2):
            browser.element("#zoom-in").click()
        browser.run("return new Promise(requestAnimationFrame)")
    time, lane = (43.5, 1) if not zoomed else (13.5, 1)
    click_mark(browser, time, lane)
    browser.wait(lambda: browser.picture_number(tmp_path) == (time - LEAD) * RATE)
    assert browser.text("#judge-title").startswith("00:43.5" if time == 43.5 else "00:11.5")


def test_click_on_a_row_seeks_the_video_to_two_seconds_before(browser, page, tmp_path):
    open_with_video(browser, page)
    browser.elements("#list li")[1].click()
    browser.wait(lambda: browser.picture_number(tmp_path) == (61.5 - LEAD) * RATE)


def progress(browser):
    return browser.text("#progress-text")


def verdicts(browser):
    """Return the verdicts in the chosen row, one per event."""
    return [badge.text for badge in browser.elements("[aria-current] .verdict")]


def test_all_actions_work_by_keyboard(browser, page):
    open_with_video(browser, page)
    browser.press("j")
    assert browser.text("[aria-current] .go") == "00:41 Corner / Penalty"
    # A verdict is about one of the moment's events; the other has its own.
    browser.press("2")
    assert verdicts(browser) == ["✓ Penalty 00:43.5 home"]
    assert progress(browser) == "1 of 6 moments decided · 1 event confirmed"
    browser.press("1")
    assert len(verdicts(browser)) == 2
    assert progress(browser) == "1 of 6 moments decided · 2 events confirmed"
    browser.press("x")
    assert verdicts(browser)[0] == "✗ rejected"
    assert progress(browser) == "1 of 6 moments decided · 1 event confirmed"
    browser.press("j", "x")
    assert verdicts(browser) == ["✗ rejected"]
    browser.press("x")
    assert verdicts(browser) == []
    browser.press("j", "c")  # Set Pieces is no class, so another label must be chosen
    assert "no class. Choose a label (L)" in browser.text("#judge-error")
    # No control has taken the keys.
    browser.press("k", "j", "c", "l")
    browser.press("Throw", Keys.ENTER)
    assert verdicts(browser) == ["✓ Throw-in 01:31.5 home"]
    browser.press("k", "c")
    assert progress(browser) == "3 of 6 moments decided · 3 events confirmed"
    browser.press("u")
    assert progress(browser) == "2 of 6 moments decided · 2 events confirmed"
    browser.press("p")
    browser.wait(lambda: not browser.run("return document.getElementById('video').paused"))
    browser.press(" ")
    assert browser.run("return document.getElementById('video').paused")
    browser.press("?")
    assert browser.run("return document.getElementById('keys').open")
    browser.press(Keys.ESCAPE)
    browser.element("#canvas").send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    assert browser.element("#canvas").get_attribute("aria-valuetext") == "00:01"


def test_single_keys_can_be_turned_off(browser, page):
    open_with_all(browser, page)
    browser.press("?")
    browser.element("#keys-on").click()
    browser.press(Keys.ESCAPE)
    browser.press("j")
    assert not browser.elements("[aria-current=true]")
    browser.press("?")
    browser.element("#keys-on").click()
    browser.press(Keys.ESCAPE)


def test_tab_reaches_all_controls(browser, page):
    open_with_all(browser, page)
    wanted = set(
        browser.run(
            "return [...document.querySelectorAll('button, select, input, a, canvas[tabindex]')]"
            ".filter((e) => e.checkVisibility() && !e.disabled).map((e) => e.id || e.textContent)"
        )
    )
    met = set()
    for _ in range(len(wanted) + 20):
        browser.press(Keys.TAB)
        met.add(
            browser.run("return document.activeElement.id || document.activeElement.textContent")
        )
    assert wanted <= met


def decide(browser):
    """Confirm an event with another label, time and team; reject one; add one."""
    browser.element("#clear-filters").click()
    browser.elements("#list li")[0].click()
    browser.choose("#label", "Clearance")
    browser.element("#time").clear()
    browser.element("#time").send_keys("0:43.5")
    browser.choose("#team", "away")
    browser.element("#confirm").click()
    browser.elements("#list li")[1].click()
    browser.element("#reject").click()
    browser.elements("#list li")[2].click()
    browser.element("#reject").click()
    click_mark(browser, 80, 4)
    browser.wait(
        lambda: browser.run(
            "return Math.abs(document.getElementById('video').currentTime - 80) < 0.2"
        )
    )
    browser.press("a")
    browser.choose("#label", "Yellow card")
    browser.element("#confirm").click()


def state(browser):
    return browser.text("#progress-text"), [
        (row.get_attribute("id").partition("-")[0], row.text)
        for row in browser.elements("#list li")
    ]


def test_verdicts_survive_a_reload(browser, page):
    open_with_video(browser, page)
    decide(browser)
    before = state(browser)
    assert before[0] == "3 of 6 moments decided · 2 events confirmed · 1 added"
    open_with_all(browser, page, fresh=False)
    assert state(browser) == before


def test_saved_verdicts_load_again_and_serve_as_labels(browser, page, match):
    open_with_video(browser, page)
    decide(browser)
    before = state(browser)
    browser.element("#save").click()
    saved = browser.downloaded("verdicts_video_7.csv")
    assert "4 events are not decided" in browser.text("#notices")

    open_with_all(browser, page)
    assert state(browser) != before
    browser.element("#load-file").send_keys(str(saved))
    browser.wait(lambda: "Loaded" in browser.text("#notices"))
    assert state(browser) == before
    browser.element("#save").click()
    again = browser.downloaded("verdicts_video_7.csv")
    assert again.read_text() == saved.read_text()

    truth = read_truth(saved, Labels.read(match.folder / "labels.yaml"))
    yellow = truth.events[-1]
    assert truth.events == [TrueEvent(43.5, "Clearance", "away"), yellow]
    assert (yellow.label, yellow.time_s) == ("Yellow card", pytest.approx(80, abs=0.3))
    shutil.copy(saved, match.folder / "mine.csv")
    table = (match.folder / "videos.tsv").read_text()
    (match.folder / "mine.tsv").write_text(table.replace("true.csv", "mine.csv"))
    match.run("evaluation", videos="mine.tsv", results="mine")
    with (match.folder / "mine/evaluation/outcomes_two.csv").open() as file:
        verdicts = [(row["verdict"], row["label"]) for row in csv.DictReader(file)]
    assert ("miss", "Yellow card") in verdicts
    # Undecided predictions count neither as right nor as false.
    assert "Penalty" not in {label for _, label in verdicts}
    text = (match.folder / "mine/evaluation/evaluation.txt").read_text()
    assert "4 verdicts are undecided" in text


def test_unusable_rows_of_a_file_are_reported(browser, page, tmp_path):
    open_with_all(browser, page)
    path = tmp_path / "labels.csv"
    path.write_text("time_s,label,team\n12,Gaol,\nsoon,Goal,\n9,goal,home\n80,Goal,\n")
    browser.element("#load-file").send_keys(str(path))
    browser.wait(lambda: "Loaded 2 verdicts" in browser.text("#notices"))
    notices = browser.text("#notices")
    assert "Row 1: “Gaol” is no class of labels.yaml; it is left out." in notices
    assert "Row 2: time_s is not a time" in notices
    # The models predict one event. Nobody predicts the other.
    assert browser.text("#progress-text") == "1 of 6 moments decided · 2 events confirmed · 1 added"
    path.write_text("a;b\n1;2\n")
    browser.element("#load-file").send_keys(str(path))
    browser.wait(lambda: "no table of events" in browser.text("#notices"))
    assert "labels.csv was not loaded." in browser.text("#notices")
    assert "Loaded" not in browser.text("#notices")
    # Verdicts of another video are not taken over.
    path.write_text("video,time_s,label\n3,60,Goal\n3,90,Goal\n7,75.2,Red card\n")
    browser.element("#load-file").send_keys(str(path))
    browser.wait(lambda: "Loaded 1 verdict of" in browser.text("#notices"))
    assert "2 rows are of another video (3), not of 7, and left out." in browser.text("#notices")
    browser.press("u")
    assert browser.text("#progress-text") == "1 of 6 moments decided · 2 events confirmed · 1 added"


def test_one_button_confirms_all_agreed_events(browser, page):
    open_with_all(browser, page)
    browser.tick("Goal")
    browser.element("#confirm-shown").click()
    assert progress(browser) == "1 of 6 moments decided · 1 event confirmed"
    assert "Goal 00:10.5 home" in browser.text("#list .verdict")


def test_page_works_without_the_video_and_accepts_another_path(browser, match, page, tmp_path):
    moved = tmp_path / "moved.html"
    shutil.copy(page, moved)
    open_with_all(browser, moved)
    browser.wait(lambda: "The video is not at match é.mp4" in browser.text("#no-video"))
    assert len(browser.rows()) == 6
    browser.press("j", "o")
    assert progress(browser) == "1 of 6 moments decided · 1 event confirmed"
    browser.element("#pick-file").send_keys(str(match.folder / VIDEO))
    browser.wait(lambda: browser.run("return document.getElementById('video').readyState >= 1"))
    browser.wait(lambda: browser.picture_number(tmp_path) == (61.5 - LEAD) * RATE)
    other = tmp_path / "other.mp4"
    other.write_bytes(b"no video")
    browser.element("#pick-file").send_keys(str(other))
    browser.wait(lambda: "cannot play other.mp4" in browser.text("#no-video"))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1440, 360])
def test_page_has_no_accessibility_violation(browser, page, dark, width):
    browser.size(width, 900)
    browser.dark(dark)
    try:
        open_with_all(browser, page)
        browser.press("j", "c", "j", "x", "j")
        assert browser.violations() == []
        browser.press("?")
        assert browser.violations() == []
        browser.press(Keys.ESCAPE)
        assert browser.run("return document.documentElement.scrollWidth") <= width
    finally:
        browser.size(1440, 1000)
        browser.dark(False)
