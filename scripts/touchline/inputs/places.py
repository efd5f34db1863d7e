"""Paths that a user gives: as a shell takes them, and as the disk spells them."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

from touchline.errors import InputError, plain


def expanded(path: str | Path) -> str:
    """Replace ~ and $HOME in a path, as a shell does."""
    return os.path.expandvars(os.path.expanduser(path))


def as_on_disk(path: str) -> str:
    """Return a path with its accents as the disk has them.

    Unicode has two forms of é, one letter (NFC) or a letter and an accent (NFD). Tables and files
    from a Mac often have the second. Linux takes the two for different names.

    Returns:
        The path as it is, if no file has its name in the other form.
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
    """Refuse a path that is not in UTF-8, which JSON files and Snakemake cannot name.

    Raises:
        InputError: says which file or folder to rename, and how.
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
    """Refuse a file or folder that Snakemake is to read or write, and whose path has braces.

    Raises:
        InputError: asks for another name.
    """
    if re.search("[{}]", str(path)):
        raise InputError(
            f"{plain(path)} has braces in its path, and Snakemake takes a word in braces for a "
            "wildcard; use a name without { and }."
        )


def _is_utf8(text: str) -> bool:
    """Whether a name came from the system in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _quoted(path: Path) -> str:
    """A path for a shell, with bytes that are no text as numbers."""
    if _is_utf8(str(path)) and "'" not in str(path):
        return f"'{path}'"
    letters = (
        chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}"
        for byte in os.fsencode(path)
    )
    return f"$'{''.join(letters)}'"
