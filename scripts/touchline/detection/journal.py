"""What a worker has answered so far, so that the next attempt goes on from there.

A journal is a folder of JSON Lines files, one a process, each line a window. Nobody ever
writes to another's file: two workers on one slice (an old job that outlived its
Snakemake, and the new one) cannot mix their lines, on any file system and without locks.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pydantic import Field, ValidationError

from touchline.core.disk import writing
from touchline.core.records import TRIED_AGAIN, WindowOutcome

log = logging.getLogger(__name__)


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

    def read(self) -> dict[int, WindowOutcome]:
        """The answered windows by their number.

        A line that a killed worker left unfinished is passed over, and so are windows that
        were skipped: they are done again.
        """
        answered: dict[int, WindowOutcome] = {}
        for line in read_lines(self._folder):
            if line.status not in TRIED_AGAIN:
                record = WindowOutcome.model_validate(line.model_dump(exclude={"at"}))
                answered.setdefault(record.window, record)
        return answered

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """A file of this process's own, to add windows to."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{os.uname().nodename}-{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
        file = (self._folder / name).open("w", encoding="utf-8")
        try:
            yield Writer(file)
        finally:
            with writing(file.name):
                file.close()


def read_lines(folder: Path) -> Iterator[Line]:
    """The lines of all the files in a folder, which is a slice's and of one key."""
    for file in sorted(folder.glob("*.jsonl")):
        for text in file.read_bytes().splitlines():
            try:
                yield Line.model_validate_json(text)
            except ValidationError:
                log.info("%s has an unfinished line: that window is done again.", file)


class Writer:
    """Adds windows to a journal; a window is safe from a kill once `add` returns."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def add(self, record: WindowOutcome) -> None:
        line = Line(**dict(record), at=round(time.time(), 3))
        with writing(self._file.name):
            self._file.write(line.model_dump_json() + "\n")
            self._file.flush()
