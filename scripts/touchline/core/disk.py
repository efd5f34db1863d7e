"""Messages for disk and permission errors, with a remedy for each error."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from touchline.errors import plain

_AGAIN = "then run the same command again; finished results are kept"
_FULL = f"free some space, {_AGAIN}"
_RIGHTS = "ask for write permission, or set results and resources to folders that you own"
_BROKEN = f"the disk or its network connection has a fault; have it checked, {_AGAIN}"

_REMEDIES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: f"raise the limit of the file size (ulimit -f), {_AGAIN}",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _RIGHTS,
    errno.EIO: _BROKEN,
    errno.ENXIO: _BROKEN,
    errno.ENODEV: _BROKEN,
    errno.ESTALE: _BROKEN,
    errno.EREMOTEIO: _BROKEN,
    errno.ENOTCONN: _BROKEN,
    errno.ENAMETOOLONG: "shorten the names of folders, models or files",
    errno.EMFILE: f"raise the limit of open files (ulimit -n), {_AGAIN}",
    errno.ENFILE: f"raise the limit of open files (ulimit -n), {_AGAIN}",
    errno.ENOMEM: f"end other programs on this machine, {_AGAIN}",
}


def disk_message(error: BaseException) -> str | None:
    """Return a message with the error, the file and a remedy.

    Return None if neither the error nor its cause is a disk, permission or resource error.
    """
    if not isinstance(error, OSError) or error.errno not in _REMEDIES:
        if isinstance(error, OSError) and "No usable temporary directory" in str(error):
            return f"No folder for temporary files is usable. Set TMPDIR to another, or {_FULL}."
        return disk_message(error.__cause__) if error.__cause__ else None
    where = error.filename2 or error.filename
    place = f"{plain(os.fsdecode(where))}: " if isinstance(where, (str, bytes)) else ""
    return f"{place}{os.strerror(error.errno)}; {_REMEDIES[error.errno]}."


@contextmanager
def name_file_in_errors(path: str | Path) -> Iterator[None]:
    """Add the path to each error that the operating system raises inside the `with` block.

    Most of these errors do not name the file by themselves.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None or Path(str(error.filename)).name.startswith(
            temporary_prefix(path)
        ):
            error.filename = str(path)
        raise
    except Exception as error:
        # Libraries in Rust (safetensors) report system errors as text.
        if number := re.search(r"\(os error (\d+)\)", str(error)):
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
        raise


def temporary_prefix(path: str | Path) -> str:
    """Return the start of the name of the temporary file that later replaces `path`."""
    return f".{Path(path).name}."
