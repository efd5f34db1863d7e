"""A slice's partial: the answers of its ledger that tell of an event, or that nobody could read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from touchline.core.files import read_json
from touchline.core.records import WindowRecord
from touchline.errors import InputError


def check_partial(path: str | Path, windows: Iterable[WindowRecord]) -> None:
    """Make sure that a partial and its ledger are of one attempt.

    Args:
        windows: the lines of the ledger.

    Raises:
        InputError: the partial does not hold as many answers as the ledger has.
    """
    answers = sum(window.status in ("events", "unparsed") for window in windows)
    if len(read_json(path)) != answers:
        raise InputError(
            f"{path} does not hold the {answers} answers of its ledger; delete it and run again."
        )
