"""Test the check of a GPU, and the estimate of time on a CPU."""

import logging
import os

import pytest
import torch
from samples import window

from touchline.detection.detect import SliceProgress
from touchline.errors import InputError
from touchline.models.cuda import check_usable


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Return a function that replaces nvidia-smi by a command that prints a text."""

    def prints(text, status=0):
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\necho '{text}'\nexit {status}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return prints


def torch_that_fails(monkeypatch, error, cuda="13.0"):
    def init():
        raise error

    monkeypatch.setattr(torch.cuda, "init", init)
    monkeypatch.setattr(torch.version, "cuda", cuda)


def test_gpu_check_passes_without_a_gpu():
    check_usable(None)


TOO_OLD = (
    "The NVIDIA driver on your system is too old (found version 12040). Please update your GPU "
    "driver by downloading and installing a new\nversion from the URL: http://…"
)


@pytest.mark.parametrize(
    ("error", "cuda", "driver", "parts"),
    [
        (
            RuntimeError(TOO_OLD),
            "13.0",
            "550.54.15",
            [
                "is too old (found version 12040). The driver's version is 550.54.15.",
                "built with CUDA 13.0, which needs driver 580 or later",
            ],
        ),
        (
            RuntimeError("Found no NVIDIA driver on your system."),
            "13.0",
            None,
            ["Found no NVIDIA driver on your system. nvidia-smi reports no driver"],
        ),
        (
            AssertionError("Torch not compiled with CUDA enabled"),
            None,
            "580.65.06",
            ["Torch not compiled with CUDA enabled. The driver's", "built without CUDA"],
        ),
        (
            RuntimeError("CUDA error: no kernel image is available for execution on the device"),
            "13.0",
            "580.65.06",
            ["no kernel image is available", "new enough for this torch", "too old for it"],
        ),
    ],
    ids=["driver too old", "no driver", "CPU build", "card too old"],
)
def test_unusable_gpu_is_reported_in_one_sentence_with_advice(
    monkeypatch, nvidia_smi, error, cuda, driver, parts
):
    torch_that_fails(monkeypatch, error, cuda)
    nvidia_smi(driver or "NVIDIA-SMI has failed", status=0 if driver else 9)
    with pytest.raises(InputError) as raised:
        check_usable("2")
    sentence = str(raised.value)
    for part in [
        "This job has GPU 2, but torch 2.",
        "docs/gpus.md",
        "CUDA_VISIBLE_DEVICES=",
        *parts,
    ]:
        assert part in sentence
    assert "\n" not in sentence


def test_unusable_gpu_message_includes_torch_s_reason():
    if torch.cuda.is_available():
        pytest.skip("torch has a GPU here")
    with pytest.raises(InputError, match=r"but torch .* cannot use it: "):
        check_usable("0")


class Rows:
    rows = 2


def test_remaining_time_of_a_slice_on_the_cpu_is_logged_once(monkeypatch, caplog):
    clock = iter([0.0, 50.0, 60.0, 61.0])
    monkeypatch.setattr("touchline.detection.detect.time.monotonic", lambda: next(clock))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    progress = SliceProgress(total=375, done=25, every=1e9)
    with caplog.at_level(logging.INFO):
        for number in range(3):
            progress.count(window(number, 2.0 * number), Rows())
    # At two windows per minute, 348 windows take 2 h 54 min.
    assert [each.getMessage() for each in caplog.records] == [
        "The remaining 348 windows will take about 2.9 hours."
    ]
