"""What a job says, and how it ends when the user's input is at fault."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from touchline.errors import InputError

log = logging.getLogger("touchline")

_FORMAT = "%(asctime)s %(levelname)s %(message)s"


@contextmanager
def job_log(path: str | Path) -> Iterator[None]:
    """Log to a file and to standard error; end the process plainly on an InputError.

    An InputError is logged as its one sentence and the process exits with status 1. Any
    other exception is logged with its traceback and raised.
    """
    handlers: list[logging.Handler] = [
        logging.FileHandler(path, mode="w", encoding="utf-8"),
        logging.StreamHandler(),
    ]
    logging.basicConfig(level=logging.INFO, format=_FORMAT, handlers=handlers, force=True)
    try:
        yield
    except InputError as error:
        log.error("%s", error)
        sys.exit(1)
    except Exception:
        log.exception("This should not happen; please report it.")
        sys.exit(1)
