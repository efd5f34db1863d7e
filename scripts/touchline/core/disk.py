"""What a disk or its rights refuse, as a sentence for the person who can fix it."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from touchline.errors import plain

_AGAIN = "then type the same command again: what is done stays"
_FULL = f"make room, {_AGAIN}"
_RIGHTS = "get the right to, or set results and resources to folders that are yours"
_BROKEN = f"the disk, or the way to it over the network, is at fault: have it looked at, {_AGAIN}"

_REMEDIES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: f"raise the limit of a file's size (ulimit -f), {_AGAIN}",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _RIGHTS,
    errno.EIO: _BROKEN,
    errno.ENXIO: _BROKEN,
    errno.ENODEV: _BROKEN,
    errno.ESTALE: _BROKEN,
    errno.EREMOTEIO: _BROKEN,
    errno.ENOTCONN: _BROKEN,
    errno.ENAMETOOLONG: "give shorter names to folders, models or files",
    errno.EMFILE: f"raise the limit of open files (ulimit -n), {_AGAIN}",
    errno.ENFILE: f"raise the limit of open files (ulimit -n), {_AGAIN}",
    errno.ENOMEM: f"end what else runs on this machine, {_AGAIN}",
}


def refusal(error: BaseException) -> str | None:
    """What, where, and what to do; None if neither the error nor its cause is of this kind."""
    if not isinstance(error, OSError) or error.errno not in _REMEDIES:
        if isinstance(error, OSError) and "No usable temporary directory" in str(error):
            return f"No folder for temporary files takes one: name another by TMPDIR, or {_FULL}."
        return refusal(error.__cause__) if error.__cause__ else None
    where = error.filename2 or error.filename
    place = f"{plain(os.fsdecode(where))}: " if isinstance(where, (str, bytes)) else ""
    return f"{place}{os.strerror(error.errno)}; {_REMEDIES[error.errno]}."


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Have the system's errors name what was being written, which they seldom do by themselves."""
    try:
        yield
    except OSError as error:
        if error.filename is None or Path(str(error.filename)).name.startswith(hidden(path)):
            error.filename = str(path)
        raise
    except Exception as error:
        # How libraries in Rust (safetensors) report them.
        if number := re.search(r"\(os error (\d+)\)", str(error)):
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
        raise


def hidden(path: str | Path) -> str:
    """What the name of a file begins with that is to take the place of another."""
    return f".{Path(path).name}."
