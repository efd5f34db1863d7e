"""A slice's limits grow with its video and its answers, and after a limit that was met."""

import pytest

from touchline.inputs.settings import WindowSettings
from touchline.inputs.windows import windows_per_slice
from touchline.runs.limits import SLICE_MB, megabytes, slice_minutes


@pytest.mark.parametrize(
    ("duration", "slices", "step", "tokens", "timeouts", "longest", "minutes"),
    [
        (3000, 4, 2, 256, 0, None, 44),  # 375 windows at 4.5 s, and 15 minutes to start
        (3000, 4, 2, 256, 1, None, 87),
        (3000, 4, 2, 256, 2, None, 130),
        (3000, 4, 2, 256, 2, 120, 120),
        (3000, 4, 2, 256, 0, 120, 44),
        (3000, 1, 2, 256, 0, None, 128),
        (3000, 4, 1, 256, 0, None, 72),
        (3000, 4, 2, 40, 0, None, 25),
        (5, 4, 2, 256, 0, None, 16),
    ],
)
def test_minutes(duration, slices, step, tokens, timeouts, longest, minutes):
    (windows, *_) = windows_per_slice(duration, slices, WindowSettings(step=step))
    assert slice_minutes(windows, tokens, timeouts, longest) == minutes


def test_memory():
    assert [megabytes(SLICE_MB, killed) for killed in (0, 1, 2)] == [16000, 24000, 32000]
