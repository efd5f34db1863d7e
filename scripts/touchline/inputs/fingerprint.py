"""A fingerprint of a file's content that is cheap enough to compute before every run."""

from __future__ import annotations

import hashlib
from pathlib import Path

from touchline.core.records import Manifest
from touchline.errors import InputError

_SAMPLES = 16
_SAMPLE_BYTES = 1 << 16


def fingerprint(path: str | Path) -> str:
    """Return the SHA-256 hash of a file's size and of 16 samples of its content.

    The samples include the first and the last bytes. Moving or copying the file does not change the
    fingerprint. Encoding the video again changes the fingerprint.
    """
    size = Path(path).stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with Path(path).open("rb") as file:
        for k in range(_SAMPLES):
            file.seek(max(0, size - _SAMPLE_BYTES) * k // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def content_id(path: str | Path) -> str | None:
    """Return a file's fingerprint, to detect before a run whether its content has changed.

    If the file cannot be read, return the system's reason. The job that reads the file reports the
    error.
    """
    try:
        return fingerprint(path)
    except OSError as error:
        return error.strerror


def check_fingerprint(path: str | Path, manifest: Manifest) -> None:
    """Check that a video still has the content that was probed.

    Raises:
        InputError: the file cannot be read, or its content has changed.
    """
    try:
        same = fingerprint(path) == manifest.fingerprint
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    if not same:
        raise InputError(f"{path} has changed since the probe. Run again to probe it again.")
