"""Chromium plays clips and reels to their end, and seeks to the right picture."""

import base64

import pytest

from media import in_one_file, steady, write_tone, write_video
from touchline.clips.cut import cut_video
from touchline.clips.plan import Clip
from touchline.inputs.videos import Video
from touchline.video.probe import probe

# The number in the picture (tests/media.py) at 1.01 s, and where the clip ends.
PLAY = """
const [source, done] = arguments;
const video = document.body.appendChild(document.createElement("video"));
video.onerror = () => done(video.error.message);
video.onloadeddata = () => { video.currentTime = 1.01; };
const look = (_, shown) => {
  // The first picture may be shown before the one that was sought.
  if (shown.mediaTime < 0.9) return video.requestVideoFrameCallback(look);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const cells = [...Array(12).keys()];
  const bits = cells.map((bit) => context.getImageData(16 * bit + 8, 8, 1, 1).data[0] > 127);
  const number = bits.reduce((sum, isWhite, bit) => sum + (isWhite ? 2 ** bit : 0), 0);
  video.onended = () => done([number, video.currentTime]);
  video.playbackRate = 4;
  video.play();
};
video.requestVideoFrameCallback(look);
video.src = source;
"""


@pytest.mark.parametrize("container", ["mp4", "ts", "mkv"])
@pytest.mark.parametrize(("exact", "first"), [(False, 80), (True, 83)])
def test_clips_play_in_the_browser(browser, tmp_path, container, exact, first):
    parts = [write_video(tmp_path / "v.mp4", steady(9)), write_tone(tmp_path / "s.m4a", 9)]
    path = in_one_file(tmp_path / f"match.{container}", parts)
    clips = [Clip("a.mp4", "Goal", 4, 3.333, 6), Clip("b.mp4", "Goal", 7, 6.5, 8)]
    folder = tmp_path / "clips"
    cut_video(probe(Video(video=0, path=path)), path, clips, folder, exact=exact)
    driver = browser.driver
    driver.set_script_timeout(30)
    (folder / "page.html").write_text("<!doctype html><title>Clips</title><body></body>")
    for name, least in (("a.mp4", 2.6), ("reel_Goal.mp4", 4.1)):
        driver.get((folder / "page.html").as_uri())
        # A page from disk may not read the pixels of a file, so it gets the clip as data.
        number, end = driver.execute_async_script(PLAY, data_address(folder / name))
        # The exact clip begins in the middle of a picture.
        assert number == first + 25
        assert least < end < least + 0.8


def data_address(path) -> str:
    return f"data:video/mp4;base64,{base64.b64encode(path.read_bytes()).decode()}"
