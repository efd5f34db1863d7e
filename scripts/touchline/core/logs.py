"""Logging of a job, and how a job ends after an error that the user can fix."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from touchline.core.disk import disk_message
from touchline.errors import InputError

log = logging.getLogger("touchline")

_FORMAT = "%(asctime)s %(levelname)s %(message)s"
# A shell reports this status for a program that SIGINT ended.
_INTERRUPTED = 130


@contextmanager
def job_log(path: str | Path) -> Iterator[None]:
    """Log to a file and to standard error. End the process on errors.

    An InputError or a disk error is logged as one sentence, and the process exits with status 1.
    Any other exception is logged with its traceback, and the exit status is also 1. Ctrl-C is
    logged and gives status 130.
    """
    # Standard error comes first, so the reason is printed even if the file cannot be written.
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
        log.info("Interrupted. Run the same command to continue.")
        sys.exit(_INTERRUPTED)
    except Exception as error:
        if sentence := disk_message(error):
            log.error("%s", sentence)
        else:
            log.exception("This is a defect of Touchline. Please report it.")
        sys.exit(1)


def read_tail(path: str | Path, most: int = 20_000) -> str:
    """Read the last `most` bytes of a log. Return an empty text if the log cannot be read."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


class _LogFile(logging.FileHandler):
    """A log file that stops, after one warning, when the disk accepts no more data."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002
        """Warn about the failed write and remove this handler. `logging` calls this method."""
        logging.getLogger().removeHandler(self)
        log.warning("%s cannot be written: %s", self.baseFilename, _reason(sys.exc_info()[1]))


def _reason(error: BaseException | None) -> str:
    """Return the disk error as a sentence, or else the error's own text."""
    return (disk_message(error) if error else None) or str(error)
