"""Test the data for the page of a match."""

import json

import pytest
from samples import event

from touchline.comparison.compare import Track
from touchline.core.records import Counts, Coverage, Interval
from touchline.inputs.clock import half_spans, parse_half_starts
from touchline.inputs.labels import Labels
from touchline.inputs.videos import Name
from touchline.report.match_page import VideoPage, moment_in_view, page_data, relative_address
from touchline.report.review_items import build_moments


def test_video_address_is_relative_to_the_page(tmp_path):
    page = tmp_path / "results/report/video_0.html"
    assert relative_address(tmp_path / "a b#?%é.mp4", page) == "../../a%20b%23%3F%25%C3%A9.mp4"


@pytest.mark.parametrize(
    ("first", "last", "seen"), [(10, 10, 12), (10, 12, 13), (10, 20, 17), (58, 58, 59.9)]
)
def test_picture_is_taken_in_the_middle_of_the_overlap_of_the_windows(first, last, seen):
    track = Track([event(first, first_s=first, last_s=last, n_hits=2)], ((0.0, 60.0),))
    (moment,) = build_moments({"a": track}, 5)
    assert moment_in_view(moment, window=4, duration=60) == pytest.approx(seen)


def test_picture_of_a_spotter_s_event_is_taken_at_its_time():
    track = Track([event(10, score=0.9, score_kind="given")], ((0.0, 60.0),))
    (moment,) = build_moments({"a": track}, 5)
    assert moment_in_view(moment, window=4, duration=60) == pytest.approx(10.5)


@pytest.fixture
def match():
    counts = Counts(answers=1, none=0, unparsed=0, events_in=1, events_out=1)
    where = [Interval(start=0, end=7200)]
    return VideoPage(
        video=0,
        tracks={"a": Track([event(300)], ((0.0, 7200.0),))},
        coverage={"a": Coverage(duration=7200, looked_at=where, likely_lost=[], counts=counts)},
        fused=None,
        truth=None,
        problems=[],
        manifest=None,
        comparison=None,
        labels=Labels({"Goal": []}),
    )


@pytest.mark.parametrize(
    ("starts", "duration", "halves"),
    [
        (None, None, [[2, 0.0, 0.0, 7200.0]]),
        ("1=250-3100,2=3992", 7200.0, [[1, 250.0, 250.0, 3100.0], [2, 3992.0, 3992.0, 7200.0]]),
        ("2=30.5", None, [[2, 30.5, 30.5, None]]),
    ],
)
def test_page_data_has_the_halves_with_null_for_an_unknown_end(match, starts, duration, halves):
    spans = None if starts is None else half_spans(parse_half_starts(starts), None, duration)
    data = page_data(
        match, match.moments(5), name=Name(half=2), tolerance=5, shortlists={"a": {}}, halves=spans
    )
    assert data["halves"] == halves
    json.dumps(data, allow_nan=False)
