"""Test the number of windows at a time, and when weights are unpacked."""

import math

import pytest
import torch

from touchline.detection import batch_size
from touchline.detection.batch_size import rows_that_fit
from touchline.models.families.base import Footage

GB = 2**30


class Weights:
    """The sizes of a model with 7 billion parameters: 0.5 GB per row, 9.6 GB more when unpacked."""

    def __init__(self):
        self.is_packed = True

    def row_bytes(self, pictures, new_tokens):
        return GB // 2

    def unpacked_bytes(self):
        return int(9.6 * GB)

    def unpack(self):
        self.is_packed = False


@pytest.fixture
def card(monkeypatch):
    """Return a function that simulates a GPU with the given free memory in GB."""

    def of(free):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free * GB, 80 * GB))
        monkeypatch.setattr(torch.cuda, "get_per_process_memory_fraction", lambda: 1.0)
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 0)

    return of


@pytest.fixture
def no_card(monkeypatch):
    """Hide the GPU of this machine."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize(
    ("free", "wanted", "rows", "packed"),
    [
        (74, "auto", 64, False),
        (19, "auto", 26, True),
        (6, "auto", 8, True),
        (0, "auto", 1, True),
        (74, 8, 8, False),
        (19, 8, 8, False),
        (6, 8, 8, True),
        (6, 100, 100, True),
    ],
)
def test_weights_are_unpacked_only_if_all_rows_fit(card, free, wanted, rows, packed):
    card(free)
    model = Weights()
    assert rows_that_fit(model, 4, 256, wanted) == rows
    assert model.is_packed == packed


@pytest.mark.usefixtures("no_card")
def test_4_bit_weights_are_not_unpacked_on_a_cpu():
    model = Weights()
    assert rows_that_fit(model, 4, 256, 3) == 3
    assert model.is_packed


@pytest.mark.parametrize("frames", [8, 16, 30])
def test_longer_prompts_get_fewer_rows(kind, source, card, frames):
    model = kind(source, "What happens?", Footage(320, 180, 1.0, frames))
    few, many = (math.ceil(count / kind.frames_per_picture) for count in (4, frames))
    short, long = (model.row_bytes(pictures, 16) for pictures in (few, many))
    card(20.5 * short / batch_size._SHARE_FOR_ROWS / GB)
    assert rows_that_fit(model, few, 16, "auto") == 20
    assert rows_that_fit(model, many, 16, "auto") == int(20.5 * short / long)
    assert frames < 16 or 2 * short < long


@pytest.mark.usefixtures("no_card")
@pytest.mark.parametrize(("frames", "rows"), [(4, 8), (8, 8), (16, 4), (30, 2), (256, 1)])
def test_cpu_gets_fewer_rows_for_long_prompts(monkeypatch, frames, rows):
    model = Weights()
    monkeypatch.setattr(model, "row_bytes", lambda pictures, _: pictures * GB // 8)
    assert rows_that_fit(model, frames, 256, "auto") == rows
