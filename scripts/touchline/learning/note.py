"""Read the note in a learnt model's file without numpy.

Snakemake itself reads the note, in an environment without numpy.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from touchline.errors import InputError, nearest_file
from touchline.evidence.origin import FeatureOrigin
from touchline.learning.records import LearntNote

# Name of the single entry. safetensors would write several entries in any order.
ENTRY = "touchline learned 1"
# Most bytes of the header. Other kinds of file may start with any number.
_MOST_HEADER = 100_000_000
_ADVICE = "Give a learned_….safetensors from the results of another run (folder learned/)."


def read_note(path: str | Path) -> LearntNote:
    """Read the note in a learnt model's file.

    Raises:
        InputError: the file is missing, or is not a learnt model.
    """
    try:
        return LearntNote.model_validate_json(_metadata(Path(path))[ENTRY])
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}{nearest_file(path)}. {_ADVICE}"
        ) from error
    except (ValidationError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is not a learnt model of this version. {_ADVICE}") from error


def check_learnt(path: str | Path, learnt: FeatureOrigin, here: FeatureOrigin) -> None:
    """Refuse a learnt model that was trained on features with another origin.

    Args:
        path: path of the learnt model.
        learnt: origin of the features in its training.
        here: origin of the features in this run.

    Raises:
        InputError: the origins differ; the message names each difference.
    """
    if changed := learnt.differences(here):
        raise InputError(
            f"{path} was learnt with other settings than this run has: {'; '.join(changed)}. "
            "Use the settings of that run, or learn the model again."
        )


def _metadata(path: Path) -> Any:
    """Read the metadata in the header of a safetensors file: its length in 8 bytes, then JSON."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _MOST_HEADER:
            raise ValueError
        return json.loads(file.read(length)).get("__metadata__", {})
