"""The number of shown moments, and the moments that are never hidden."""

import pytest
from browsing import answer, given_only
from selenium.webdriver.common.keys import Keys

# Forty goals, a minute apart. Hits after goal 30 and later goals make these rank higher.
GOALS = [answer(60 * k, "Goal") for k in range(1, 41)]
ECHOES = [answer(60 * k + 8, "Goal", details="They celebrate.") for k in range(30, 41)]
OTHERS = [answer(90, "Foul"), answer(150, "Foul"), answer(210, "Set Pieces")]
PREDICTED = {"one": [*GOALS, *ECHOES, *OTHERS]}
TRUE = "time_s,label,team\n1800,Goal,home\n2500,Red card,away\n"
# Eleven of the echoes lie too near to a better goal.
ALL = 40 + 11 + 3 + 1
SHOWN = 10 + 2  # without the red card, which only the labels have


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    row = {"video": "0", "path": "gone.mp4", "labels": "true.csv"}
    clone = given_only(tmp_path_factory.mktemp("shortlist") / "run", PREDICTED, row)
    (clone.folder / "true.csv").write_text(TRUE)
    clone.run("report")
    return clone.folder / "results/report/video_0.html"


def in_words(browser):
    return browser.text("#shown"), browser.text("#left-out")


def test_best_events_of_all_classes_come_first_and_hidden_events_are_counted(browser, page):
    browser.open(page)
    rows = browser.rows()
    assert {row.partition(" ")[2] for row in rows[:2]} == {"Goal", "Foul"}
    assert [row.partition(" ")[2] for row in rows] == [
        *["Goal", "Foul"] * 2, *["Goal"] * 8,
    ]  # fmt: skip
    assert all(row >= "30:00" for row in rows[4:])
    assert in_words(browser) == (
        f"{SHOWN} of {ALL}", f"{ALL - SHOWN} of {ALL} moments are not in the shortlist.",
    )  # fmt: skip
    assert browser.text("#list li .standing") == "no. 1 of its class"


def test_number_of_shown_moments_can_be_chosen(browser, page):
    browser.open(page)
    browser.choose("#amount", "the best of each class")
    assert [row.partition(" ")[2] for row in browser.rows()] == ["Goal", "Foul", "Red card"]
    assert in_words(browser)[1] == f"{ALL - 3} of {ALL} moments are not the best of a class."
    browser.choose("#amount", "the best 30 of each class")
    left_out = f"{ALL - 30 - 2 - 1} of {ALL} moments"
    assert in_words(browser)[1] == f"{left_out} are not among the best 30 of a class."
    browser.choose("#amount", "all")
    assert in_words(browser) == (f"{ALL}", "")
    assert not browser.element("#show-all").is_displayed()


def test_show_all_button_is_reached_and_left_by_keyboard(browser, page):
    browser.open(page)
    browser.element("#amount").send_keys(Keys.TAB)
    browser.press(Keys.ENTER)
    assert in_words(browser) == (f"{ALL}", "")
    assert browser.run("return document.activeElement.id") == "amount"


def test_moments_hidden_by_filters_and_by_the_shortlist_are_counted_separately(browser, page):
    browser.open(page)
    browser.tick("Goal")
    assert in_words(browser) == (
        f"10 of {ALL}", "41 of 51 moments that pass the filters are not in the shortlist.",
    )  # fmt: skip
    browser.tick("Goal")
    browser.tick("Set Pieces")
    assert in_words(browser)[1] == "1 of 1 moments that pass the filters is not in the shortlist."
    assert browser.text("#list") == "The moments that pass the filters are not in the shortlist."
    browser.element("#clear-filters").click()
    assert in_words(browser)[0] == f"{SHOWN} of {ALL}"


def test_decided_moments_are_never_hidden(browser, page):
    browser.open(page)
    before = browser.rows()
    browser.choose("#amount", "all")
    browser.tick("Set Pieces")
    browser.element("#list li").click()
    browser.element("#reject").click()
    browser.element("#clear-filters").click()
    browser.choose("#amount", "the shortlist")
    assert sorted({*browser.rows()} - {*before}) == ["03:31 Set Pieces"]
    assert {*before} < {*browser.rows()}
    # A red card that nobody predicted, and an event that the person adds.
    browser.choose("#amount", "the best of each class")
    browser.press(Keys.ESCAPE, "a")
    assert {row.partition(" ")[2] for row in browser.rows()} >= {"Red card", "Set Pieces"}
    assert len(browser.elements("#list .badge.added")) == 1
    browser.open(page, fresh=False)
    assert "03:31 Set Pieces" in browser.rows()


def test_moment_chosen_on_the_timeline_gets_a_row_with_its_verdict(browser, page):
    browser.open(page)
    browser.choose("#amount", "the best of each class")
    browser.run(
        """const canvas = document.getElementById("canvas");
        const {start, end, ruler, lane} = canvas.dataset;
        const x = (211.5 - start) / (end - start) * canvas.clientWidth;
        const box = canvas.getBoundingClientRect();
        for (const kind of ["pointerdown", "click"]) canvas.dispatchEvent(new MouseEvent(kind,
          {clientX: box.x + x, clientY: box.y + Number(ruler) + lane / 2, bubbles: true}));"""
    )
    assert browser.text("#judge-title") == "03:31.5 Set Pieces"
    assert "03:31 Set Pieces" not in browser.rows()
    browser.element("#reject").click()
    assert browser.text("[aria-current] .go") == "03:31 Set Pieces"
    browser.element("#undo").click()
    assert browser.text("#progress-text").startswith("0 of")


@pytest.mark.parametrize("width", [1440, 768, 360])
def test_page_has_no_accessibility_violation(browser, page, width):
    browser.size(width, 900)
    try:
        browser.open(page)
        assert browser.violations() == []
        assert browser.run("return document.documentElement.scrollWidth") <= width
    finally:
        browser.size(1440, 1000)
