"""Find answers of another slice, from which a slice can draft its own answers (see drafts.py).

They only save time, so a ledger that cannot be read is not used.
"""

from __future__ import annotations

import logging
from pathlib import Path

from touchline.core import paths
from touchline.errors import InputError
from touchline.events.merge import read_ledger

log = logging.getLogger(__name__)


def read_earlier_answers(results: Path, model: str) -> list[str]:
    """Read the answers in the newest ledger of the same model. More ledgers hardly save more steps.

    Args:
        results: folder of the results.
        model: name of the model, without "_" and characters that are special in a glob pattern.

    Returns:
        The texts of the answers.
    """
    ledgers = results.glob(paths.LEDGER.format(model=model, video="*", slice="*"))
    try:
        newest = max(ledgers, key=lambda path: path.stat().st_mtime, default=None)
        return [record.text for record in read_ledger(newest) if record.text] if newest else []
    except (OSError, InputError) as error:  # Another job may replace a file meanwhile.
        log.info("The answers of another slice are not used for drafts: %s", error)
        return []
