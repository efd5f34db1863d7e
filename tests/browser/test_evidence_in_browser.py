"""The curves of evidence under the timeline appear on request, and a click seeks the video."""

import numpy as np
import pytest
from long_match import NAME, SECONDS, TOLERANCE, a_match, best_of
from selenium.webdriver.common.action_chains import ActionChains

from touchline.evidence.tables import Evidence
from touchline.report.match_page import MODULE, page_data, summary_rows
from touchline.report.pages import render

CLASSES = ("Goal", "Corner", "Never <b>given</b>")


def evidence_of():
    """Return evidence with a goal in the middle, an uncertain corner, and an impossible class."""
    starts = np.arange(0, SECONDS, 2)
    windows = np.stack([starts, starts + 4, starts, starts + 3], axis=1)
    goal, corner = np.full(len(starts), -12.0), -6 + np.sin(starts / 50)
    goal[749:751] = -0.1
    never = np.full(len(starts), -90.0)
    none = np.log1p(-np.exp(goal) - np.exp(corner))
    weights = np.stack([goal, corner, never, none], axis=1)
    weights[100:110] = np.nan
    return Evidence(windows, CLASSES, weights)


def write(path, evidence):
    match = a_match(("llava",), 20, False)
    moments = match.moments(TOLERANCE)
    shortlists = {model: best_of(track.events) for model, track in match.tracks.items()}
    data = page_data(
        match, moments, name=NAME, tolerance=TOLERANCE, shortlists=shortlists, evidence=evidence
    )
    values = {"match": match, "name": NAME, "rows": summary_rows(match), "tolerance": TOLERANCE}
    path.write_text(render("match.html.j2", MODULE, data, **values))
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("evidence") / "page.html"
    return write(path, {"llava": evidence_of(), "qwen": evidence_of()})


def painted(browser, name):
    """Return the number of painted pixels in a class's curves."""
    return browser.run(
        "const row = [...document.querySelectorAll('.curve')].find((one) => "
        "one.firstChild.textContent === arguments[0]); const canvas = row.lastChild; "
        "const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);"
        "return data.filter((value, n) => n % 4 === 3 && value > 0).length;",
        name,
    )


def test_evidence_curves_are_drawn_on_request(browser, page):
    browser.open(page)
    assert browser.elements(".curve") == []
    browser.element("#evidence").click()
    browser.wait(lambda: len(browser.elements(".curve")) == 2)
    assert [row.text for row in browser.elements(".curve")] == ["Goal", "Corner"]
    browser.wait(lambda: painted(browser, "Goal") > 1000)
    assert browser.text("#evidence-models") == "llava · qwen dashed"
    assert browser.logs()[0] == []


def test_click_on_a_curve_seeks_the_video(browser, page):
    browser.open(page)
    browser.element("#evidence").click()
    browser.wait(lambda: len(browser.elements(".curve")) == 2)
    canvas = browser.elements(".curve canvas")[0]
    ActionChains(browser.driver).move_to_element_with_offset(canvas, 0, 0).click().perform()
    browser.wait(
        lambda: (
            abs(int(browser.element("#canvas").get_attribute("aria-valuenow")) - SECONDS / 2) < 5
        )
    )


def test_page_without_evidence_has_no_curves_button(browser, tmp_path):
    browser.open(write(tmp_path / "page.html", None))
    assert not browser.element("#evidence").is_displayed()
