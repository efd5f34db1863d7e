"""Define the model families that run (their names are in `touchline.inputs.families`).

A family is a module of this package with a subclass of `base.VideoLanguageModel`. The module
`generic` is for all other models and has a subclass of `base.AnsweringModel`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from touchline.inputs.families import FAMILIES, GENERIC
from touchline.models.lean_imports import lean_import

if TYPE_CHECKING:
    from touchline.models.families.base import AnsweringModel


def family(name: str) -> type[AnsweringModel]:
    """Return the class of a family.

    Torch is imported here, so that code which needs only the names of families does not load it.
    """
    if name == GENERIC:
        # A processor may need torchvision, but a lean import hides it.
        generic: type[AnsweringModel] = import_module(f"{__name__}.{name}").Generic
        return generic
    found: type[AnsweringModel] = getattr(lean_import(f"{__name__}.{name}"), FAMILIES[name])
    return found
