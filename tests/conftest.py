"""Fixtures of many tests: a tiny checkpoint with random weights, and a short video."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# A shell starts background processes with Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Workers set this variable, too. It must be set before torch is imported.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
# On a busy machine, waiting threads take five times the processor time, and the models of the tests
# are too small to profit from threads. Tests about threads set their own number.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine is slow, which is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


TEXTS = ["USER: ASSISTANT: none", '[{"label": "Goal"}]']


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    """Return an untrained LLaVA-NeXT-Video checkpoint of the demo's size."""
    from demo.training import tiny_llava

    return untrained(tiny_llava, tmp_path_factory.mktemp("llava"))


@pytest.fixture(scope="session")
def qwen_checkpoint(tmp_path_factory) -> Path:
    """Return an untrained Qwen2.5-VL checkpoint of the demo's size."""
    from demo.training import tiny_qwen

    return untrained(tiny_qwen, tmp_path_factory.mktemp("qwen"))


@pytest.fixture(scope="session")
def qwen3_checkpoint(tmp_path_factory) -> Path:
    """Return an untrained Qwen3-VL checkpoint of the demo's size."""
    import tiny_qwen3

    return untrained(tiny_qwen3, tmp_path_factory.mktemp("qwen3"))


@pytest.fixture(scope="session")
def checkpoints(checkpoint, qwen_checkpoint, qwen3_checkpoint) -> dict[str, Path]:
    """Return the tiny checkpoint of each family."""
    return {
        "llava_next_video": checkpoint,
        "qwen2_5_vl": qwen_checkpoint,
        "qwen3_vl": qwen3_checkpoint,
    }


@pytest.fixture(scope="module", params=["llava_next_video", "qwen2_5_vl", "qwen3_vl"])
def kind(request):
    """Return the class of each family in turn."""
    from touchline.models.families import family

    return family(request.param)


@pytest.fixture(scope="module")
def source(kind, checkpoints) -> Path:
    """Return the tiny checkpoint of the family."""
    return checkpoints[kind.architecture.config_class.model_type]


@pytest.fixture(scope="module")
def quantized(source, tmp_path_factory) -> Path:
    """Return a 4-bit copy of the family's checkpoint."""
    from touchline.models.quantize import quantize

    folder = tmp_path_factory.mktemp("nf4") / "model"
    quantize(source, folder)
    return folder


def untrained(kind, folder) -> Path:
    """Write an untrained model and its tokenizer into a folder."""
    import torch

    torch.manual_seed(0)
    tokenizer = kind.new_tokenizer(TEXTS)
    kind.save(kind.new_model(tokenizer), tokenizer, folder)
    return folder


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    """Return a video of 9.2 seconds whose frames show their numbers."""
    from media import steady, write_video

    return write_video(tmp_path_factory.mktemp("clip") / "clip.mkv", steady(9.2))
