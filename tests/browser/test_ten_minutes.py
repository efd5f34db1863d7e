"""Reviewing a half in ten minutes: the effect of each key, and the state that the page keeps."""

import csv
import io
import re

import pytest
from long_match import MODELS, write_page
from selenium.webdriver.common.keys import Keys
from test_layout_in_browser import pictures

SECONDS_PER_DECISION = 4


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return the page of three models with 910 events each."""
    path = tmp_path_factory.mktemp("ten minutes") / "page.html"
    write_page(path, MODELS, 910, pictures)
    return path


def decided(browser):
    """Return the numbers of decided moments, of all moments and of confirmed events."""
    text = browser.text("#progress-text")
    found = re.match(r"(\d+) of (\d+) moments? decided(?: · (\d+) events? confirmed)?", text)
    return tuple(int(each or 0) for each in found.groups())


def saved(browser):
    browser.element("#save").click()
    text = browser.downloaded("verdicts_video_0.csv").read_text()
    return list(csv.DictReader(io.StringIO(text)))


def test_shortlist_is_finished_within_ten_minutes(browser, page):
    browser.open(page)
    assert decided(browser)[1] == 60
    assert browser.text("#shown").startswith("60 of ")
    presses = 0
    browser.press("j")
    while "Everything that is shown is decided" not in browser.text("#notices"):
        browser.press("n" if presses % 5 == 4 else "y")
        presses += 1
        assert presses * SECONDS_PER_DECISION <= 600
    assert decided(browser)[:2] == (60, 60)
    assert presses == 60


def test_key_n_rejects_every_event_of_the_moment(browser, page):
    browser.open(page)
    browser.choose("#order", "disagreements first")
    browser.press(Keys.ESCAPE, "j")
    count = len(browser.elements("#events button"))
    assert count > 1
    browser.press("n")
    assert decided(browser)[0] == 1
    assert sum(row["verdict"] == "rejected" for row in saved(browser)) == count
    browser.press("u")
    assert decided(browser)[0] == 0


def test_undecided_events_of_confirmed_moments_can_be_rejected(browser, page):
    browser.open(page)
    browser.choose("#order", "disagreements first")
    browser.press(Keys.ESCAPE, "j")
    count = len(browser.elements("#events button"))
    browser.press("y")
    assert browser.text("#reject-beside") == f"Reject the {count - 1} left"
    browser.element("#reject-beside").click()
    assert sum(row["verdict"] == "rejected" for row in saved(browser)) == count - 1
    assert not browser.element("#reject-beside").is_displayed()


def test_reject_many_action_rejects_only_events_in_the_list(browser, page):
    browser.open(page)
    browser.tick("Foul")
    rows = len(browser.rows())
    browser.element("#reject-many").click()
    browser.element("#many-reject").click()
    assert len(browser.rows()) == rows
    rejected = {row["label"] for row in saved(browser) if row["verdict"] == "rejected"}
    assert "Foul" in rejected
    browser.element("#clear-filters").click()
    assert decided(browser)[1] == 60


def test_shift_key_with_a_letter_adds_an_event_of_the_class(browser, page):
    browser.open(page)
    browser.press("j")
    title = browser.text("#judge-title")
    time = browser.run("return document.getElementById('canvas').getAttribute('aria-valuetext')")
    browser.press("G")
    notice = browser.text("#notices")
    assert f"Goal at {time}" in notice
    assert browser.text("#judge-title") == title
    assert decided(browser)[2] == 1
    assert "⇧G" in [kbd.text for kbd in browser.elements("#class-buttons kbd")]
    browser.press("u")
    assert decided(browser)[2] == 0
    # By its place, on a keyboard of another script.
    browser.run(
        """for (const [key, code, shiftKey] of [["П", "KeyG", true], ["о", "KeyJ", false]])
          document.body.dispatchEvent(
            new KeyboardEvent("keydown", {key, code, shiftKey, bubbles: true}));"""
    )
    assert decided(browser)[2] == 1
    assert browser.text("#judge-title") != title


def test_typing_the_word_goal_chooses_the_class_goal(browser, page):
    browser.open(page)
    browser.press("j", "l")
    browser.press("goal")
    assert browser.element("#label").get_attribute("value") == "Goal"


def test_notices_report_the_end_of_the_list_and_an_undone_verdict(browser, page):
    browser.open(page)
    browser.choose("#amount", "the best of each class")
    browser.press(Keys.ESCAPE, "k")
    browser.press("c")
    browser.press("j")
    assert "the last moment" in browser.text("#notices")
    browser.press("c")
    assert "Took back the verdict" in browser.text("#notices")
    assert "Undo restores it" in browser.text("#notices")


def test_note_on_an_undecided_event_is_kept(browser, page):
    browser.open(page)
    browser.press("j", "m")
    browser.press("look again", Keys.TAB)
    browser.open(page, fresh=False)
    browser.press("j")
    assert browser.element("#note").get_attribute("value") == "look again"
    assert decided(browser)[2] == 0
    rows = saved(browser)
    assert [row["verdict"] for row in rows if row["note"] == "look again"] == ["undecided"]
    browser.press("y")
    noted = [row for row in saved(browser) if row["note"] == "look again"]
    assert [row["verdict"] for row in noted] == ["confirmed"]


def test_view_stays_the_same_after_a_reload_and_after_going_back(browser, page):
    browser.open(page)
    browser.choose("#amount", "all")
    browser.choose("#order", "time")
    browser.choose("#lanes-by", "by class")
    browser.tick("Corner")
    browser.press(Keys.ESCAPE, "j", "j", "j")
    rows, title = browser.rows(), browser.text("#judge-title")

    def seen():
        values = [browser.element(f"#{each}").get_attribute("value") for each in CHOICES]
        return browser.rows(), browser.text("#judge-title"), values

    browser.wait(lambda: "moment=" in browser.driver.current_url)
    browser.driver.refresh()
    assert seen() == (rows, title, ["all", "time", "class"])
    browser.driver.get("about:blank")
    browser.driver.back()
    assert seen() == (rows, title, ["all", "time", "class"])


CHOICES = ["amount", "order", "lanes-by"]


@pytest.mark.parametrize(
    ("written", "confirmed"),
    [("12:05.4", True), ("725.4", True), ("12.05", False), ("12:75", False), ("soon", False)],
)
def test_ambiguous_times_are_refused(browser, page, written, confirmed):
    browser.open(page)
    browser.press("j")
    browser.element("#time").clear()
    browser.element("#time").send_keys(written, Keys.ENTER)
    assert (decided(browser)[2] == 1) == confirmed
    assert ("like 12:05.4" in browser.text("#judge-error")) != confirmed
    if confirmed:
        row = next(row for row in saved(browser) if row["verdict"] == "confirmed")
        assert row["time_s"] == "725.4"


def test_points_of_a_clip_are_saved_and_loaded(browser, page):
    browser.open(page)
    browser.press("j")
    browser.element("#clip-in").send_keys("1:00")
    browser.element("#clip-out").send_keys("1:10.5", Keys.ENTER)
    row = next(row for row in saved(browser) if row["verdict"] == "confirmed")
    assert (row["in_s"], row["out_s"]) == ("60", "70.5")
    browser.open(page, fresh=False)
    browser.choose("#by-verdict", "confirmed")
    browser.press(Keys.ESCAPE, "j")
    for event in browser.elements("#events .confirmed"):
        event.click()
    assert browser.element("#clip-in").get_attribute("value") == "01:00.0"
    browser.element("#clip-in").clear()
    browser.element("#clip-in").send_keys("2:00", Keys.ENTER)
    assert "The clip ends before it begins" in browser.text("#judge-error")
