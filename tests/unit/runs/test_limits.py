"""Test the time and memory limits of a slice."""

import pytest

from touchline.inputs.settings import Settings
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
def test_time_limit_grows_with_windows_and_timeouts(
    tmp_path, duration, slices, step, tokens, timeouts, longest, minutes
):
    (tmp_path / "manifest.json").write_text(f'{{"duration": {duration}}}')
    settings = Settings(
        models={"llava": {"checkpoint": "a"}},
        compare_with=[],
        slices=slices,
        window={"step": step},
        generation={"max_new_tokens": tokens},
    )
    assert (
        slice_minutes(tmp_path / "manifest.json", settings, (), timeouts=timeouts, longest=longest)
        == minutes
    )


def test_memory_limit_grows_with_each_killed_attempt():
    assert [megabytes(SLICE_MB, killed) for killed in (0, 1, 2)] == [16000, 24000, 32000]


def test_time_limit_grows_with_frames_per_window(tmp_path):
    (tmp_path / "manifest.json").write_text('{"duration": 3000}')
    window = {"seconds": 16, "frames": 16, "step": 8}
    settings = Settings(models={"llava": {"checkpoint": "a"}}, window=window)
    # 94 windows at 7.5 s, and 15 minutes to start
    manifest = tmp_path / "manifest.json"
    assert slice_minutes(manifest, settings, (), timeouts=0, longest=None) == 27
