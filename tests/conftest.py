"""What many tests use: a tiny checkpoint with random weights, a short video."""

from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is slow; that is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


TEXTS = ["USER: ASSISTANT: none", '[{"label": "Goal"}]']


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    """A LLaVA-NeXT-Video checkpoint as tiny as the demo's, untrained."""
    import tiny_llava

    return untrained(tiny_llava, tmp_path_factory.mktemp("llava"))


@pytest.fixture(scope="session")
def qwen_checkpoint(tmp_path_factory) -> Path:
    """A Qwen2.5-VL checkpoint as tiny as the demo's, untrained."""
    import tiny_qwen

    return untrained(tiny_qwen, tmp_path_factory.mktemp("qwen"))


def untrained(kind, folder) -> Path:
    import torch

    torch.manual_seed(0)
    tokenizer = kind.new_tokenizer(TEXTS)
    kind.save(kind.new_model(tokenizer), tokenizer, folder)
    return folder


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    """A video of 9.2 seconds whose frames tell their numbers."""
    from media import steady, write_video

    return write_video(tmp_path_factory.mktemp("clip") / "clip.mkv", steady(9.2))
