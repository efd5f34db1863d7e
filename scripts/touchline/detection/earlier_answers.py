"""Find answers of other slices, from which a slice can draft its own answers (see drafts.py).

They only save time, so a file that cannot be read is left out.
"""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

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
        return [
            str(text)
            for path in newest
            for line in path.read_bytes().splitlines()
            if (text := json.loads(line).get("text"))
        ]
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        log.info("Answers of other slices cannot be read: %s.", error)
        return []
