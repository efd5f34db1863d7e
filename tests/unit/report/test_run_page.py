"""Test the figures and warnings on the page of a run."""

import pytest
from pandas import DataFrame

from touchline.comparison.summary import Row
from touchline.core.records import Counts, Coverage, Interval
from touchline.report.run_page import (
    Score,
    SliceRow,
    VideoModel,
    read_benchmark,
    scores,
    warnings,
)


def test_speed_is_known_only_if_every_slice_was_measured():
    slices = [SliceRow(0, 30, 10, None), SliceRow(1, 20, 15, None)]
    assert VideoModel("a", 1, slices=slices).windows_per_second == 2
    slices[1] = SliceRow(1, 20, None, None)
    assert VideoModel("a", 1, slices=slices).windows_per_second is None
    assert VideoModel("a", 1).seconds is None


def test_metrics_are_computed_from_outcomes():
    verdicts = [(0, "true positive")] * 3 + [(0, "false positive"), (0, "miss"), (1, "miss")]
    found = scores(DataFrame(verdicts, columns=["video", "verdict"]))
    assert found == {0: Score(3, 1, 1), 1: Score(0, 0, 1)}
    assert (found[0].precision, found[0].recall, found[0].f1) == (0.75, 0.75, 0.75)
    assert (found[1].precision, found[1].recall, found[1].f1) == (None, 0, None)


def test_missing_lost_and_skipped_parts_give_warnings():
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


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("s\th:m:s\tmax_rss\n8.5\t0:00:08\t521.5\n", (8.5, 521.5)),
        ("s\tmax_rss\n1\t2\n3\t-\n", (3, None)),
        ("s\tmax_rss\nNA\tnan\n", (None, None)),
        ("s\tmax_rss\n0\n", (None, None)),
        ("", (None, None)),
        (b"\xff\x00", (None, None)),
    ],
)
def test_incomplete_benchmark_file_is_read_without_error(tmp_path, text, known):
    path = tmp_path / "detect.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert read_benchmark(path) == known
    assert read_benchmark(tmp_path / "gone.tsv") == (None, None)
