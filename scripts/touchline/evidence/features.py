"""Store the features of windows for learning.

A window's features are the hidden state from which a model's answer starts.

The features of a slice are in one file, features/….safetensors. Each file has one row per answered
window, the windows' numbers, and the settings and weights that determine the features.
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
    """The note in a file of features, which describes the origin of the features."""

    format: str
    key: str
    origin: FeatureOrigin


@dataclass(frozen=True)
class SliceFeatures:
    """The features of a slice.

    Attributes:
        origin: settings and weights that determine the features.
        windows: numbers of the answered windows, int [answered].
        states: hidden states, float16 [answered, width].
    """

    origin: FeatureOrigin
    windows: np.ndarray
    states: np.ndarray


@dataclass(frozen=True)
class VideoFeatures:
    """The features of a video.

    Attributes:
        origin: settings and weights that determine the features.
        windows: start, end, first frame and last frame of each window in seconds, float [windows,
            4], by time. Frames are NaN in windows without frames.
        answered: whether each window was answered, bool [windows].
        states: hidden states, float16 [answered windows, width].
    """

    origin: FeatureOrigin
    windows: np.ndarray
    answered: np.ndarray
    states: np.ndarray


def write_features(
    path: str | Path, records: Iterable[WindowOutcome], origin: FeatureOrigin
) -> None:
    """Write the features of a slice, with one row per answered window."""
    rows = [(record.window, record.features) for record in records if record.features]
    states = np.array([np.frombuffer(state, np.float16) for _, state in rows], np.float16)
    tensors: dict[str, np.ndarray] = {
        "features": states.reshape(len(rows), -1) if rows else np.zeros((0, 0), np.float16),
        "windows": np.array([window for window, _ in rows], np.int32),
    }
    note = _Note(format=_FORMAT, key=origin.key, origin=origin)
    # Use one entry, because safetensors writes several entries in any order.
    write_bytes(path, save(tensors, {_ENTRY: note.model_dump_json()}))


def read_features(path: str | Path) -> SliceFeatures:
    """Read a file that `write_features` wrote.

    Raises:
        InputError: the file cannot be read, or is not a file of features.
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
            f"{path} is not a readable file of features. Delete it and run again."
        ) from error


def join_features(
    parts: Sequence[tuple[str, Sequence[WindowRecord]]],
) -> VideoFeatures:
    """Read the features of a video's slices, and check them against the ledgers.

    Args:
        parts: for each slice, the path of its features and the lines of its ledger.

    Raises:
        InputError: a file cannot be read, does not fit the answered windows of its ledger, or was
            made with other settings than the first file.
    """
    found = []
    for path, ledger in parts:
        features = read_features(path)
        answered = [record.window for record in ledger if record.status not in UNANSWERED]
        if features.windows.tolist() != answered:
            raise InputError(
                f"{path} does not have each of the {len(answered)} answered windows of its ledger "
                "exactly once. Delete the file and run again."
            )
        found.append(features)
        if changed := found[0].origin.differences(features.origin):
            raise InputError(
                f"{path} was made with other settings than {parts[0][0]}: {'; '.join(changed)}. "
                "Delete the older file and run again."
            )
    records = [record for _, ledger in parts for record in ledger]
    windows = np.array([_window(record) for record in records], dtype=float).reshape(-1, 4)
    seen = np.array([record.status not in UNANSWERED for record in records], dtype=bool)
    # The features of a slice without answers have width 0.
    filled = [one.states for one in found if len(one.windows)]
    states = np.vstack(filled) if filled else np.zeros((0, 0), np.float16)
    order = np.argsort(windows[:, 0], kind="stable")
    place = np.cumsum(seen) - 1
    return VideoFeatures(
        found[0].origin, windows[order], seen[order], states[place[order][seen[order]]]
    )


def _window(record: WindowRecord) -> list[float]:
    """Return start, end, first frame and last frame of a window in seconds."""
    times = record.frame_times
    return [record.start, record.end, *((times[0], times[-1]) if times else (np.nan, np.nan))]
