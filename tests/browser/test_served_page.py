"""The page of a match from a server that cannot seek, and from scripts/review.py."""

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import av
import pytest
from browsing import PREDICTED, given_only
from test_firefox import FIREFOX

from clones import ROOT
from media import steady, write_video

HERE = Path(__file__).parent
VIDEO = "elsewhere/match é.mp4"
RATE = 5
# J first goes to the seconds before the corner.
FIRST = 39.5
# Bytes after the pictures, because browsers can seek in a small file that they have in memory.
PADDING = 64_000_000


def write_large_video(path):
    """Write a video with its index first, in a format that Firefox can play."""
    small = write_video(path.with_name("small.mp4"), steady(120, rate=RATE), codec="libvpx-vp9")
    with (
        av.open(str(small)) as source,
        av.open(str(path), "w", options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    with path.open("ab") as file:
        file.write(PADDING.to_bytes(4, "big") + b"free")
        file.truncate(file.tell() + PADDING - 8)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a run with a video outside the run's folder, and with a table without labels."""
    folder = tmp_path_factory.mktemp("served") / "run"
    (folder.parent / "elsewhere").mkdir()
    write_large_video(folder.parent / VIDEO)
    row = {"video": "7", "path": f"../{VIDEO}", "home": "Reds", "away": "Blues"}
    clone = given_only(folder, PREDICTED, row)
    clone.run("report")
    return clone


@contextmanager
def printing(command, folder, pattern):
    """Start a server and yield the part of its output that matches a pattern."""
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        try:
            text = ""
            while not (found := re.search(pattern, text)):
                line = server.stdout.readline()
                assert line, text
                text += line
            yield found[1]
        finally:
            server.send_signal(2)
            server.wait(10)


@pytest.fixture(scope="module")
def plain_page(run):
    """Return the page's address on a server without byte ranges."""
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
    with printing(command, run.folder.parent, r"(http://127\.0\.0\.1:\d+/)") as address:
        yield f"{address}{quote(run.folder.name)}/results/report/video_7.html"


@pytest.fixture(scope="module")
def address(run):
    """Return the address of scripts/review.py."""
    command = [sys.executable, ROOT / "scripts/review.py", "--configfile", "my.yaml"]
    with printing(command, run.folder, r"Open (http://127\.0\.0\.1:\d+/\S+/)\n") as found:
        yield found


def open_page(browser, address, fresh=True):
    browser.driver.get(address)
    if fresh:
        browser.run("localStorage.clear()")
        browser.driver.refresh()
    browser.wait(lambda: browser.run("return document.getElementById('video').readyState >= 1"))


def cursor(browser):
    return int(browser.element("#canvas").get_attribute("aria-valuenow"))


def notices(browser, words):
    browser.wait(lambda: words in browser.text("#notices"))
    return browser.text("#notices")


def test_chosen_time_is_used_if_the_server_cannot_seek(browser, plain_page):
    open_page(browser, plain_page)
    browser.press("j")
    text = notices(browser, "cannot seek")
    assert "start python scripts/review.py" in text
    assert "The picture is not of the chosen time." in browser.text("#no-seek")
    assert browser.run("return document.getElementById('video').currentTime") < 1
    assert cursor(browser) == round(FIRST)
    browser.press("t")
    assert browser.element("#time").get_attribute("value") == "00:39.5"
    browser.press("a")
    assert re.match("Added .* at 00:39.5", notices(browser, "Added"))
    # The notice appears once.
    browser.press("\ue00c", "j")
    assert "cannot seek" not in browser.text("#notices")
    # Once it is played on, the video's time counts.
    browser.press("\ue00c", "p")
    browser.wait(lambda: browser.run("return document.getElementById('video').currentTime > 0.3"))
    browser.wait(lambda: cursor(browser) < 5)
    browser.press("p")


def test_chosen_time_is_used_before_the_video_is_loaded(browser, plain_page):
    open_page(browser, plain_page)
    # As a video is whose metadata is on the way.
    browser.run("document.getElementById('video').src = 'nothing.mp4'")
    browser.press("j", "a")
    assert "at 00:39.5" in notices(browser, "Added")


def test_review_server_seeks_and_saves(browser, run, address, tmp_path):
    browser.driver.get(address)
    browser.logs()
    browser.element("a[href='video_7.html']").click()
    browser.wait(lambda: browser.run("return document.getElementById('video').readyState >= 1"))
    browser.press("j")
    browser.wait(lambda: browser.picture_number(tmp_path) == int(RATE * FIRST))
    assert not browser.element("#no-seek").is_displayed()
    browser.press("y")
    browser.element("#save").click()
    text = notices(browser, "Saved as results/verdicts/verdicts_video_7.csv.")
    assert "not decided" in text
    saved = run.folder / "results/verdicts/verdicts_video_7.csv"
    assert ",Corner,home,confirmed," in saved.read_text()
    messages, asked = browser.logs()
    assert messages == []
    assert {each.startswith(address) for each in asked if each.startswith("http")} == {True}
    # The next run takes it as the labels, and reads no predictions again.
    done = run.run("evaluation")
    assert "evaluate_model" in done.stderr
    assert "read_given" not in done.stderr
    outcomes = (run.folder / "results/evaluation/outcomes_one.csv").read_text()
    assert "7,true positive,Corner,41.5," in outcomes
    # Saved again by the same person, without a question.
    browser.press("x", "s")
    notices(browser, "Saved as")


def test_saved_verdicts_appear_in_another_browser(browser, run, address):
    saved = run.folder / "results/verdicts/verdicts_video_7.csv"
    saved.parent.mkdir(exist_ok=True)
    saved.write_text("time_s,label,verdict\n11.5,Goal,confirmed\n70,Foul,confirmed\n")
    # A browser stores verdicts under the name of the machine.
    open_page(browser, f"{address.replace('127.0.0.1', 'localhost')}video_7.html")
    notices(browser, "Loaded 2 verdicts of the server’s verdicts: 2 new, 0 the same as yours.")
    assert browser.text("#progress-text") == "1 of 4 moments decided · 2 events confirmed · 1 added"


def test_second_reviewer_is_asked_before_overwriting_verdicts_of_the_first(browser, run, address):
    saved = run.folder / "results/verdicts/verdicts_video_7.csv"
    names = {"Ana": f"{address}video_7.html"}
    names["Ben"] = names["Ana"].replace("127.0.0.1", "localhost")
    saved.unlink(missing_ok=True)
    handles = {}
    for name, page in names.items():
        browser.driver.switch_to.new_window("tab")
        handles[name] = browser.driver.current_window_handle
        open_page(browser, page)
        browser.element("#reviewer").send_keys(name, "\ue00c")
    try:
        browser.driver.switch_to.window(handles["Ana"])
        browser.press("j", "y", "s")
        notices(browser, "Saved as")
        browser.driver.switch_to.window(handles["Ben"])
        browser.press("j", "n", "x", "s")
        browser.wait(lambda: browser.elements("#loading[open]"))
        asked = browser.text("#loading")
        assert re.match(r"Ana saved other verdicts on .*\d:\d", asked)
        assert "Different from yours 1" in asked
        browser.element("#loading [value='']").click()
        assert ",Ben," not in saved.read_text()
        browser.press("s")
        browser.wait(lambda: browser.elements("#loading[open]"))
        browser.element("#loading-join").click()
        notices(browser, "Saved as")
        assert ",rejected,41.5," in saved.read_text()
        # Ana has seen nothing of it, and takes it over.
        browser.driver.switch_to.window(handles["Ana"])
        browser.driver.refresh()
        browser.wait(lambda: browser.elements("#loading[open]"))
        assert browser.text("#loading").startswith("Ben saved other verdicts")
        browser.element("#loading-all").click()
        notices(browser, "1 of yours are replaced")
        browser.press("s")
        notices(browser, "Saved as")
    finally:
        for handle in handles.values():
            browser.driver.switch_to.window(handle)
            browser.driver.close()
        browser.driver.switch_to.window(browser.driver.window_handles[0])


@pytest.mark.skipif(FIREFOX is None, reason="there is no Firefox (Debian's firefox-esr)")
def test_served_pages_work_in_firefox(run, address, plain_page):
    (run.folder / "results/verdicts/verdicts_video_7.csv").unlink(missing_ok=True)
    done = subprocess.run(
        ["node", HERE / "firefox_served.mjs", FIREFOX, f"{address}video_7.html", plain_page],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    served, plain = json.loads(done.stdout)
    assert served["messages"] == []
    # Firefox asks other servers for an icon, which the page's policy refuses.
    assert [line for line in plain["messages"] if "favicon" not in line] == []
    # The page seeks to the seconds before the added event.
    assert (served["time"], served["isStuck"]) == (pytest.approx(FIRST - 2, abs=0.1), False)
    assert "Saved as results/verdicts/verdicts_video_7.csv." in served["saved"]
    assert (plain["time"] < 1) == plain["isStuck"]
    for seen in (served, plain):
        assert "at 00:39.5" in seen["added"]


def test_verdicts_are_downloaded_if_the_server_has_ended(browser, run):
    command = [sys.executable, ROOT / "scripts/review.py", "--configfile", "my.yaml"]
    with printing(command, run.folder, r"Open (http://127\.0\.0\.1:\d+/\S+/)\n") as address:
        open_page(browser, f"{address}video_7.html")
        browser.press("j", "y")
    browser.element("#save").click()
    assert "verdicts were downloaded" in notices(browser, "does not answer")
    assert ",confirmed," in browser.downloaded("verdicts_video_7.csv").read_text()
