"""The families of models that run (`touchline.inputs.families` has their names).

A family is a module of this package with a class that completes `base.VideoLanguageModel`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from touchline.inputs.families import FAMILIES
from touchline.models.lean_imports import lean_import

if TYPE_CHECKING:
    from touchline.models.families.base import VideoLanguageModel


def family(name: str) -> type[VideoLanguageModel]:
    """The class of a family. Imports torch, which not everyone who asks for names needs."""
    found: type[VideoLanguageModel] = getattr(lean_import(f"{__name__}.{name}"), FAMILIES[name])
    return found
