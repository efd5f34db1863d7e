"""Test the formats of numbers on pages."""

from touchline.report.filters import clock, share


def test_times_and_shares_are_formatted_without_false_rounding():
    assert [clock(0), clock(725.9), clock(3725)] == ["00:00", "12:05", "1:02:05"]
    assert [share(None), share(1), share(0.9999), share(0.001), share(0.5)] == [
        "–",
        "100 %",
        "99.9 %",
        "0.1 %",
        "50 %",
    ]
