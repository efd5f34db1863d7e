"""The one error that the user can fix, and what its message is made of."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path


class InputError(Exception):
    """Something the user gave cannot be used.

    The message is one sentence a person can act on: what is wrong, where, and
    what to do. Scripts print it and exit with a non-zero status; anything else
    that is raised is a defect of ours and keeps its traceback.
    """


def plain(text: object, most: int = 300) -> str:
    """What a file, a name or a server says, fit for a sentence: one line, bounded, printable."""
    line = " ".join(str(text).split())
    line = "".join(letter if letter.isprintable() else "�" for letter in line)
    return line if len(line) <= most else f"{line[:most]}…"


def nearest(name: str, names: Iterable[str], prefix: str = "") -> str:
    """The end of a sentence about an unknown name: the nearest valid one, or else all of them.

    Args:
        names: the valid names.
        prefix: stands in front of the name that is suggested.
    """
    valid = list(names)
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {prefix}{close[0]}?"
    return f" (there are {', '.join(valid)})" if valid else " (there are none)"


def nearest_file(path: str | Path) -> str:
    """What a sentence about a missing file adds: a file of nearly the same name beside it.

    Returns:
        An empty text if the folder has no such file.
    """
    path = Path(path)
    try:
        names = [file.name for file in path.parent.iterdir()]
    except OSError:
        return ""
    # Another number is another video, not a misspelling.
    letters = re.sub(r"\d", "", path.name)
    names = [name for name in names if re.sub(r"\d", "", name) != letters]
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.7)
    return f" (did you mean {plain(path.with_name(close[0]))}?)" if close else ""
