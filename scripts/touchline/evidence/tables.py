"""Store tables of evidence: one line per window, with the log-likelihood of every candidate.

A candidate is the answer that names a class, or "none" (`touchline.inputs.candidates`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.special import logsumexp

from touchline.core.records import UNANSWERED, WindowOutcome, WindowRecord
from touchline.core.tables import Table, column_names, columns
from touchline.errors import InputError
from touchline.inputs.candidates import NONE

_WINDOW = ("start_s", "end_s", "first_frame_s", "last_frame_s")


@dataclass(frozen=True)
class Evidence:
    """The evidence of a model for each class, in the windows of a video or a slice.

    Attributes:
        windows: start, end, first frame and last frame of each window in seconds, float [windows,
            4]. Frames are NaN in windows without frames.
        classes: names of the classes.
        weights: log-probability of each class as the answer, float [windows, classes + 1]. The last
            column is for the answer "none". NaN in windows for which it was not computed.
        kind: source of the probabilities. With "evidence", the columns exclude each other.
            With "learned", the classes are independent of each other.
    """

    windows: np.ndarray
    classes: tuple[str, ...]
    weights: np.ndarray
    kind: Literal["evidence", "learned"] = "evidence"

    @classmethod
    def of(cls, records: Iterable[WindowOutcome], classes: Sequence[str]) -> Evidence:
        """Collect the evidence from a worker's outcomes."""
        records = list(records)
        names = [*classes, NONE]
        windows = [
            [r.start, r.end, *((r.frame_times[0], r.frame_times[-1]) if r.frame_times else _NO)]
            for r in records
        ]
        weights = [[r.evidence.get(name, np.nan) for name in names] for r in records]
        return cls(
            np.array(windows, dtype=float).reshape(-1, len(_WINDOW)),
            tuple(classes),
            np.array(weights, dtype=float).reshape(-1, len(names)),
        )

    def between(self, start: float, end: float) -> Evidence:
        """Return the evidence of the windows that start in [start, end), in seconds."""
        inside = (self.windows[:, 0] >= start) & (self.windows[:, 0] < end)
        return replace(self, windows=self.windows[inside], weights=self.weights[inside])

    @property
    def weighed(self) -> np.ndarray:
        """Return whether each window has evidence, bool [windows]."""
        found: np.ndarray = ~np.isnan(self.weights).any(axis=1)
        return found

    @property
    def log_odds(self) -> np.ndarray:
        """Return the log-odds of each class in each window with evidence, float [windows, classes].

        If the evidence is for answers, the odds compare a class with all other answers together.
        """
        weights = self.weights[self.weighed]
        found = np.empty((len(weights), len(self.classes)))
        for place in range(len(self.classes)):
            if self.kind == "learned":
                others = _log_rest(weights[:, place])
            else:
                others = logsumexp(np.delete(weights, place, axis=1), axis=1)
            found[:, place] = weights[:, place] - others
        return found


def _log_rest(logs: np.ndarray) -> np.ndarray:
    """Compute the logarithm of 1 - p from the logarithm of p."""
    found: np.ndarray = np.log(-np.expm1(np.minimum(logs, -1e-12)))
    return found


_NO = (np.nan, np.nan)


def write_evidence(path: str | Path, evidence: Evidence) -> None:
    """Write a table of evidence."""
    rows = np.hstack([evidence.windows, evidence.weights])
    table = _table(evidence.classes)
    # Unknown values are empty cells.
    table.write(path, table.frame([None if np.isnan(x) else x for x in row] for row in rows))


def read_evidence(path: str | Path, classes: Sequence[str]) -> Evidence:
    """Read a table that `write_evidence` wrote.

    Args:
        path: path of the table.
        classes: classes of labels.yaml.

    Raises:
        InputError: the file cannot be read, or lacks a class.
    """
    cells = _table(classes).read(path).to_numpy(dtype=float, na_value=np.nan)
    return Evidence(cells[:, : len(_WINDOW)], tuple(classes), cells[:, len(_WINDOW) :])


def read_probabilities(path: str | Path) -> Evidence:
    """Read a table of learnt probabilities. Its classes are the classes that were learnt.

    Raises:
        InputError: the file cannot be read.
    """
    classes = column_names(path)[len(_WINDOW) : -1]
    return replace(read_evidence(path, classes), kind="learned")


def join_slices(
    parts: Sequence[tuple[Evidence, Sequence[WindowRecord], str]],
) -> Evidence:
    """Join the evidence of a video's slices. The result has every window once, by time.

    Args:
        parts: evidence, lines of the ledger and path of the table of each slice.

    Raises:
        InputError: a table does not fit the windows of its ledger, or lacks evidence.
    """
    for evidence, ledger, path in parts:
        starts = [record.start for record in ledger]
        unseen = [record.status in UNANSWERED for record in ledger]
        answered = [record.status == "weighed" for record in ledger]
        if (
            evidence.windows[:, 0].tolist() != starts
            or (evidence.weighed & unseen).any()
            or (~evidence.weighed & answered).any()
        ):
            raise InputError(
                f"{path} does not fit the {len(starts)} windows of its ledger. Delete the file and "
                "run again."
            )
    windows = np.vstack([evidence.windows for evidence, _, _ in parts])
    order = np.argsort(windows[:, 0], kind="stable")
    weights = np.vstack([evidence.weights for evidence, _, _ in parts])
    return Evidence(windows[order], parts[0][0].classes, weights[order])


def _table(classes: Sequence[str]) -> Table:
    """Return the columns of a table of evidence."""
    return Table(
        [
            *columns("float64", _WINDOW[:2]),
            *columns("Float64", [*_WINDOW[2:], *classes, NONE]),
        ]
    )
