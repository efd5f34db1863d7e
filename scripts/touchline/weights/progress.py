"""How far a download is, as lines of a log: a job's output is often no terminal."""

from __future__ import annotations

import io
import logging
from typing import Any

from rich.filesize import decimal
from tqdm import tqdm

log = logging.getLogger(__name__)

_SECONDS = 10.0


class LoggedProgress(tqdm):  # type: ignore[misc]
    """A progress bar of the hub's client that writes a line every ten seconds.

    Args:
        what: What is downloaded.
        before: Bytes of the files that are there already.
        whole: Bytes of all files.
        named: As of tqdm.
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
        # It draws nothing: its lines go to the log.
        named |= {"file": io.StringIO(), "mininterval": every, "maxinterval": every, "miniters": 1}
        super().__init__(*arguments, **named)

    def display(self, *_: Any, **__: Any) -> None:
        """Called when something is to be shown."""
        state = self.format_dict
        rate = state["rate"] or (self.n - self.initial) / (state["elapsed"] or 1)
        if not self.n or rate <= 0:
            return
        done = self._before + self.n
        left = self.format_interval((self._whole - done) / rate)
        log.info(
            "%s: %s of %s, %s a second, %s left (minutes:seconds)",
            self._what,
            decimal(int(done)),
            decimal(self._whole),
            decimal(int(rate)),
            left,
        )
