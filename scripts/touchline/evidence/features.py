"""Features of windows: the hidden state that a model's answer begins from, to be learnt from.

A slice's features are a file of their own, features/….safetensors: a row for every window that was
answered, with the window's number, and what decides which numbers a model computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from touchline.core.files import write_bytes
from touchline.core.records import UNANSWERED, Record, WindowOutcome, WindowRecord
from touchline.errors import InputError
from touchline.evidence.origin import FeatureOrigin

_FORMAT, _ENTRY = "touchline features 1", "touchline"


class _Note(Record):
    """What stands in a file of features beside its numbers."""

    format: str
    key: str
    origin: FeatureOrigin


@dataclass(frozen=True)
class SliceFeatures:
    """The features of a slice.

    Attributes:
        windows: numbers of the answered windows, int [answered].
        states: float16 [answered, width].
    """

    origin: FeatureOrigin
    windows: np.ndarray
    states: np.ndarray


@dataclass(frozen=True)
class VideoFeatures:
    """The features of a video.

    Attributes:
        windows: start and end of each, and when its first and its last frame were on screen,
            seconds, float [windows, 4], in the order of time; NaN for frames where it has none.
        answered: which windows were answered, bool [windows].
        states: float16 [answered windows, width].
    """

    origin: FeatureOrigin
    windows: np.ndarray
    answered: np.ndarray
    states: np.ndarray


def write_features(
    path: str | Path, records: Iterable[WindowOutcome], origin: FeatureOrigin
) -> None:
    """Write the features of a slice: one row for each window that was answered."""
    rows = [(record.window, record.features) for record in records if record.features]
    states = np.array([np.frombuffer(state, np.float16) for _, state in rows], np.float16)
    tensors: dict[str, np.ndarray] = {
        "features": states.reshape(len(rows), -1) if rows else np.zeros((0, 0), np.float16),
        "windows": np.array([window for window, _ in rows], np.int32),
    }
    note = _Note(format=_FORMAT, key=origin.key, origin=origin)
    # In one entry, as safetensors writes several in any order.
    write_bytes(path, save(tensors, {_ENTRY: note.model_dump_json()}))


def read_features(path: str | Path) -> SliceFeatures:
    """Read a file that `write_features` wrote.

    Raises:
        InputError: the file cannot be read, or is no such file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            note = _Note.model_validate_json((file.metadata() or {})[_ENTRY])
            if note.format != _FORMAT:
                raise ValueError
            windows, states = (file.get_tensor(name) for name in ("windows", "features"))
            return SliceFeatures(note.origin, windows, states)
    except (OSError, SafetensorError, ValidationError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} is no file of features that can be read; delete it and run again."
        ) from error


def join_features(
    parts: Sequence[tuple[str, Sequence[WindowRecord]]],
) -> VideoFeatures:
    """Read the features of a video's slices, and check them against the ledgers.

    Args:
        parts: of each slice the path of its features, and the lines of its ledger.

    Raises:
        InputError: a file cannot be read, has other rows than the answered windows of its ledger,
            or was made with other settings than the first.
    """
    found = []
    for path, ledger in parts:
        features = read_features(path)
        answered = [record.window for record in ledger if record.status not in UNANSWERED]
        if features.windows.tolist() != answered:
            raise InputError(
                f"{path} does not hold the {len(answered)} answered windows of its ledger, each "
                "once; delete it and run again."
            )
        found.append(features)
        if changed := found[0].origin.differences(features.origin):
            raise InputError(
                f"{path} was made with another setting than {parts[0][0]}: {'; '.join(changed)}. "
                "Delete the older one and run again."
            )
    records = [record for _, ledger in parts for record in ledger]
    windows = np.array([_window(record) for record in records], dtype=float).reshape(-1, 4)
    seen = np.array([record.status not in UNANSWERED for record in records], dtype=bool)
    # A slice without an answer has features of no width.
    filled = [one.states for one in found if len(one.windows)]
    states = np.vstack(filled) if filled else np.zeros((0, 0), np.float16)
    order = np.argsort(windows[:, 0], kind="stable")
    place = np.cumsum(seen) - 1
    return VideoFeatures(
        found[0].origin, windows[order], seen[order], states[place[order][seen[order]]]
    )


def _window(record: WindowRecord) -> list[float]:
    times = record.frame_times
    return [record.start, record.end, *((times[0], times[-1]) if times else (np.nan, np.nan))]
