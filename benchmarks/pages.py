"""Measure the size of a match's page, and the times to open and filter it.

    PYTHONPATH=tests:tests/browser python benchmarks/pages.py VIDEO

The thumbnails are taken from VIDEO, spread over its length. The script needs Debian's chromium and
chromium-driver.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from browsing import Browser
from long_match import MODELS, write_page
from selenium.webdriver.common.action_chains import ActionChains

from touchline.core.records import Thumbnail
from touchline.inputs.videos import Video
from touchline.report.thumbnails import thumbnails
from touchline.video.probe import probe

FILTERS = [
    ("amount", "all"),
    ("search", "goal"),
    ("search", ""),
    ("lanes-by", "class"),
    ("lanes-by", "model"),
    ("by-lane", "1"),
    ("by-lane", ""),
    ("by-truth", "wrong"),
    ("by-truth", ""),
    ("by-verdict", "undecided"),
    ("order", "time"),
    ("order", "class"),
    ("order", "unsure"),
    ("least", "0.7"),
    ("least", ""),
]
# Keys: next, confirm, reject, yes, no, undo, lanes, next undecided, a label's lane.
KEYS = ["j", "c", "x", "y", "n", "u", "u", "v", "v", "g", "o", "+", "0"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("video", type=Path)
    video = parser.parse_args().video
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(Path(folder))
        print(
            "| models | events each | moments | pictures | MB | opening, ms | action, ms (most) |"
        )
        print("|---|---|---|---|---|---|---|")
        for models, events in ((3, 333), (3, 950), (3, 1666), (1, 5000)):
            path = Path(folder) / f"{models}_{events}.html"
            moments, pictures = write_page(
                path, MODELS[:models], events, lambda times: drawn(video, times)
            )
            size = path.stat().st_size / 1e6
            opening, took = measure(browser, path)
            slowest = max(took, key=lambda name: took[name])
            print(
                f"| {models} | {events} | {moments} | {pictures} | {size:.2f} | {opening:.0f} | "
                f"{statistics.median(took.values()):.0f} ({took[slowest]:.0f}: {slowest}) |"
            )
        browser.driver.quit()


def drawn(video: Path, times: list[float]) -> list[Thumbnail]:
    """Return thumbnails of moments, made from a video of a different length."""
    manifest = probe(Video(video=0, path=video))
    at = [
        (time, round(k * (manifest.duration - 0.2) / len(times), 3)) for k, time in enumerate(times)
    ]
    return thumbnails(manifest, video, at, threads=2)


def measure(browser: Browser, page: Path) -> tuple[float, dict[str, float]]:
    """Return milliseconds of script, style and layout, to open a page and per action."""
    browser.driver.execute_cdp_cmd("Performance.enable", {})
    browser.driver.get("about:blank")
    browser.driver.get(page.as_uri())
    settle(browser)
    opening = busy(browser)
    took = {}
    for control, value in FILTERS:
        before = busy(browser)
        browser.run(
            "const control = document.getElementById(arguments[0]); control.value = arguments[1];"
            "for (const kind of ['input', 'change']) control.dispatchEvent(new Event(kind));",
            control,
            value,
        )
        settle(browser)
        took[f"{control} {value}"] = busy(browser) - before
    for number, key in enumerate(KEYS):
        before = busy(browser)
        ActionChains(browser.driver).send_keys(key).perform()
        settle(browser)
        took[f"key {number + 1}, {key}"] = busy(browser) - before
    before = busy(browser)
    browser.run(
        "for (const id of ['reject-many', 'many-reject']) document.getElementById(id).click()"
    )
    settle(browser)
    took["reject many"] = busy(browser) - before
    return opening, took


def settle(browser: Browser) -> None:
    """Wait until the screen shows the result of the last action."""
    browser.driver.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "requestAnimationFrame(() => requestAnimationFrame(() => done()))"
    )


def busy(browser: Browser) -> float:
    """Return the milliseconds that the page's thread has worked since the page was opened."""
    metrics = browser.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    parts = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    return 1000 * float(sum(one["value"] for one in metrics if one["name"] in parts))


if __name__ == "__main__":
    main()
