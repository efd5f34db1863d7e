"""Find answers of other slices, from which a slice can draft its own answers (see drafts.py).

They only save time, so a ledger that cannot be read is left out.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from touchline.errors import InputError
from touchline.events.merge import read_ledger

log = logging.getLogger(__name__)

# The end of a ledger's name, after its model.
_SLICE = re.compile(r"_vid\d+_gpu\d+\.jsonl$")
# One slice already saves most of the steps (benchmarks/GPU.md).
_SLICES = 2


def read_earlier_answers(ledger: Path) -> list[str]:
    """Read the answers in the newest ledgers of the same model.

    Args:
        ledger: the ledger that a slice will write. The other ledgers are in its folder.

    Returns:
        The texts of the answers, the newest slice last.
    """
    model = _SLICE.sub("", ledger.name)
    try:
        found = [path for path in ledger.parent.iterdir() if _SLICE.sub("", path.name) == model]
        newest = sorted(found, key=lambda path: path.stat().st_mtime)[-_SLICES:]
    except OSError as error:  # Another job may replace a file meanwhile.
        log.info("The ledgers of other slices cannot be found: %s.", error)
        return []
    return [text for path in newest for text in _answers(path)]


def _answers(ledger: Path) -> list[str]:
    """Return the answers in a ledger."""
    try:
        return [record.text for record in read_ledger(ledger) if record.text]
    except InputError as error:
        log.info("The answers of a slice are not used for drafts. %s", error)
        return []
