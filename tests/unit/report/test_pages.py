"""Pages and what stands in them."""

import base64
import hashlib
import html
import io
import json
import re

import pytest
from pandas import DataFrame
from PIL import Image
from samples import event

from media import number_in, steady, write_video
from touchline.comparison.compare import Track
from touchline.comparison.summary import Row
from touchline.core.records import Counts, Coverage, Interval
from touchline.inputs.videos import Name, Video
from touchline.report import vega
from touchline.report.charts import agreement_rows
from touchline.report.filters import clock, share
from touchline.report.job_benchmarks import Benchmark, read_benchmark
from touchline.report.match_page import address_of, moment_in_view
from touchline.report.pages import embedded, render
from touchline.report.review_items import moments_of
from touchline.report.run_page import Score, SliceRow, VideoModel, scores, warnings
from touchline.report.thumbnails import pictured, thumbnails
from touchline.video.probe import probe

NASTY = '</script><script>alert(1)</script> <!-- & \u2028 \u2029 \ud83d "'


def test_data_cannot_end_its_element_and_stays_the_same():
    text = embedded({"a": NASTY, NASTY: [1, None]})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"a": NASTY, NASTY: [1, None]}
    with pytest.raises(ValueError, match="JSON"):
        embedded(float("nan"))


def test_a_page_allows_its_own_code_and_nothing_else(tmp_path):
    page = render("match.html.j2", ("elements.js",), {}, **a_match(NASTY.replace("\ud83d", "")))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    rules = dict(part.split(" ", 1) for part in html.unescape(policy).split("; "))
    assert rules["default-src"] == rules["connect-src"] == "'none'"
    assert "unsafe" not in policy
    assert "http" not in policy
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert [hashed(script) for script in scripts] == [rules["script-src"]]
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert hashed(style) == rules["style-src"]
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert not re.search(r"<[^>]+ (style|on\w+)=", page)


def hashed(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def a_match(game):
    class Match:
        video, duration, truth, problems = 0, 60.0, None, [game]

    return {"match": Match, "name": Name(game), "rows": [], "tolerance": 5.0}


def test_our_code_writes_text_as_text_only():
    from touchline.report import pages

    for path in (pages._HERE / "assets").glob("*.js"):
        code = path.read_text()
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("):
            assert forbidden not in code, path.name
        for forbidden in ("fetch(", "XMLHttpRequest", "WebSocket", "import(", "http:", "https:"):
            assert forbidden not in code, path.name


def test_a_video_is_addressed_from_the_page(tmp_path):
    page = tmp_path / "results/report/video_0.html"
    assert address_of(tmp_path / "a b#?%é.mp4", page) == "../../a%20b%23%3F%25%C3%A9.mp4"


@pytest.mark.parametrize(
    ("first", "last", "seen"), [(10, 10, 12), (10, 12, 13), (10, 20, 17), (58, 58, 59.9)]
)
def test_a_picture_is_taken_where_the_windows_that_tell_of_it_meet(first, last, seen):
    track = Track([event(first, first_s=first, last_s=last, n_hits=2)], ((0.0, 60.0),))
    (moment,) = moments_of({"a": track}, 5)
    assert moment_in_view(moment, window=4, duration=60) == pytest.approx(seen)


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


def test_a_thousand_thumbnails_fit_a_page(tmp_path, monkeypatch, caplog):
    path = write_video(tmp_path / "clip.mkv", steady(40))
    times = [(float(k), 0.04 * k) for k in range(1000)]
    manifest = probe(Video(video=0, path=path))
    assert len(thumbnails(manifest, path, times)) == 1000
    most = 100_000
    monkeypatch.setattr("touchline.report.thumbnails._MOST_BYTES", most)
    few = thumbnails(manifest, path, times)
    assert sum(len(one.webp) for one in few) <= 1.1 * most
    assert few[-1].moment_s > 900
    assert "moments fit the page" in caplog.text


def test_with_many_moments_only_disagreements_have_a_picture():
    events = [event(10.0 * k) for k in range(400)]
    looked_at = ((0.0, 4000.0),)
    both = {"a": Track(events, looked_at), "b": Track(events[:-7], looked_at)}
    assert len(pictured(moments_of(both, 2))) == 7
    few = {name: Track(track.events[-20:], looked_at) for name, track in both.items()}
    assert len(pictured(moments_of(few, 2))) == len(moments_of(few, 2))


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("s\th:m:s\tmax_rss\n8.5\t0:00:08\t521.5\n", Benchmark(8.5, 521.5)),
        ("s\tmax_rss\n1\t2\n3\t-\n", Benchmark(3, None)),
        ("s\tmax_rss\nNA\tnan\n", Benchmark(None, None)),
        ("s\tmax_rss\n0\n", Benchmark(None, None)),
        ("", Benchmark(None, None)),
        (b"\xff\x00", Benchmark(None, None)),
    ],
)
def test_a_benchmark_file_is_read_for_what_it_has(tmp_path, text, known):
    path = tmp_path / "detect.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert read_benchmark(path) == known
    assert read_benchmark(tmp_path / "gone.tsv") == Benchmark(None, None)


def test_a_speed_is_known_if_every_slice_was_measured():
    slices = [SliceRow(0, 30, Benchmark(10, None)), SliceRow(1, 20, Benchmark(15, None))]
    assert VideoModel("a", 1, slices=slices).windows_per_second == 2
    slices[1] = SliceRow(1, 20, Benchmark(None, None))
    assert VideoModel("a", 1, slices=slices).windows_per_second is None
    assert VideoModel("a", 1).seconds is None


def test_scores_of_a_video_come_from_its_outcomes():
    verdicts = [(0, "true positive")] * 3 + [(0, "false positive"), (0, "miss"), (1, "miss")]
    found = scores(DataFrame(verdicts, columns=["video", "verdict"]))
    assert found == {0: Score(3, 1, 1), 1: Score(0, 0, 1)}
    assert (found[0].precision, found[0].recall, found[0].f1) == (0.75, 0.75, 0.75)
    assert (found[1].precision, found[1].recall, found[1].f1) == (None, 0, None)


def test_what_is_missing_is_told():
    counts = Counts(answers=9, none=9, unparsed=0, events_in=0, events_out=0)
    lost = Coverage(
        duration=100,
        looked_at=[Interval(start=40, end=100)],
        likely_lost=[Interval(start=0, end=40)],
        counts=counts,
    )
    skipped = Coverage(
        duration=100,
        looked_at=[Interval(start=0, end=90)],
        likely_lost=[],
        counts=counts.model_copy(update={"skipped": 5}),
    )
    rows = [
        Row(0, "a", coverage=lost),
        Row(1, "b", coverage=skipped),
        Row(2, "c", missing=["c_2.json"]),
    ]
    text = " ".join(warnings(rows, []))
    for words in ("a has nothing from 0 to 40 s of video 0", "b skipped 5 windows of video 1"):
        assert words in text
    assert "c_2.json is missing" in text


def test_agreement_of_a_class_is_that_of_all_videos():
    from touchline.comparison.compare import compare

    tracks = {name: Track([event(10), event(50)], ((0.0, 90.0),)) for name in "ab"}
    report, _ = compare(tracks, 5)
    other, _ = compare(tracks | {"b": Track([], ((0.0, 90.0),))}, 5)
    (row,) = agreement_rows([report, other])
    assert (row["pair"], row["events"], row["matched"], row["f1"]) == ("a and b", 6, 2, 0.6667)


def test_a_chart_is_one_named_picture_in_the_pages_colours():
    rows = [{"label": NASTY.replace("\ud83d", ""), "model": "a&b", "events": 3}]
    drawn = vega.svg(vega.counts(rows, ["a&b"], vega.of_page), vega.of_page, "Events")
    assert 'role="img"' in drawn
    assert 'aria-label="Events"' in drawn
    assert "var(--s1)" in drawn
    assert "<script" not in drawn
    assert " style=" not in drawn
    assert "var(" not in vega.svg(
        vega.counts(rows, ["a&b"], vega.on_paper), vega.on_paper, "Events"
    )


def test_numbers_read_as_they_are():
    assert [clock(0), clock(725.9), clock(3725)] == ["00:00", "12:05", "1:02:05"]
    assert [share(None), share(1), share(0.9999), share(0.001), share(0.5)] == [
        "–",
        "100 %",
        "99.9 %",
        "0.1 %",
        "50 %",
    ]
