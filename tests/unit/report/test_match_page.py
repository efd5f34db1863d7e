"""What the page of a match is made from."""

import pytest
from samples import event

from touchline.comparison.compare import Track
from touchline.report.match_page import address_of, moment_in_view
from touchline.report.review_items import moments_of


def test_a_video_is_addressed_from_the_page(tmp_path):
    page = tmp_path / "results/report/video_0.html"
    assert address_of(tmp_path / "a b#?%é.mp4", page) == "../../a%20b%23%3F%25%C3%A9.mp4"


@pytest.mark.parametrize(
    ("first", "last", "seen"), [(10, 10, 12), (10, 12, 13), (10, 20, 17), (58, 58, 59.9)]
)
def test_a_picture_is_taken_where_the_windows_that_predict_it_meet(first, last, seen):
    track = Track([event(first, first_s=first, last_s=last, n_hits=2)], ((0.0, 60.0),))
    (moment,) = moments_of({"a": track}, 5)
    assert moment_in_view(moment, window=4, duration=60) == pytest.approx(seen)


def test_a_picture_of_a_spotter_s_event_is_taken_when_it_happens():
    track = Track([event(10, score=0.9, score_kind="given")], ((0.0, 60.0),))
    (moment,) = moments_of({"a": track}, 5)
    assert moment_in_view(moment, window=4, duration=60) == pytest.approx(10.5)
