"""Find answers of another slice, from which a slice can draft its own answers (see drafts.py).

They only save time, so a ledger that cannot be read is not used.
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


def read_earlier_answers(ledger: Path) -> list[str]:
    """Read the answers in the newest ledger of the same model. More ledgers hardly save more steps.

    Args:
        ledger: the ledger that a slice will write. The other ledgers are in its folder.

    Returns:
        The texts of the answers.
    """
    model = _SLICE.sub("", ledger.name)
    try:
        found = [path for path in ledger.parent.iterdir() if _SLICE.sub("", path.name) == model]
        newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
        return [record.text for record in read_ledger(newest) if record.text] if newest else []
    except (OSError, InputError) as error:  # Another job may replace a file meanwhile.
        log.info("The answers of another slice are not used for drafts: %s", error)
        return []
