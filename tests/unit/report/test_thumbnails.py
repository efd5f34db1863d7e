"""Test that thumbnails show their moments and fit into a page."""

import base64
import io

from PIL import Image
from samples import event

from media import number_in, steady, write_video
from touchline.comparison.compare import Track
from touchline.inputs.videos import Video
from touchline.report.review_items import build_moments
from touchline.report.thumbnails import moments_with_pictures, thumbnails
from touchline.video.probe import probe


def picture(thumbnail):
    image = Image.open(io.BytesIO(base64.b64decode(thumbnail.webp)))
    assert image.format == "WEBP"
    return image


def test_thumbnails_show_their_moments(clip):
    times = [(1.0, 2.0), (1.5, 2.0), (6.0, 7.0), (50.0, 60.0)]
    found = thumbnails(probe(Video(video=0, path=clip)), clip, times)
    assert [(one.moment_s, one.picture_s) for one in found] == [(1, 2), (1.5, 2), (6, 7)]
    import numpy as np
    import torch

    for one, number in zip(found, (50, 50, 175), strict=True):
        pixels = np.asarray(picture(one).convert("RGB"))
        assert pixels.shape == (108, 192, 3)
        assert number_in(torch.from_numpy(pixels.copy()).permute(2, 0, 1), 192 / 256) == number


def test_thumbnails_are_left_out_evenly_to_fit_a_page(tmp_path, monkeypatch, caplog):
    path = write_video(tmp_path / "clip.mkv", steady(40))
    times = [(float(k), 0.04 * k) for k in range(1000)]
    manifest = probe(Video(video=0, path=path))
    assert len(thumbnails(manifest, path, times)) == 1000
    most = 100_000
    monkeypatch.setattr("touchline.report.thumbnails._MOST_BYTES", most)
    few = thumbnails(manifest, path, times)
    assert sum(len(one.webp) for one in few) <= 1.1 * most
    assert few[-1].moment_s > 900
    assert "pictures of moments fit into the page" in caplog.text


def test_pages_with_many_moments_show_pictures_of_listed_events_and_disagreements():
    events = [event(10.0 * k) for k in range(400)]
    looked_at = ((0.0, 4000.0),)
    both = {"a": Track(events, looked_at), "b": Track(events[:-7], looked_at)}
    assert len(moments_with_pictures(build_moments(both, 2), ())) == 7
    # A single model has no disagreements.
    alone = build_moments({"a": Track(events, looked_at)}, 2)
    assert [m.time_s for m in moments_with_pictures(alone, {events[3], events[70]})] == [
        30.0,
        700.0,
    ]
    few = {name: Track(track.events[-20:], looked_at) for name, track in both.items()}
    assert len(moments_with_pictures(build_moments(few, 2), ())) == len(build_moments(few, 2))
