"""The exception for errors that the user can fix, and helpers for its messages."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path


class InputError(Exception):
    """An error in the user's input or setup, with a message that tells the user how to fix it.

    The message names the mistake, its place and a remedy. Scripts print it and exit with a non-zero
    status. Any other exception is a defect of Touchline and keeps its traceback.
    """


def plain(text: object, most: int = 300) -> str:
    """Return a text from outside as one printable line of at most `most` characters."""
    line = " ".join(str(text).split())
    line = "".join(letter if letter.isprintable() else "�" for letter in line)
    return line if len(line) <= most else f"{line[:most]}…"


def nearest(name: str, names: Iterable[str], prefix: str = "") -> str:
    """Return the end of a message about an unknown name: the most similar valid name, or all names.

    Args:
        name: the unknown name.
        names: the valid names.
        prefix: text to put before the suggested name.
    """
    valid = list(names)
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {prefix}{close[0]}?"
    return f" (there are {', '.join(valid)})" if valid else " (there are none)"


def nearest_file(path: str | Path) -> str:
    """Return the end of a message about a missing file: a similar name in its folder.

    Returns:
        An empty text if the folder has no such file.
    """
    path = Path(path)
    try:
        names = [file.name for file in path.parent.iterdir()]
    except OSError:
        return ""
    # A name that differs only in digits is another video, not a misspelling.
    letters = re.sub(r"\d", "", path.name)
    names = [name for name in names if re.sub(r"\d", "", name) != letters]
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.7)
    return f" (did you mean {plain(path.with_name(close[0]))}?)" if close else ""
