"""What stands in a learnt model's file beside its numbers; read without a package for numbers.

Snakemake itself reads it, in an environment without numpy.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from touchline.errors import InputError, nearest_file
from touchline.evidence.origin import FeatureOrigin
from touchline.learning.records import LearntNote

# One, as safetensors writes several in any order.
ENTRY = "touchline learned 1"
# Bytes. A file of another kind may begin with any number.
_MOST_HEADER = 100_000_000
_ADVICE = "name a learned_….safetensors of the results of another run (folder learned/)."


def read_note(path: str | Path) -> LearntNote:
    """Read what stands in a learnt model's file beside its numbers.

    Raises:
        InputError: there is no such file, or it is no learnt model.
    """
    try:
        return LearntNote.model_validate_json(_metadata(Path(path))[ENTRY])
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}{nearest_file(path)}; {_ADVICE}"
        ) from error
    except (ValidationError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is no learnt model of this version; {_ADVICE}") from error


def check_learnt(path: str | Path, learnt: FeatureOrigin, here: FeatureOrigin) -> None:
    """Refuse a learnt model that was trained on other features than there are here.

    Args:
        path: of the learnt model.

    Raises:
        InputError: names each difference.
    """
    if changed := learnt.differences(here):
        raise InputError(
            f"{path} was learnt with another setting than this run has: {'; '.join(changed)}. "
            "Set these as they were there, or learn the model again."
        )


def _metadata(path: Path) -> Any:
    """The texts at the beginning of a safetensors file: its length in 8 bytes, then JSON."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _MOST_HEADER:
            raise ValueError
        return json.loads(file.read(length)).get("__metadata__", {})
