"""How large the page of a match is, and how long it takes to open and to filter.

    PYTHONPATH=tests:tests/browser python benchmarks/pages.py VIDEO

VIDEO is where the thumbnails are taken from, spread over its length. Needs Debian's chromium and
chromium-driver.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from browsing import Browser

from touchline.comparison.compare import Track, compare
from touchline.core.records import Counts, Coverage, Event, Interval
from touchline.evaluation.annotations import TrueEvent
from touchline.events.shortlist import Standing, shortlist
from touchline.inputs.labels import Labels
from touchline.inputs.videos import Name, Video
from touchline.report.match_page import SCRIPTS, VideoPage, page_data, rows_of
from touchline.report.pages import render
from touchline.report.review_items import DISAGREEMENTS
from touchline.report.thumbnails import thumbnails
from touchline.video.probe import probe

SECONDS = 3000.0
TOLERANCE = 5.0
MODELS = ("llava", "qwen7b", "third")
DETAILS = (
    "A player of the home team is seen close to the penalty area, the referee has stopped play."
)
FILTERS = [
    ("amount", "all"),
    ("by-class", "Goal"),
    ("by-class", ""),
    ("by-lane", "1"),
    ("by-lane", ""),
    ("by-truth", "wrong"),
    ("by-truth", ""),
    ("by-verdict", "undecided"),
    ("order", "time"),
    ("order", "unsure"),
    ("least", "0.7"),
    ("least", ""),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("video", type=Path)
    video = parser.parse_args().video
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(Path(folder))
        print("| models | events | moments | pictures | MB | opening, ms | filter, ms (most) |")
        print("|---|---|---|---|---|---|---|")
        for models, events in ((3, 1000), (3, 5000), (1, 5000)):
            path = Path(folder) / f"{models}_{events}.html"
            moments, pictures = write_page(path, MODELS[:models], events, video)
            size = path.stat().st_size / 1e6
            opening, filters = measure(browser, path)
            print(
                f"| {models} | {events} | {moments} | {pictures} | {size:.2f} | {opening:.0f} | "
                f"{statistics.median(filters):.0f} ({max(filters):.0f}) |"
            )
        browser.driver.quit()


def write_page(path: Path, models: Sequence[str], events: int, video: Path) -> tuple[int, int]:
    """A match with so many events of some models; returns how many moments and pictures."""
    match = a_match(models, events)
    moments = match.moments(TOLERANCE)
    times = sorted({m.time_s for m in moments if m.status in DISAGREEMENTS})
    manifest = probe(Video(video=0, path=video))
    at = [
        (time, round(k * (manifest.duration - 0.2) / len(times), 3)) for k, time in enumerate(times)
    ]
    pictures = thumbnails(manifest, video, at, threads=2)
    shortlists = {model: best_of(track.events) for model, track in match.tracks.items()}
    data = page_data(match, moments, Name("A match"), TOLERANCE, shortlists, pictures)
    values = {"match": match, "name": Name("A match"), "rows": rows_of(match)}
    path.write_text(render("match.html.j2", SCRIPTS, data, tolerance=TOLERANCE, **values))
    return len(moments), len(pictures)


def best_of(events: Sequence[Event]) -> dict[Event, Standing]:
    """The shortlist of a model's events."""
    listed = shortlist(events, Labels.read("labels.yaml").classes, per_class=10)
    return {events[place]: standing for place, standing in listed.items()}


def a_match(models: Sequence[str], events: int) -> VideoPage:
    """Models that see the same moments, each with gaps, errors and inventions."""
    chance = random.Random(0)
    labels = Labels.read("labels.yaml")
    per_model = events // len(models)
    moments = [
        (round(chance.uniform(0, SECONDS), 1), chance.choice(labels.classes))
        for _ in range(per_model)
    ]
    predicted: dict[str, list[Event]] = {}
    for model in models:
        mine = []
        for true_time, true_label in moments:
            invented, mistaken = chance.random() < 0.4, chance.random() < 0.15
            time = chance.uniform(0, SECONDS) if invented else true_time + chance.gauss(0, 1)
            time = round(min(SECONDS - 4, abs(time)), 1)
            label = chance.choice(labels.classes) if mistaken else true_label
            score = round(chance.random(), 4)
            when = (time, time, time + 2)
            mine.append(Event(time, label, True, "home", 0.9, None, 2, *when, DETAILS, score))
        predicted[model] = sorted(mine, key=lambda event: event.time_s)
    looked_at = [Interval(start=0, end=SECONDS)]
    counts = Counts(answers=1500, none=500, unparsed=0, events_in=per_model, events_out=per_model)
    coverage = Coverage(duration=SECONDS, looked_at=looked_at, likely_lost=[], counts=counts)
    tracks = {model: Track(mine, ((0.0, SECONDS),)) for model, mine in predicted.items()}
    return VideoPage(
        video=0,
        tracks=tracks,
        coverage=dict.fromkeys(models, coverage),
        fused=predicted[models[0]] if len(models) > 1 else None,
        truth=[TrueEvent(time, label) for time, label in sorted(moments)],
        problems=[],
        manifest=None,
        comparison=compare(tracks, TOLERANCE)[0],
        labels=labels,
    )


def measure(browser: Browser, page: Path) -> tuple[float, list[float]]:
    """Milliseconds of script, style and layout: to open a page, and for each of some filters."""
    browser.driver.execute_cdp_cmd("Performance.enable", {})
    browser.driver.get("about:blank")
    browser.driver.get(page.as_uri())
    settle = (
        "const done = arguments[arguments.length - 1];"
        "requestAnimationFrame(() => requestAnimationFrame(() => done()))"
    )
    browser.driver.execute_async_script(settle)
    opening = busy(browser)
    took = []
    for control, value in FILTERS:
        before = busy(browser)
        browser.run(
            "const control = document.getElementById(arguments[0]); control.value = arguments[1];"
            "for (const kind of ['input', 'change']) control.dispatchEvent(new Event(kind));",
            control,
            value,
        )
        browser.driver.execute_async_script(settle)
        took.append(busy(browser) - before)
    return opening, took


def busy(browser: Browser) -> float:
    """Milliseconds that the page's thread has worked since it was opened."""
    metrics = browser.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    parts = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    return 1000 * float(sum(one["value"] for one in metrics if one["name"] in parts))


if __name__ == "__main__":
    main()
