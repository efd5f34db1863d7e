"""The partial predictions of a slice.

They are the answers in the slice's ledger that have events or that the parser could not read.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from touchline.core.files import read_json
from touchline.core.records import WITH_ANSWER, RawAnswer, WindowRecord
from touchline.errors import InputError


def partial_answers(records: Iterable[WindowRecord]) -> list[RawAnswer]:
    """Return the answers for the file of a slice's partial predictions: all except "none"."""
    return [
        RawAnswer(time=record.start, raw=record.text)
        for record in records
        if record.status in WITH_ANSWER
    ]


def check_partial(path: str | Path, windows: Iterable[WindowRecord]) -> None:
    """Check that a file of partial predictions and its ledger come from the same attempt.

    Args:
        path: the file of partial predictions.
        windows: the lines of the ledger.

    Raises:
        InputError: the numbers of answers differ.
    """
    answers = sum(window.status in WITH_ANSWER for window in windows)
    if len(read_json(path)) != answers:
        raise InputError(
            f"{path} does not contain the {answers} answers of its ledger. Delete it and run again."
        )
