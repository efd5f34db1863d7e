"""The families of models that run, by the model_type that their checkpoints state.

A family is a module of this package with a class that completes `base.VideoLanguageModel`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from touchline.families.base import VideoLanguageModel

FAMILIES = {
    "llava_next_video": "LlavaNextVideo",
    "qwen2_5_vl": "Qwen25VL",
}


def family(name: str) -> type[VideoLanguageModel]:
    """The class of a family. Imports torch, which not everyone who asks for names needs."""
    found: type[VideoLanguageModel] = getattr(import_module(f"{__name__}.{name}"), FAMILIES[name])
    return found
