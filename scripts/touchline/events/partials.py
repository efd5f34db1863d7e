"""A slice's partial: the answers of its ledger that have an event or are unparsed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from touchline.core.files import read_json
from touchline.core.records import WITH_ANSWER, RawAnswer, WindowRecord
from touchline.errors import InputError


def partial_of(records: Iterable[WindowRecord]) -> list[RawAnswer]:
    """The answers that are not "none", as a slice's partial file lists them."""
    return [
        RawAnswer(time=record.start, raw=record.text)
        for record in records
        if record.status in WITH_ANSWER
    ]


def check_partial(path: str | Path, windows: Iterable[WindowRecord]) -> None:
    """Make sure that a partial and its ledger are of one attempt.

    Args:
        windows: the lines of the ledger.

    Raises:
        InputError: the partial does not hold as many answers as the ledger has.
    """
    answers = sum(window.status in WITH_ANSWER for window in windows)
    if len(read_json(path)) != answers:
        raise InputError(
            f"{path} does not hold the {answers} answers of its ledger; delete it and run again."
        )
