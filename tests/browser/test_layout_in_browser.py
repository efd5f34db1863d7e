"""The layout keeps video, verdict buttons and four rows visible, also with open parts."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from browsing import answer, given_only
from long_match import MODELS, SECONDS, write_page
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from media import steady, write_video
from touchline.core.records import Thumbnail
from touchline.evidence.tables import Evidence
from touchline.inputs.videos import Name

SIZES = [(1280, 620), (1366, 657), (1440, 789), (1920, 947)]
PHONES = [(390, 740), (360, 640)]
MANY = (*MODELS, "a-model-with-quite-a-long-name-32b-instruct", "fifth", "sixth")
ARABIC = "نادي الوحدة الرياضي لكرة القدم " * 3
NAMES = {
    1: Name(game="league/A match", half=1, home="Reds", away="Blues"),
    3: Name(game="league/A match", half=2, home="Rovers " * 11, away=ARABIC[:80]),
    6: Name(game="league/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley", half=1),
}
CLASSES = ("Goal", "Corner", "Foul", "Offside", "Throw-in", "Clearance")


def pictures(times):
    file = io.BytesIO()
    Image.new("RGB", (192, 108), (60, 130, 60)).save(file, "webp")
    text = base64.b64encode(file.getvalue()).decode()
    return [Thumbnail(moment_s=time, picture_s=time, webp=text) for time in times]


def evidence_of():
    starts = np.arange(0, SECONDS, 2)
    windows = np.stack([starts, starts + 4, starts, starts + 3], axis=1)
    weights = [-6 + np.sin(starts / (50 + 7 * n)) for n in range(len(CLASSES))]
    none = np.log1p(-np.exp(weights).sum(axis=0))
    return Evidence(windows, CLASSES, np.stack([*weights, none], axis=1))


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """Return the pages of a long match with a video, by number of models."""
    folder = tmp_path_factory.mktemp("layout")
    write_video(folder / "video.mp4", steady(4))
    found = {}
    for count, name in NAMES.items():
        found[count] = folder / f"page_{count}.html"
        models = MANY[:count]
        evidence = {model: evidence_of() for model in models[:2]}
        write_page(
            found[count],
            models,
            910,
            pictures,
            name=name,
            video=folder / "video.mp4",
            evidence=evidence,
        )
    return found


@pytest.fixture(params=[1, 3, 6], scope="module")
def opened(request, browser, pages):
    """Open the page and choose a moment with several events, if there is one."""
    browser.open(pages[request.param])
    browser.choose("#order", "disagreements first")
    browser.press(Keys.ESCAPE, "j")
    browser.wait(lambda: browser.run("return document.getElementById('video').readyState >= 1"))
    return request.param


# Whether all of an element is seen: inside the window, and nothing lies over it. A point on each
# edge and in the middle is asked for; rounded corners are left out.
SEEN = """
const isSeen = (element) => {
  if (!element || !element.checkVisibility()) return false;
  const {left, top, right, bottom, width, height} = element.getBoundingClientRect();
  const isInside = top > -0.5 && left > -0.5 && bottom < innerHeight + 0.5;
  if (!isInside || right > innerWidth + 0.5) return false;
  const xs = [left + 3, (left + right) / 2, right - 3];
  const ys = [top + 3, (top + bottom) / 2, bottom - 3];
  return width > 4 && height > 4 && xs.every((x) => ys.every((y) => {
    const found = document.elementFromPoint(x, y);
    return found && (element.contains(found) || found.contains(element));
  }));
};
"""


def seen(browser, *selectors):
    """Return the selectors whose first element is not fully visible."""
    return browser.run(
        SEEN + "return arguments[0].filter((s) => !isSeen(document.querySelector(s)));",
        list(selectors),
    )


def rows_seen(browser):
    return browser.run(
        SEEN
        + "return [...document.querySelectorAll('#list .row')].slice(0, 30).filter(isSeen).length"
    )


WORKED_WITH = ("#video", "#yes", "#no", "#confirm", "#reject", "#save", "#export", "h1", ".half")


def settle(browser):
    browser.run(
        "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame("
        "() => requestAnimationFrame(done))))"
    )


def save(browser):
    """Save the verdicts. The page then shows a message."""
    browser.press("s")
    browser.downloaded("verdicts_video_0.csv")


def set_open(browser, *, filters=False, evidence=False, notice=False):
    """Open or close filters, evidence and a message."""
    browser.run("document.getElementById('more-filters').open = arguments[0]", filters)
    settle(browser)
    is_open = browser.element("#evidence").get_attribute("aria-expanded") == "true"
    if is_open != evidence:
        browser.element("#evidence").click()
    if notice:
        save(browser)
    else:
        browser.run("document.getElementById('notices').replaceChildren()")
    settle(browser)


def sideways(browser):
    """Return elements that reach out of the window without being cut or scrolled."""
    return browser.run(
        "const isCut = (e) => e && (getComputedStyle(e).overflowX !== 'visible' ||"
        " isCut(e.parentElement)); const { clientWidth } = document.documentElement;"
        "return [...document.querySelectorAll('.app *')].filter((e) => e.checkVisibility() &&"
        " e.getBoundingClientRect().right > clientWidth + 1 && !isCut(e.parentElement))"
        ".map((e) => e.id || e.className || e.tagName)"
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("what", ["", "filters", "evidence", "filters evidence", "notice"])
def test_video_verdict_buttons_and_four_rows_are_visible(browser, opened, size, what):
    browser.size(*size)
    try:
        set_open(browser, **dict.fromkeys(what.split(), True))
        assert seen(browser, *WORKED_WITH, "#overview", "#zoom-in", "#label") == []
        assert rows_seen(browser) >= 4
        video = browser.element("#video").rect
        assert video["height"] >= 200
        assert browser.run("return scrollY") == 0
        assert browser.run("return document.documentElement.scrollWidth") <= size[0]
        assert sideways(browser) == []
    finally:
        set_open(browser)
        browser.size(1440, 1000)


@pytest.mark.parametrize("size", SIZES)
def test_lanes_shrink_before_they_are_folded(browser, opened, size):
    """While filters are open, the timeline has one lane, or only the overview."""
    browser.size(*size)
    try:
        set_open(browser)
        names = browser.elements("#lane-names bdi")
        assert len(names) == opened + (3 if opened > 1 else 2)
        assert seen(browser, "#canvas") == []
        if size[1] > 700:
            return
        set_open(browser, filters=True)
        assert len(browser.elements("#lane-names bdi")) == 1
        browser.element("#more-filters summary").click()
        settle(browser)
        browser.element("#fold").click()
        assert not browser.element("#canvas").is_displayed()
        browser.element("#fold").click()
        assert seen(browser, "#canvas") == []
    finally:
        set_open(browser)
        browser.size(1440, 1000)


def test_single_lane_has_the_marks_of_all_models(browser, pages):
    browser.size(1280, 620)
    try:
        browser.open(pages[3])
        set_open(browser, evidence=True)
        assert browser.text("#lane-names") == "all lanes"
        canvas = browser.element("#canvas")
        ActionChains(browser.driver).move_to_element_with_offset(canvas, 40, 10).click().perform()
        assert browser.elements("[aria-current]")
    finally:
        browser.size(1440, 1000)


def test_long_names_keep_opponent_and_half_visible(browser, pages):
    browser.open(pages[3])
    for width in (1920, 1280, 360):
        browser.size(width, 700)
        try:
            assert seen(browser, ".half") == []
            teams = [one.rect for one in browser.elements("h1 .team")]
            assert len(teams) == 2
            assert min(team["width"] for team in teams) > 70
            assert max(team["x"] + team["width"] for team in teams) < width
        finally:
            browser.size(1440, 1000)
    assert browser.element("h1 .team").get_attribute("title") == NAMES[3].home


REACHED = ("save", "export", "others", "help", "load", "set-halves", "reviewer", "undo")


@pytest.mark.parametrize("size", [*PHONES, (768, 1024), (1280, 620)])
def test_every_action_is_on_the_screen_or_in_the_menu(browser, opened, size):
    browser.size(*size)
    try:
        set_open(browser)
        browser.run("scrollTo(0, 0)")
        hidden = seen(browser, *(f"#{one}" for one in REACHED))
        assert "#save" not in hidden
        assert "#export" not in hidden
        browser.element("#menu").click()
        assert seen(browser, *hidden) == []
        browser.press(Keys.ESCAPE)
        assert not browser.element("#others").is_displayed()
        assert browser.run("return document.activeElement.id") == "menu"
        browser.element("#menu").click()
        browser.element("#others").click()
        assert browser.run("return document.getElementById('compare').open")
        browser.press(Keys.ESCAPE)
        assert not browser.element("#others").is_displayed()
    finally:
        browser.size(1440, 1000)


@pytest.mark.parametrize("size", PHONES)
def test_phone_shows_video_verdict_buttons_and_rows_together(browser, opened, size):
    browser.size(*size)
    try:
        set_open(browser)
        assert browser.run("return document.documentElement.scrollWidth") <= size[0]
        browser.run("scrollTo(0, 0)")
        worked_with = ("#video", "#speed", "#loop", "#yes", "#no", "#confirm", "#reject")
        assert seen(browser, *worked_with) == []
        assert sideways(browser) == []
        browser.run("document.getElementById('zoom-in').scrollIntoView({block: 'end'})")
        assert seen(browser, "#zoom-in", "#zoom-out", "#zoom-all") == []
        browser.run("document.getElementById('scroller').scrollIntoView({block: 'end'})")
        assert seen(browser, *worked_with) == []
        assert rows_seen(browser) >= 4
    finally:
        browser.run("scrollTo(0, 0)")
        browser.size(1440, 1000)


def test_keys_hide_the_tip(browser, pages):
    browser.open(pages[1])
    browser.press("j")
    canvas = browser.element("#canvas")
    chosen = 20 + int(canvas.get_attribute("data-ruler")) - canvas.size["height"] / 2
    actions = ActionChains(browser.driver)
    actions.move_to_element_with_offset(canvas, 5, round(chosen)).perform()
    assert browser.element("#tip").is_displayed()
    browser.press("j")
    assert not browser.element("#tip").is_displayed()


def test_message_moves_nothing_and_can_be_closed(browser, pages):
    browser.open(pages[3])
    place = (
        "return ['video', 'yes', 'canvas', 'list', 'label'].map((id) =>"
        " document.getElementById(id).getBoundingClientRect().top)"
    )
    before = browser.run(place)
    save(browser)
    assert "Saved" in browser.text("#notices")
    assert browser.run(place) == before
    assert browser.element("#notices").get_attribute("aria-live") == "polite"
    browser.element("#notices button").click()
    assert browser.text("#notices") == ""
    assert browser.run(place) == before


def decided_text(browser):
    return browser.run("return document.getElementById('decided').textContent")


def test_decisions_are_announced_to_screen_readers(browser, pages):
    browser.open(pages[1])
    browser.press("j")
    label = browser.text("#judge-title").partition(" ")[2]
    shown, best = browser.text("#judge-title").split()[0], browser.element("#time")
    time = best.get_attribute("value")
    browser.press("y")
    total = browser.text("#progress-text").split()[2]
    assert (
        decided_text(browser)
        == f"{label}: confirmed at {time}. 1 of {total} moments decided · 1 event confirmed."
    )
    browser.press("u")
    assert decided_text(browser) == f"Undone. 0 of {total} moments decided."
    browser.press("x")
    assert decided_text(browser) == f"{label}: rejected at {shown}. 1 of {total} moments decided."
    browser.press("x")
    assert decided_text(browser) == f"{label}: undecided at {shown}. 0 of {total} moments decided."
    assert browser.element("#decided").get_attribute("role") == "status"


def test_link_of_a_row_names_agreement_and_verdict(browser, page):
    browser.open(page)
    browser.choose("#order", "disagreements first")
    browser.press(Keys.ESCAPE, "j")

    def name():
        return browser.element("[aria-current] .go").accessible_name

    text = "00:41 Corner / Penalty, other label"
    assert name() == f"{text}, Corner undecided, Penalty undecided"
    browser.press("2")
    assert name() == f"{text}, Corner undecided, Penalty confirmed"
    browser.press("j")
    browser.choose("#label", "Clearance")
    browser.element("#confirm").click()
    assert name().endswith(", confirmed as Clearance")
    browser.press("x")
    assert name().endswith(", rejected")


def printed(browser):
    """Return the number of sheets in a page's print."""
    pdf = browser.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    return len(re.findall(rb"/Type\s*/Page\b", base64.b64decode(pdf["data"])))


def shown_on_paper(browser, selector):
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        return browser.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter((e) => e.checkVisibility()).map((e) => e.innerText)",
            selector,
        )
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_browser_tab_and_printed_page_show_game_and_half(browser, pages):
    browser.open(pages[1])
    assert browser.driver.title == "Half 1: Reds – Blues"
    assert shown_on_paper(browser, ".print h2") == ["Reds – Blues, half 1"]
    assert shown_on_paper(browser, ".print h2 + p") == ["league/A match"]
    assert shown_on_paper(browser, "h1, #canvas, .about") == []
    browser.open(pages[6])
    assert browser.driver.title == "Half 1: 2015-02-21 - 18-00 Chelsea 1 - 1 Burnley"


def test_page_of_the_run_prints_its_tables(browser, match):
    browser.open(match.folder / "results/report/index.html")
    (table,) = shown_on_paper(browser, "#videos table")
    assert "Reds – Blues" in table
    assert len(shown_on_paper(browser, "figure svg")) == len(browser.elements("figure svg"))
    assert 1 <= printed(browser) <= 6
    for scroller in browser.elements(".scroll"):
        assert scroller.size["width"] > 0


@pytest.mark.parametrize(
    ("row", "stem"),
    [
        ({"game": "league/2015 - Über <A> 1 - 1 B?", "half": "2"}, "2015-Über-A-1-1-B_half2"),
        ({"game": "x", "home": "Al-Hilal", "away": "الأهلي"}, "x"),
    ],
)
def test_exports_are_named_after_the_game_and_the_half(browser, tmp_path, row, stem):
    row = {"video": "3", "path": "gone.mp4", **row}
    clone = given_only(tmp_path / "run", {"one": [answer(10, "Goal")]}, row)
    clone.run("report")
    browser.open(clone.folder / "results/report/video_3.html")
    browser.press("j", "y")
    for kind, name in (
        ("csv", f"checked_{stem}.csv"),
        ("soccernet", f"Labels-v2_{stem}.json"),
        ("osl", f"osl_{stem}.json"),
        ("sportscode", f"{stem}.xml"),
        ("webvtt", f"{stem}.vtt"),
    ):
        browser.element("#export").click()
        browser.element(f"#export-{kind}").click()
        content = Path(browser.downloaded(name)).read_text()
        if kind == "soccernet":
            assert json.loads(content)["UrlLocal"] == row["game"]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [(1280, 620), (360, 640)])
def test_opened_parts_have_no_accessibility_violation(browser, pages, size, dark):
    browser.size(*size)
    browser.dark(dark)
    try:
        browser.open(pages[3])
        browser.press("j")
        set_open(browser, evidence=True, notice=True)
        browser.run("scrollTo(0, 0)")
        browser.element("#menu").click()
        assert browser.violations() == []
        small = browser.run(
            "return [...document.querySelectorAll('button, select, input, summary')]"
            ".filter((e) => e.checkVisibility()).map((e) => e.closest('label.check') ?? e)"
            ".filter((e) => e.getBoundingClientRect().height < 23.5).map((e) => e.outerHTML)"
        )
        assert small == []
    finally:
        browser.dark(False)
        browser.size(1440, 1000)
