"""The page of a run."""

import pytest
from browsing import answer, given_only


@pytest.fixture
def index(match):
    return match.folder / "results/report/index.html"


def test_page_of_the_run_opens_from_disk_and_links_to_the_match(browser, index):
    browser.open(index)
    messages, asked = browser.logs()
    assert messages == []
    assert {address.partition(":")[0] for address in asked} == {"file"}
    assert not browser.elements("script")
    browser.element("#videos a").click()
    assert browser.text("h1") == "Reds – Blues"
    browser.element(".facts a").click()
    assert "1 video" in browser.text("h1")


def test_page_of_the_run_shows_events_and_metrics(browser, index):
    browser.open(index)
    rows = {row.text.split()[-0] for row in browser.elements("#videos tbody tr")}
    assert len(rows) == 4
    titles = [title.text for title in browser.elements("figure h3")]
    assert titles[:3] == ["Events by class", "Agreement by class", "Precision and recall"]
    assert all(svg.size["width"] > 100 for svg in browser.elements("figure svg"))
    assert browser.element("figure svg").get_attribute("aria-label") == "Events by class"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1440, 360])
def test_page_has_no_accessibility_violation(browser, index, dark, width):
    browser.size(width, 900)
    browser.dark(dark)
    try:
        browser.open(index)
        for fold in browser.elements("summary"):
            fold.click()
        assert browser.violations() == []
        assert browser.run("return document.documentElement.scrollWidth") <= width
    finally:
        browser.size(1440, 1000)
        browser.dark(False)


def test_missing_files_come_first(browser, tmp_path):
    predicted = {
        "one": [answer(t, "Foul") for t in range(2, 900, 4)],
        "two": [answer(t, "Foul") for t in range(400, 900, 4)],
    }
    clone = given_only(tmp_path / "run", predicted, {"video": "0", "path": "gone.mp4"})
    clone.run("report")
    browser.open(clone.folder / "results/report/index.html")
    assert "two has nothing from 0 to 400 s of video 0" in browser.text("main section:first-child")
    browser.open(clone.folder / "results/report/video_0.html")
    assert "not compared" in browser.text("#statuses")
    assert browser.logs()[0] == [] or all("gone.mp4" in line for line in browser.logs()[0])
