"""A match in which all texts of models, files and tables are attacks."""

import csv

import pytest
from browsing import answer, given_only

SCRIPT = "<script>window.pwned = 1</script>"
IMAGE = '"><img src=x onerror="window.pwned = 2">'
ENDS = "</script></style></title><svg onload=window.pwned=3>"
BREAKS = "line\u2028paragraph\u2029 \u202egnirts'`${window.pwned=4}`"
LONG = "W" * 10_000
FORMULA = '=HYPERLINK("http://x.example/","y")'
NASTY = [SCRIPT, IMAGE, ENDS, BREAKS, LONG, FORMULA, "__proto__", "constructor"]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    predicted = {
        model: [
            answer(20 * k + shift, label, details=f"{label} {IMAGE}")
            for k, label in enumerate(NASTY, start=1)
        ]
        + [answer(10, "Goal", details=details) for details in NASTY]
        for model, shift in (("a", 0), ("b", 7), ("proto", 1))
    }
    row = {
        "video": "0",
        "path": f"{IMAGE.replace('/', '')} {SCRIPT.replace('/', '')}.mp4",
        "game": f"{ENDS}{LONG}",
        "home": SCRIPT + IMAGE,
        "away": BREAKS.replace("\u2028", " ").replace("\u2029", " ") + LONG,
    }
    clone = given_only(tmp_path_factory.mktemp("hostile") / "run", predicted, row)
    clone.run("report")
    return clone.folder / "results/report"


@pytest.mark.parametrize("name", ["video_0.html", "index.html"])
@pytest.mark.parametrize("width", [1440, 360])
def test_hostile_text_runs_no_code_and_keeps_the_layout(browser, hostile, name, width):
    browser.size(width, 900)
    try:
        browser.open(hostile / name)
        for _ in range(len(browser.rows()) + 1):
            browser.press("j")
        browser.press("c", "x", "a")
        for fold in browser.elements("summary"):
            if fold.is_displayed():
                fold.click()
        assert browser.run("return window.pwned") is None
        assert browser.run("return ({}).pwned") is None
        assert browser.elements("img[onerror], svg[onload], script[src]") == []
        assert browser.run("return document.documentElement.scrollWidth") <= width
        tallest = browser.run(
            "return Math.max(0, ...[...document.querySelectorAll('h1, h2, .row, figure tr')]"
            ".map((e) => e.offsetHeight))"
        )
        assert tallest < 900
        refused = [line for line in browser.logs()[0] if ".mp4" not in line]
        assert refused == []
    finally:
        browser.size(1440, 1000)


def test_saved_table_has_no_formulas_and_loads_again(browser, hostile):
    browser.open(hostile / "video_0.html")
    browser.press("j", "x")
    browser.element("#save").click()
    saved = browser.downloaded("verdicts_video_0.csv")
    with saved.open(newline="") as file:
        rows = list(csv.reader(file))
    assert any(FORMULA in cell for row in rows for cell in row)
    assert not [cell for row in rows for cell in row if cell.lstrip().startswith(("=", "+", "@"))]
    before = browser.text("#list")
    browser.open(hostile / "video_0.html")
    browser.element("#load-file").send_keys(str(saved))
    browser.wait(lambda: "Loaded" in browser.text("#notices"))
    assert browser.text("#list") == before
