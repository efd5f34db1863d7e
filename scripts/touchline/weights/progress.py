"""Log the progress of a download as lines, because a job's output is often not a terminal."""

from __future__ import annotations

import io
import logging
from typing import Any

from rich.filesize import decimal
from tqdm import tqdm

log = logging.getLogger(__name__)

_SECONDS = 10.0


class LoggedProgress(tqdm):  # type: ignore[misc]
    """A progress bar for the hub's client that logs a line every ten seconds.

    Args:
        what: Name of the download.
        before: Size of the files already downloaded, in bytes.
        whole: Size of all files, in bytes.
        every: Seconds between two lines.
        named: Arguments of tqdm.
    """

    def __init__(
        self,
        *arguments: Any,
        what: str,
        before: int,
        whole: int,
        every: float = _SECONDS,
        **named: Any,
    ) -> None:
        self._what, self._before, self._whole = what, before, whole
        # Draw nothing, because lines go to the log.
        named |= {"file": io.StringIO(), "mininterval": every, "maxinterval": every, "miniters": 1}
        super().__init__(*arguments, **named)

    def display(self, *_: Any, **__: Any) -> None:
        """Log the progress."""
        state = self.format_dict
        rate = state["rate"] or (self.n - self.initial) / (state["elapsed"] or 1)
        if not self.n or rate <= 0:
            return
        done = self._before + self.n
        left = self.format_interval((self._whole - done) / rate)
        log.info(
            "%s: %s of %s, %s per second, %s left (minutes:seconds)",
            self._what,
            decimal(int(done)),
            decimal(self._whole),
            decimal(int(rate)),
            left,
        )
