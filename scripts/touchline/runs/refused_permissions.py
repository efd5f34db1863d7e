"""Patch Snakemake for file systems that refuse to set a file's mode (NFSv4, ZFS, CIFS).

Snakemake sets the mode of each record in .snakemake/ after writing the record. If the file system
refuses the mode, Snakemake ends the run. The record is complete by then and has the permissions of
any new file.
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
    """Return whether the installed Snakemake is the version that the patch was tested with."""
    return version("snakemake") == TESTED


def accept_refused_modes(persistence: Any) -> None:
    """Patch the class that writes Snakemake's records.

    The patched class continues if the file system refuses to set the mode of a record.
    """
    persistence._io_write = _patched_write(persistence._io_write)


def _patched_write(write: Callable[..., None]) -> Callable[..., None]:
    """Wrap Snakemake's function that writes a record.

    If the mode of a complete record cannot be set, go on.
    """

    @wraps(write)
    def patched(self: Any, subject: Any, value: Any, name: str, *rest: Any) -> None:
        """Write a record, and ignore refused modes if the record is complete."""
        try:
            write(self, subject, value, name, *rest)
        except OSError as error:
            record = self._record_path(subject, name)
            # If the file could not be opened, it does not exist or may not be written.
            if error.errno not in _REFUSED or not os.access(record, os.W_OK):
                raise

    return patched
