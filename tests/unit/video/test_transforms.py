"""Tests of fitting pictures to the vision tower's square."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from touchline.models.preprocessing import Normalization, normalized
from touchline.video.transforms import cap_size, fit_to_square

SIZE, PLAIN = 56, Normalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
sides = st.integers(1, 300)


def fit_and_normalize(frames, wanted, fit):
    return normalized(torch.stack([fit_to_square(frame, SIZE, fit) for frame in frames]), wanted)


def white(width, height):
    return torch.full((3, height, width), 255, dtype=torch.uint8)


def test_pad_shows_the_whole_picture_with_black_bars():
    (square,) = fit_and_normalize([white(64, 36)], PLAIN, "pad")
    # 36/64 of 56 rows are 31.5, so the picture has 32 rows, with 12 black rows above and below.
    assert square[0, :, 28].tolist() == [0] * 12 + [1] * 32 + [0] * 12
    assert square[0, 28].tolist() == [1] * 56


def test_crop_removes_the_sides_and_stretch_keeps_the_sides():
    picture = torch.zeros((3, 36, 64), dtype=torch.uint8)
    picture[:, :, :14] = 255  # exactly the part that a centre crop removes
    (cropped,) = fit_and_normalize([picture], PLAIN, "crop")
    (stretched,) = fit_and_normalize([picture], PLAIN, "stretch")
    assert cropped[:, :, 1:].max() < 0.1
    assert stretched[0, :, :11].min() > 0.9


def test_each_channel_has_its_own_normalization():
    wanted = Normalization((0.5, 0.25, 0.0), (0.5, 0.25, 2.0))
    (square,) = fit_and_normalize([white(56, 56)], wanted, "pad")
    assert square[:, 0, 0].tolist() == pytest.approx([1.0, 3.0, 0.5])


@given(sides, sides, st.sampled_from(["pad", "crop", "stretch"]))
def test_picture_of_any_shape_fits_the_square(width, height, fit):
    assert fit_and_normalize([white(width, height)], PLAIN, fit).shape == (1, 3, 56, 56)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(28, 1000))
def test_cap_keeps_the_aspect_ratio_and_never_enlarges(width, height, longest):
    new_width, new_height = cap_size(width, height, longest)
    assert max(new_width, new_height) == min(longest, max(width, height))
    scale = min(1, longest / max(width, height))
    assert abs(new_width - width * scale) <= 1
    assert abs(new_height - height * scale) <= 1
