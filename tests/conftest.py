"""What many tests use: a tiny checkpoint with random weights, a short video."""

from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is slow; that is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    """A LLaVA-NeXT-Video checkpoint as tiny as the demo's, untrained."""
    import torch

    import tiny_llava

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("checkpoint")
    tokenizer = tiny_llava.new_tokenizer(["USER: ASSISTANT: none", '[{"label": "Goal"}]'])
    tiny_llava.save(tiny_llava.new_model(tokenizer), tokenizer, folder)
    return folder


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    """A video of 9.2 seconds whose frames tell their numbers."""
    from media import steady, write_video

    return write_video(tmp_path_factory.mktemp("clip") / "clip.mkv", steady(9.2))
