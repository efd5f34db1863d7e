"""Agreement by class, over all videos."""

from samples import event

from touchline.comparison.compare import Track
from touchline.report.charts import agreement_by_class


def test_agreement_of_a_class_is_that_of_all_videos():
    from touchline.comparison.compare import compare

    tracks = {name: Track([event(10), event(50)], ((0.0, 90.0),)) for name in "ab"}
    report, _ = compare(tracks, 5)
    other, _ = compare(tracks | {"b": Track([], ((0.0, 90.0),))}, 5)
    ((label, pair, events, matched, f1, _),) = agreement_by_class([report, other]).rows
    assert (label, pair, events, matched, f1) == ("Goal", "a and b", 6, 2, 0.6667)
