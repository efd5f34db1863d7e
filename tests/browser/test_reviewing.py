"""The review of a long match: three models with 950 events each become one list."""

import base64
import csv
import io
import json
import re
import xml.etree.ElementTree as ET

import pytest
from long_match import MODELS, write_page
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from sklearn.metrics import cohen_kappa_score

from touchline.core.records import Thumbnail
from touchline.evaluation.annotations import read_truth
from touchline.inputs.labels import Labels
from touchline.inputs.videos import GameHalf

LABELS = "labels.yaml"


def pictures(times):
    file = io.BytesIO()
    Image.new("RGB", (192, 108), (60, 130, 60)).save(file, "webp")
    text = base64.b64encode(file.getvalue()).decode()
    return [Thumbnail(moment_s=time, picture_s=time, webp=text) for time in times]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "page.html"
    moments, _ = write_page(path, MODELS, 950, pictures, with_truth=False)
    assert moments > 900
    return path


def decided(browser):
    """Return the numbers of decided moments and confirmed events."""
    text = browser.text("#progress-text")
    confirmed = re.search(r"(\d+) events? confirmed", text)
    return int(text.split()[0]), int(confirmed[1]) if confirmed else 0


def exported(browser, kind, name):
    browser.element("#export").click()
    browser.element(f"#export-{kind}").click()
    return browser.downloaded(name)


def test_reviewing_sixty_moments_takes_130_key_presses(browser, page):
    browser.open(page)
    pressed = 0
    while decided(browser)[0] < 60:
        # As a person would: now and then something is not there, of a conflict one is right.
        several = len(browser.elements("#events button")) > 1
        browser.press("n" if pressed % 5 == 4 else "o" if several else "y")
        pressed += 1
    browser.press("e", Keys.ENTER)
    pressed += 2
    assert pressed <= 130
    rows = browser.downloaded("checked_A-match_half1.csv").read_text().splitlines()
    assert len(rows) - 1 == decided(browser)[1] > 30


def test_timeline_stays_visible_while_the_list_scrolls(browser, page):
    browser.open(page)
    for _ in range(30):
        browser.press("j")
    row = browser.element("[aria-current]").rect
    canvas = browser.element("#canvas").rect
    assert browser.run("return scrollY") == 0
    assert 0 <= canvas["y"] < row["y"] < 1000 - row["height"]
    assert browser.run("return document.getElementById('scroller').scrollTop") > 500


def click_lane(browser, lane, time):
    canvas = browser.element("#canvas")
    start, end, ruler, tall, mark, gutter = (
        float(canvas.get_attribute(f"data-{name}"))
        for name in ("start", "end", "ruler", "lane", "mark", "gutter")
    )
    width, height = canvas.rect["width"], canvas.rect["height"]
    x = gutter + (time - start) / (end - start) * (width - gutter)
    y = ruler + tall * lane + mark
    ActionChains(browser.driver).move_to_element_with_offset(
        canvas, round(x - width / 2), round(y - height / 2)
    ).click().perform()


def test_click_on_a_mark_keeps_the_timeline_and_shows_the_row(browser, page):
    browser.open(page)
    browser.choose("#amount", "all")
    browser.choose("#order", "time")
    click_lane(browser, 0, 2800)
    assert browser.run("return scrollY") == 0
    browser.wait(
        lambda: browser.run(
            "const row = document.querySelector('[aria-current]').getBoundingClientRect();"
            "const list = document.getElementById('scroller').getBoundingClientRect();"
            "return list.top <= row.top && row.bottom <= list.bottom;"
        ),
        seconds=2,
    )


@pytest.mark.parametrize("width", [360, 768])
def test_tap_on_a_row_keeps_the_player_visible_on_a_small_screen(browser, page, width):
    browser.size(width, 800)
    try:
        browser.open(page)
        browser.run("document.getElementById('scroller').scrollIntoView()")
        browser.run("document.querySelectorAll('#list .go')[3].click()")
        box = browser.run(
            "const {top, bottom} = document.querySelector('.player').getBoundingClientRect();"
            "return [top, bottom];"
        )
        assert -1 <= box[0] < box[1] <= 800
        assert browser.run("return document.documentElement.scrollWidth") <= width
    finally:
        browser.size(1440, 1000)


def test_lanes_can_show_one_class_each(browser, page):
    browser.open(page)
    lanes = len(browser.elements("#lane-names bdi"))
    browser.press("v")
    names = [name.text for name in browser.elements("#lane-names bdi")]
    assert len(names) >= 18
    assert {"Goal", "Corner", "Offside"} < {*names}
    assert names[-1] == "your verdicts"
    browser.press("v")
    assert len(browser.elements("#lane-names bdi")) == lanes


def test_undo_works_after_a_reload(browser, page):
    browser.open(page)
    browser.press("j", "y", "y")
    before = browser.text("#progress-text")
    browser.press("n")
    browser.open(page, fresh=False)
    browser.press("u")
    assert browser.text("#progress-text") == before
    browser.press("u", "u")
    assert decided(browser) == (0, 0)


def test_two_tabs_share_their_verdicts(browser, page):
    browser.open(page)
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("tab")
    second = browser.driver.current_window_handle
    try:
        browser.driver.get(page.as_uri())
        browser.press("j", "c")
        browser.driver.switch_to.window(first)
        browser.wait(lambda: decided(browser)[1] == 1)
        browser.press("j", "j", "c")
        browser.press("u")
        assert decided(browser)[1] == 1
        browser.press("c")
        browser.driver.switch_to.window(second)
        browser.wait(lambda: decided(browser)[1] == 2)
    finally:
        browser.driver.switch_to.window(second)
        browser.driver.close()
        browser.driver.switch_to.window(first)


def test_verdicts_survive_a_change_of_models(browser, page, tmp_path):
    browser.open(page)
    browser.press("j", "c", "j", "c")
    fewer = tmp_path / "fewer.html"
    write_page(fewer, MODELS[:2], 950, pictures, with_truth=False)
    browser.open(fewer, fresh=False)
    browser.element("#save").click()
    text = browser.downloaded("verdicts_video_0.csv").read_text()
    assert text.count(",confirmed,") == 2


def test_reject_many_action_shows_its_count_and_can_be_undone(browser, page):
    browser.open(page)
    browser.choose("#amount", "all")
    browser.press(Keys.ESCAPE, "j", "c")
    browser.element("#reject-many").click()
    browser.choose("#many-class", "Foul")
    browser.element("#many-below").send_keys("0.4")
    count = int(browser.text("#many-count").split()[0])
    assert count > 10
    browser.element("#many-reject").click()
    assert f"Rejected {count} events" in browser.text("#notices")
    browser.element("#save").click()
    text = browser.downloaded("verdicts_video_0.csv").read_text()
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["verdict"] == "rejected"]
    assert (len(rows), {row["label"] for row in rows}) == (count, {"Foul"})
    browser.press("u")
    assert decided(browser)[1] == 1
    browser.element("#save").click()
    assert ",rejected," not in browser.downloaded("verdicts_video_0.csv").read_text()


def test_two_reviewers_are_compared_and_joined(browser, page):
    files = []
    for name, keys in (("Ana", "yynyynyy"), ("Ben", "ynnyyyyyyy")):
        browser.open(page)
        browser.element("#reviewer").clear()
        browser.element("#reviewer").send_keys(name, Keys.ESCAPE)
        browser.press("j", "m")
        browser.press(f"seen by {name}", Keys.ENTER)
        browser.press("u", "k", *keys)
        browser.element("#save").click()
        files.append(browser.downloaded("verdicts_video_0.csv"))
    verdicts = []
    for file in files:
        with file.open() as rows:
            verdicts.append({(r["said_time_s"], r["said_label"]): r for r in csv.DictReader(rows)})
    assert {r["reviewer"] for r in verdicts[1].values()} == {"", "Ben"}
    both = [
        [v[key]["label"] if v[key]["verdict"] == "confirmed" else "" for v in verdicts]
        for key in verdicts[0]
        if all(v[key]["verdict"] != "undecided" for v in verdicts)
    ]
    browser.open(page)
    browser.element("#load-file").send_keys(str(files[0]))
    browser.wait(lambda: "Loaded" in browser.text("#notices"))
    browser.element("#others").click()
    browser.element("#other-file").send_keys(str(files[1]))
    browser.wait(lambda: "kappa" in browser.text("#agreement"))
    found = dict(row.text.rsplit(" ", 1) for row in browser.elements("#agreement tr"))
    assert int(found["Both decided"]) == len(both) > 5
    kappa = cohen_kappa_score(*zip(*both, strict=True))
    assert float(found["Cohen’s kappa"]) == pytest.approx(kappa, abs=0.006)
    differ = sum(a != b for a, b in both)
    assert int(found["Different"]) == differ > 0
    only = int(found["Only the other decided"])
    before = decided(browser)
    browser.element("#join").click()
    assert f"Took over {only} verdicts" in browser.text("#notices")
    assert decided(browser) != before
    browser.element("#others").click()
    browser.element("#differences").click()
    assert 0 < len(browser.rows()) <= differ
    browser.press("u")
    assert decided(browser) == before


def test_confirmed_events_are_exported_in_all_formats(browser, page):
    browser.open(page)
    browser.press("j", "m")
    browser.press("<b> & Søn", Keys.ENTER)
    browser.press(*"yyyy")
    count = decided(browser)[1]
    table = exported(browser, "csv", "checked_A-match_half1.csv")
    truth = read_truth(table, Labels.read(LABELS))
    assert len(truth.events) == count
    soccernet = exported(browser, "soccernet", "Labels-v2_A-match_half1.json")
    again = read_truth(soccernet, Labels.read(LABELS), of=GameHalf(half=1))
    assert [(e.label, e.time_s) for e in again.events] == [
        (e.label, pytest.approx(e.time_s)) for e in truth.events
    ]
    osl = json.loads(exported(browser, "osl", "osl_A-match_half1.json").read_text())
    assert [e["position_ms"] for e in osl["data"][0]["events"]] == [
        round(1000 * e.time_s) for e in truth.events
    ]
    assert "confidence_score" not in osl["data"][0]["events"][0]
    sportscode = ET.fromstring(exported(browser, "sportscode", "A-match_half1.xml").read_text())
    assert [e.findtext("code") for e in sportscode.iter("instance")] == [
        e.label for e in truth.events
    ]
    assert "<b> & Søn" in [e.text for e in sportscode.iter("text")]
    webvtt = exported(browser, "webvtt", "A-match_half1.vtt").read_text()
    assert webvtt.count("-->") == count
    assert "&lt;b&gt; &amp; Søn" in webvtt


def test_sixty_confirmed_events_print_on_two_pages(browser, page):
    browser.open(page)
    while decided(browser)[1] < 60:
        browser.press(*"yyyyy")
    pdf = browser.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    content = base64.b64decode(pdf["data"])
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 2
    assert len(browser.elements("#print-list li")) == decided(browser)[1]


def test_list_can_be_ordered_by_class_and_score(browser, page):
    browser.open(page)
    browser.choose("#order", "class")
    first = [row.split(" ", 1)[1].split(" / ")[0] for row in browser.rows()]
    assert first == sorted(first)
    browser.choose("#order", "best score")
    best = [
        max(map(float, re.findall(r"\b[01]\.\d\d\b", row.text)))
        for row in browser.elements("#list li")[:10]
    ]
    assert best == sorted(best, reverse=True)


def test_actions_cause_no_violation_of_the_content_policy(browser, page):
    browser.open(page)
    browser.press(*"jyynouvv")
    assert browser.logs()[0] == []
