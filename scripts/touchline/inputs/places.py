"""Paths from the user: expanded as by a shell, and spelled as on the disk."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

from touchline.errors import InputError, plain


def expand_path(path: str | Path) -> str:
    """Replace ~ and $HOME in a path, as a shell does."""
    return os.path.expandvars(os.path.expanduser(path))


def as_on_disk(path: str) -> str:
    """Return a path with its accents in the form that the disk uses.

    Unicode has two forms of é: one letter (NFC), or a letter and an accent (NFD). Tables and files
    from a Mac often have the second form. Linux treats the two forms as different names.

    Returns:
        The unchanged path if no file has this name in the other form.
    """
    if path.isascii() or os.path.lexists(path):
        return path
    found = Path()
    for part in Path(path).parts:
        spelled = found / part
        if not os.path.lexists(spelled):
            names = {_composed(name): name for name in _names_in(found)}
            if _composed(part) not in names:
                return path
            spelled = found / names[_composed(part)]
        found = spelled
    return str(found)


def check_name(path: str | Path) -> None:
    """Reject a path that is not UTF-8. Snakemake cannot handle it, and JSON cannot store it.

    Raises:
        InputError: the path is not UTF-8. The message says how to rename the file or folder.
    """
    parts = Path(path).parts
    for depth, part in enumerate(parts, start=1):
        if not _is_utf8(part):
            old = Path(*parts[:depth])
            name = os.fsencode(part).decode("cp1252", "replace").replace("/", "_")
            raise InputError(
                f"{plain(path)}: the name {plain(part)} is not in UTF-8, perhaps in Latin-1; "
                f"rename it: mv {_quoted(old)} {_quoted(old.with_name(name))}"
            )


def check_braces(path: str | Path) -> None:
    """Reject a path with braces, because Snakemake would read them as wildcards.

    Raises:
        InputError: the path has braces.
    """
    if re.search("[{}]", str(path)):
        raise InputError(
            f"{plain(path)} has braces in its path, and Snakemake reads a word in braces as a "
            "wildcard. Use a name without { and }."
        )


def _is_utf8(text: str) -> bool:
    """Return whether the bytes of a file's name are UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _composed(name: str) -> str:
    """Return a name with each accented letter as one character."""
    return unicodedata.normalize("NFC", name)


def _names_in(folder: Path) -> list[str]:
    """Return the names in a folder, or an empty list if the folder cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _quoted(path: Path) -> str:
    """Quote a path for a shell. Bytes that are no text become numbers."""
    if _is_utf8(str(path)) and "'" not in str(path):
        return f"'{path}'"
    letters = (
        chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}"
        for byte in os.fsencode(path)
    )
    return f"$'{''.join(letters)}'"
