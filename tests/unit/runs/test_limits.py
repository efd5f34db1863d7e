"""A slice's limits grow with its video, its answers and the attempt."""

import pytest

from touchline.runs.limits import slice_megabytes, slice_minutes


@pytest.mark.parametrize(
    ("duration", "slices", "step", "tokens", "attempt", "minutes"),
    [
        (3000, 4, 2, 256, 1, 44),  # 375 windows at 4.5 s, and 15 minutes to start
        (3000, 4, 2, 256, 2, 87),
        (3000, 4, 2, 256, 3, 130),
        (3000, 1, 2, 256, 1, 128),
        (3000, 4, 1, 256, 1, 72),
        (3000, 4, 2, 40, 1, 25),
        (5, 4, 2, 256, 1, 16),
    ],
)
def test_minutes(duration, slices, step, tokens, attempt, minutes):
    assert slice_minutes(duration, slices, step, tokens, attempt) == minutes


def test_memory():
    assert [slice_megabytes(attempt) for attempt in (1, 2, 3)] == [16000, 24000, 32000]
