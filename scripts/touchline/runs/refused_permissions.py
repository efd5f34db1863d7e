"""A patch of Snakemake for file systems on which a file's mode cannot be set (NFSv4, ZFS, CIFS).

Snakemake sets the mode of each record in .snakemake/ once it is written, and ends the run where
that is refused. The record is complete by then, with the permissions of any new file.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import wraps
from importlib.metadata import version
from typing import Any

# requirements.lock pins it.
TESTED = "9.27.1"
_REFUSED = (errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS)


def is_tested() -> bool:
    """Tell whether Snakemake is of the version that the patch was tested with."""
    return version("snakemake") == TESTED


def accept_refused_modes(persistence: Any) -> None:
    """Patch the class that keeps Snakemake's records in files."""
    persistence._io_write = _patched_write(persistence._io_write)


def _patched_write(write: Callable[..., None]) -> Callable[..., None]:
    @wraps(write)
    def patched(self: Any, subject: Any, value: Any, name: str, *rest: Any) -> None:
        try:
            write(self, subject, value, name, *rest)
        except OSError as error:
            record = self._record_path(subject, name)
            # Where the file could not be opened, it is not there or may not be written.
            if error.errno not in _REFUSED or not os.access(record, os.W_OK):
                raise

    return patched
