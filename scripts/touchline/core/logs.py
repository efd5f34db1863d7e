"""What a job logs, and how it ends when the user's input or the machine is at fault."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from touchline.core.disk import refusal
from touchline.errors import InputError

log = logging.getLogger("touchline")

_FORMAT = "%(asctime)s %(levelname)s %(message)s"
# As a shell has it for a program that SIGINT ended.
_INTERRUPTED = 130


@contextmanager
def job_log(path: str | Path) -> Iterator[None]:
    """Log to a file and to standard error; end with one sentence where a person can fix it.

    An InputError, and what the disk refuses, is logged as one sentence and the process exits with
    status 1; Ctrl-C is logged, too. Any other exception is logged with its traceback.
    """
    # First what cannot fail: where the file cannot be written, the reason is still given.
    logging.basicConfig(level=logging.INFO, format=_FORMAT, force=True)
    try:
        file = _LogFile(path, mode="w", encoding="utf-8")
        file.setFormatter(logging.Formatter(_FORMAT))
        logging.getLogger().addHandler(file)
    except OSError as error:
        log.warning("%s cannot be written: %s", path, _reason(error))
    try:
        yield
    except InputError as error:
        log.error("%s", error)
        sys.exit(1)
    except KeyboardInterrupt:
        log.info("Interrupted; the same command goes on.")
        sys.exit(_INTERRUPTED)
    except Exception as error:
        if sentence := refusal(error):
            log.error("%s", sentence)
        else:
            log.exception("This should not happen; please report it.")
        sys.exit(1)


def end_of(path: str | Path, most: int = 20_000) -> str:
    """Read the last bytes of a log, however long it is; "" if there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


class _LogFile(logging.FileHandler):
    """A log that falls silent, with one warning, when the disk takes no more."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002
        """Called while an error of this handler is handled."""
        logging.getLogger().removeHandler(self)
        log.warning("%s cannot be written: %s", self.baseFilename, _reason(sys.exc_info()[1]))


def _reason(error: BaseException | None) -> str:
    return (refusal(error) if error else None) or str(error)
