"""The page of a match with thumbnails. The page recognizes its video by the content."""

import shutil
from pathlib import Path

import pytest
from samples import event
from selenium.webdriver.common.keys import Keys

from media import in_one_file, steady, write_tone, write_video
from touchline.comparison.compare import Track
from touchline.core.records import Counts, Coverage, Interval
from touchline.events.shortlist import Standing
from touchline.inputs.labels import Labels
from touchline.inputs.videos import Name, Video
from touchline.report.match_page import MODULE, VideoPage, moment_in_view, page_data, summary_rows
from touchline.report.pages import render
from touchline.report.thumbnails import thumbnails
from touchline.video.probe import probe

LABELS = Path(__file__).parents[2] / "labels.yaml"
SOUND_BEFORE = 5.0  # seconds
PREDICTED = {"a": [event(4, "Goal"), event(12, "Foul")], "b": [event(5, "Goal")]}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return a page with its video. Its pictures start after its sound; model b saw 15 of 20 s."""
    folder = tmp_path_factory.mktemp("known")
    pictures = write_video(folder / "pictures.mp4", steady(20, start=SOUND_BEFORE))
    tone = write_tone(folder / "tone.mp4", 20)
    video = in_one_file(folder / "video.mp4", [pictures, tone])
    manifest = probe(Video(video=0, path=video))
    looked_at = {"a": [Interval(start=0, end=20)], "b": [Interval(start=0, end=15)]}
    counts = Counts(answers=9, none=9, unparsed=0, events_in=0, events_out=0)
    match = VideoPage(
        video=0,
        tracks={
            name: Track(PREDICTED[name], tuple((s.start, s.end) for s in looked_at[name]))
            for name in PREDICTED
        },
        coverage={
            name: Coverage(duration=20, looked_at=where, likely_lost=[], counts=counts)
            for name, where in looked_at.items()
        },
        fused=None,
        truth=None,
        problems=[],
        manifest=manifest,
        comparison=None,
        labels=Labels.read(LABELS),
    )
    moments = match.moments(5)
    times = [(moment.time_s, moment_in_view(moment, 4, 20)) for moment in moments]
    drawn = thumbnails(manifest, video, times)
    shortlists = {model: {each: Standing(1) for each in mine} for model, mine in PREDICTED.items()}
    data = page_data(
        match,
        moments,
        name=Name(),
        tolerance=5,
        shortlists=shortlists,
        thumbnails=drawn,
        path=video,
        page=folder / "page.html",
    )
    html = render(
        "match.html.j2",
        MODULE,
        data,
        match=match,
        name=Name(),
        rows=summary_rows(match),
        tolerance=5.0,
    )
    path = folder / "page.html"
    path.write_text(html)
    return path


def test_all_moments_have_thumbnails(browser, page):
    browser.open(page)
    assert len(browser.rows()) == 2
    browser.wait(
        lambda: (
            browser.run(
                "return [...document.querySelectorAll('#list img')].map((i) => i.naturalWidth)"
            )
            == [192, 192]
        )
    )


def test_click_shows_the_moment_if_the_sound_begins_before_the_pictures(browser, page, tmp_path):
    browser.open(page)
    browser.wait(lambda: browser.run("return document.getElementById('video').readyState >= 1"))
    (row,) = [row for row in browser.elements("#list .go") if row.text.startswith("00:12")]
    row.click()
    # Two seconds before it.
    browser.wait(lambda: browser.picture_number(tmp_path) == 10 * 25)


def test_video_plays_slowly_and_steps_by_pictures_or_seconds(browser, page, tmp_path):
    browser.open(page)
    browser.wait(lambda: browser.run("return document.getElementById('video').readyState >= 1"))
    shown = 10 * 25  # the first picture of the chosen moment, as above
    next(row for row in browser.elements("#list .go") if row.text.startswith("00:12")).click()
    browser.wait(lambda: browser.picture_number(tmp_path) == shown)
    for key, by in ((".", 1), (".", 1), (",", -1), (Keys.ARROW_RIGHT, 25), (Keys.ARROW_LEFT, -25)):
        browser.press(key)
        shown += by
        browser.wait(lambda shown=shown: browser.picture_number(tmp_path) == shown)
    for key, speed in ((">", 1.5), ("<", 1), ("<", 0.5)):
        browser.press(key)
        assert browser.run("return document.getElementById('video').playbackRate") == speed
        assert browser.run("return Number(document.getElementById('speed').value)") == speed


def test_video_repeats_the_chosen_moment(browser, page):
    browser.open(page)
    browser.wait(lambda: browser.run("return document.getElementById('video').readyState >= 1"))
    next(row for row in browser.elements("#list .go") if row.text.startswith("00:12")).click()
    browser.press("r")
    browser.wait(lambda: browser.run("return !document.getElementById('video').paused"))
    # Near the end of the repeated part, by the file's clock.
    browser.run("document.getElementById('video').currentTime = arguments[0] + 19", SOUND_BEFORE)
    browser.wait(
        lambda: browser.run(
            "return document.getElementById('video').currentTime < arguments[0] + 14", SOUND_BEFORE
        )
    )
    browser.press("r", "p")
    browser.wait(lambda: browser.run("return document.getElementById('video').paused"))


def test_page_shows_the_length_of_the_video(browser, page):
    browser.open(page)
    browser.wait(lambda: browser.run("return document.getElementById('video').readyState >= 1"))
    assert browser.text("#length") == "00:20"


def test_wrong_video_is_reported(browser, page, tmp_path):
    browser.open(page)
    same = shutil.copy(page.with_name("video.mp4"), tmp_path / "renamed.mp4")
    other = write_video(tmp_path / "other.mp4", steady(20, rate=24))
    browser.element("#pick-file").send_keys(str(other))
    browser.wait(lambda: "other.mp4 is not the file" in browser.text("#notices"))
    browser.element("#notices button").click()
    browser.element("#pick-file").send_keys(str(same))
    browser.wait(lambda: browser.run("return document.getElementById('video').readyState >= 1"))
    # The warning about the other file came within this time.
    with pytest.raises(AssertionError):
        browser.wait(lambda: browser.text("#notices"), seconds=1)


def test_verdicts_appear_on_another_page_of_the_same_video(browser, page, tmp_path):
    browser.open(page)
    browser.press("j", "c")
    elsewhere = Path(shutil.copy(page, tmp_path / "moved.html"))
    browser.open(elsewhere, fresh=False)
    assert browser.text("#progress-text") == "1 of 2 moments decided · 1 event confirmed"


def test_unwatched_stretches_are_hatched(browser, page):
    browser.open(page)
    browser.run(
        "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    colours = browser.run(
        """const canvas = document.getElementById("canvas");
        const {ruler, lane} = canvas.dataset;
        const pen = canvas.getContext("2d");
        const count = (time, number) => {
          const x = Math.round(time / 20 * canvas.width);
          const y = Number(ruler) + lane * number + 4;
          const pixels = pen.getImageData(x, y, 30, lane - 8).data;
          const seen = new Set();
          for (let k = 0; k < pixels.length; k += 4) seen.add(pixels.slice(k, k + 3).join());
          return seen.size;
        };
        return [count(16, 0), count(16, 1)];"""
    )
    assert colours[0] < colours[1]
