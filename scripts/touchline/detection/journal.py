"""Keep the answers of a worker, so that the next attempt resumes from them.

A journal is a folder of JSON Lines files. Each process writes its own file, with one line per
window. Therefore two workers on one slice (an old job that still runs after its Snakemake process
ended, and the new job) cannot mix their lines. This works on any file system and without locks.

Features are binary, so each process writes them to a second file beside its file of lines. They are
written before the line of their window. A reader of the line either finds its features or treats
the window as unanswered.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import struct
import time
import uuid
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from pydantic import Field, ValidationError

from touchline.core.disk import name_file_in_errors
from touchline.core.records import TRIED_AGAIN, UNANSWERED, WindowOutcome

log = logging.getLogger(__name__)

_FEATURES = ".features"
# Header before the features of each window: its number, their length in bytes, their checksum.
_HEAD = struct.Struct("<III")


def journal_key(**identity: Any) -> str:
    """Return a hash of everything that affects answers. Journals with another hash are not used.

    Args:
        identity: JSON-compatible values that affect answers.
    """
    text = json.dumps(identity, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Line(WindowOutcome):
    """A line of a journal: the outcome of a window and the time of writing.

    The time is not part of the outcome in the ledger.
    """

    at: float = Field(default=0.0, ge=0, description="seconds since 1970")


class Journal:
    """The answered windows of a slice.

    Args:
        folder: folder of the slice's journal.
        key: name of the journal, from `journal_key`.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder / key

    def read(self, *, with_features: bool = False) -> dict[int, WindowOutcome]:
        """Read the answered windows, by number.

        Lines that a killed worker left unfinished are ignored, and so are skipped windows. In both
        cases, the windows are answered again.

        Args:
            with_features: whether to ignore answered windows that have no features.
        """
        answered: dict[int, WindowOutcome] = {}
        for file in _files(self._folder):
            features = read_features(file) if with_features else {}
            for line in _lines(file):
                if line.status in TRIED_AGAIN or line.window in answered:
                    continue
                if with_features and line.status not in UNANSWERED and line.window not in features:
                    continue
                found = line.model_dump(exclude={"at"})
                found["features"] = features.get(line.window, b"")
                answered[line.window] = WindowOutcome.model_validate(found)
        return answered

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Open a new file of this process in the journal, to add windows."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{os.uname().nodename}-{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
        with ExitStack() as closing:
            # A full disk may fail only when the file is closed.
            closing.enter_context(name_file_in_errors(self._folder / name))
            file = closing.enter_context((self._folder / name).open("w", encoding="utf-8"))
            yield Writer(file, closing)


def read_lines(folder: Path) -> Iterator[Line]:
    """Read every line of one journal.

    Args:
        folder: folder of a journal. It is named by a `journal_key` and is in the folder of a slice.
    """
    for file in _files(folder):
        yield from _lines(file)


def _files(folder: Path) -> list[Path]:
    """Return the files in a journal that contain lines."""
    return sorted(folder.glob("*.jsonl"))


def _lines(file: Path) -> Iterator[Line]:
    """Yield the valid lines of a file."""
    for text in file.read_bytes().splitlines():
        try:
            yield Line.model_validate_json(text)
        except ValidationError:
            log.info("%s has an unfinished line. Its window is repeated.", file)


def read_features(lines: Path) -> dict[int, bytes]:
    """Read the features that belong to the file `lines`, by number of the window.

    Features that a killed worker left unfinished, and everything after them, are ignored.
    """
    file = lines.with_suffix(_FEATURES)
    content = file.read_bytes() if file.exists() else b""
    found: dict[int, bytes] = {}
    place = 0
    while place + _HEAD.size <= len(content):
        window, length, checksum = _HEAD.unpack_from(content, place)
        features = content[place + _HEAD.size :][:length]
        if len(features) < length or zlib.crc32(features) != checksum:
            break
        found[window] = features
        place += _HEAD.size + length
    return found


class Writer:
    """A writer of a journal.

    Once `add` has returned, a window is kept even if the process is killed.
    """

    def __init__(self, file: IO[str], closing: ExitStack) -> None:
        self._file, self._closing = file, closing
        self._features: IO[bytes] | None = None

    def add(self, record: WindowOutcome) -> None:
        """Write the outcome of a window with its features."""
        line = Line(**dict(record), at=round(time.time(), 3))
        if line.features:
            self._add_features(line.window, line.features)
        with name_file_in_errors(self._file.name):
            self._file.write(line.model_dump_json() + "\n")
            self._file.flush()

    def _add_features(self, window: int, features: bytes) -> None:
        """Write the features of a window to the second file."""
        path = Path(self._file.name).with_suffix(_FEATURES)
        with name_file_in_errors(path):
            if self._features is None:
                self._features = self._closing.enter_context(path.open("wb"))
            head = _HEAD.pack(window, len(features), zlib.crc32(features))
            self._features.write(head + features)
            self._features.flush()
