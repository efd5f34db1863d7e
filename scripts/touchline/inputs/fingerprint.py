"""The identity of a file's content, cheap enough to ask before every run."""

from __future__ import annotations

import hashlib
from pathlib import Path

from touchline.core.records import Manifest
from touchline.errors import InputError

_SAMPLES = 16
_SAMPLE_BYTES = 1 << 16


def fingerprint(path: str | Path) -> str:
    """SHA-256 of a file's size and 16 samples of its content, first and last bytes included.

    Moving, copying or touching the file does not change it; encoding it again does.
    """
    size = Path(path).stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with Path(path).open("rb") as file:
        for k in range(_SAMPLES):
            file.seek(max(0, size - _SAMPLE_BYTES) * k // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def content_of(path: str | Path) -> str | None:
    """A file's fingerprint, to see before a run whether its content has changed.

    Of a file that cannot be read it is the system's reason: the job that reads it says the rest.
    """
    try:
        return fingerprint(path)
    except OSError as error:
        return error.strerror


def check_fingerprint(path: str | Path, manifest: Manifest) -> None:
    """Make sure that a video is the one that was probed.

    Raises:
        InputError: it is gone, or its content is another.
    """
    try:
        same = fingerprint(path) == manifest.fingerprint
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    if not same:
        raise InputError(f"{path} has changed since it was probed; run again to probe it again.")
