"""The families of models that run (`touchline.inputs.families` has their names).

A family is a module of this package with a class that completes `base.VideoLanguageModel`.
`generic` stands for all other models; it completes `base.AnsweringModel`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from touchline.inputs.families import FAMILIES, GENERIC
from touchline.models.lean_imports import lean_import

if TYPE_CHECKING:
    from touchline.models.families.base import AnsweringModel


def family(name: str) -> type[AnsweringModel]:
    """The class of a family. Imports torch, which not everyone who asks for names needs."""
    if name == GENERIC:
        # A processor may need torchvision, which a lean import hides.
        generic: type[AnsweringModel] = import_module(f"{__name__}.{name}").Generic
        return generic
    found: type[AnsweringModel] = getattr(lean_import(f"{__name__}.{name}"), FAMILIES[name])
    return found
