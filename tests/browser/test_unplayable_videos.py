"""A video that the browser does not play: the reason, and a copy that it plays."""

import shutil

import av
import pytest
from browsing import VIDEO
from long_match import MODELS, write_page

from media import steady, write_video


def page_of(folder, name):
    write_page(folder / "page.html", MODELS[:1], 20, lambda _: [], video=folder / name)
    return folder / "page.html"


def reason(browser):
    browser.wait(lambda: browser.element("#no-video").is_displayed())
    return browser.text("#no-video-text")


def command(browser):
    return browser.element("#no-video-command").get_attribute("value")


def test_missing_video_is_named(browser, tmp_path):
    browser.open(page_of(tmp_path, "a match.mp4"))
    assert "The video is not at a match.mp4" in reason(browser)
    assert not browser.element("#no-video-command").is_displayed()


@pytest.mark.parametrize(
    ("name", "codec", "pictures"),
    [("it's a match.mpg", "mpeg2video", "libx264"), ("match.avi", "mpeg4", "libx264")],
)
def test_unsupported_format_shows_the_command_for_a_copy(browser, tmp_path, name, codec, pictures):
    video = write_video(tmp_path / name, steady(4), codec=codec)
    page = page_of(tmp_path, name)
    browser.open(page)
    assert "cannot play the video's format" in reason(browser)
    assert f"-c:v {pictures}" in command(browser)
    # The page finds the copy in the folder of the video.
    copy = video.with_name(f"{video.stem}_playable.mp4")
    assert copy.name in command(browser).replace("'\"'\"'", "'")
    write_video(copy, steady(4))
    browser.open(page)
    browser.wait(lambda: browser.run("return document.getElementById('video').readyState >= 1"))
    assert not browser.element("#no-video").is_displayed()


def test_chosen_copy_of_equal_length_is_accepted_as_the_video_of_the_match(
    browser, tmp_path, page, match
):
    # The page of a run, which knows the analysed file by its content.
    moved = shutil.copy(page, tmp_path / "moved.html")
    browser.open(moved)
    video = match.folder / VIDEO
    copy, other = tmp_path / "copy.mp4", write_video(tmp_path / "other.mp4", steady(10))
    with av.open(str(video)) as source, av.open(str(copy), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
        output.metadata["title"] = "a copy"
    browser.element("#pick-file").send_keys(str(copy))
    browser.wait(lambda: "is taken for a copy" in browser.text("#notices"))
    browser.element("#pick-file").send_keys(str(other))
    browser.wait(lambda: "its times may differ" in browser.text("#notices"))
