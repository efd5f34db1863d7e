"""What a worker has answered so far, so that the next attempt goes on from there.

A journal is a folder of JSON Lines files, one a process, each line a window. Nobody ever
writes to another's file: two workers on one slice (an old job that outlived its
Snakemake, and the new one) cannot mix their lines, on any file system and without locks.

Features are binary, so they lie in a second file beside a process's lines. They are written before
the line of their window: whoever reads the line finds them, or takes the window for unanswered.
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
# Before the features of each window: its number, their length in bytes, and their checksum.
_HEAD = struct.Struct("<III")


def journal_key(**identity: Any) -> str:
    """A name for all that shapes an answer: another key is another journal.

    Args:
        identity: values that JSON can hold.
    """
    text = json.dumps(identity, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Line(WindowOutcome):
    """A line of a journal: a window, and when it was written. The time goes no further."""

    at: float = Field(default=0.0, ge=0, description="seconds since 1970")


class Journal:
    """The windows of a slice that are answered.

    Args:
        folder: of this slice.
        key: see `journal_key`.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder / key

    def read(self, *, with_features: bool = False) -> dict[int, WindowOutcome]:
        """The answered windows by their number.

        A line that a killed worker left unfinished is passed over, and so are windows that
        were skipped: they are done again.

        Args:
            with_features: whether windows that were answered without features are done again, too.
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
        """A file of this process's own, to add windows to."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{os.uname().nodename}-{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
        with ExitStack() as closing:
            # What a full disk refuses when the file is closed counts, too.
            closing.enter_context(name_file_in_errors(self._folder / name))
            file = closing.enter_context((self._folder / name).open("w", encoding="utf-8"))
            yield Writer(file, closing)


def read_lines(folder: Path) -> Iterator[Line]:
    """The lines of all the files in a folder, which is a slice's and of one key."""
    for file in _files(folder):
        yield from _lines(file)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def _lines(file: Path) -> Iterator[Line]:
    for text in file.read_bytes().splitlines():
        try:
            yield Line.model_validate_json(text)
        except ValidationError:
            log.info("%s has an unfinished line: that window is done again.", file)


def read_features(lines: Path) -> dict[int, bytes]:
    """Read the features beside a file of lines, by number of the window.

    What a killed worker left unfinished, and all behind it, is passed over.
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
    """Adds windows to a journal; a window is safe from a kill once `add` returns."""

    def __init__(self, file: IO[str], closing: ExitStack) -> None:
        self._file, self._closing = file, closing
        self._features: IO[bytes] | None = None

    def add(self, record: WindowOutcome) -> None:
        line = Line(**dict(record), at=round(time.time(), 3))
        if line.features:
            self._add_features(line.window, line.features)
        with name_file_in_errors(self._file.name):
            self._file.write(line.model_dump_json() + "\n")
            self._file.flush()

    def _add_features(self, window: int, features: bytes) -> None:
        path = Path(self._file.name).with_suffix(_FEATURES)
        with name_file_in_errors(path):
            if self._features is None:
                self._features = self._closing.enter_context(path.open("wb"))
            head = _HEAD.pack(window, len(features), zlib.crc32(features))
            self._features.write(head + features)
            self._features.flush()
