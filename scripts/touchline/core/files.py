"""Functions that read files and write them atomically: a file is either complete or absent."""

from __future__ import annotations

import codecs
import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from pydantic import BaseModel, ValidationError

from touchline.core.disk import name_file_in_errors, temporary_prefix
from touchline.core.records import HashedFile
from touchline.errors import InputError, nearest_file


@contextmanager
def replace_file(path: str | Path) -> Iterator[IO[str]]:
    """Open a text file for writing. It replaces `path` only if no error occurs.

    The text goes to a temporary file in the same folder, which is then renamed to `path`. A reader
    never sees an incomplete file. After an error, the old file is unchanged.
    """
    with (
        _replacement(path) as temporary,
        temporary.open("x", encoding="utf-8", newline="") as file,
    ):
        yield file


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a binary file. It replaces `path` only when it is complete."""
    with _replacement(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def _replacement(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`. On success, rename its file to `path`."""
    path = Path(path)
    with name_file_in_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # tempfile would make the file private, but other users may read results.
        temporary = path.with_name(f"{temporary_prefix(path)}{uuid.uuid4().hex[:8]}")
        try:
            yield temporary
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_json(path: str | Path, value: Any) -> None:
    """Write an indented JSON file. Refuse NaN, which is not valid JSON."""
    with replace_file(path) as file:
        json.dump(value, file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def write_json_lines(path: str | Path, values: Iterable[Any]) -> None:
    """Write a JSON Lines file with one value per line."""
    with replace_file(path) as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file."""
    with replace_file(path) as file:
        file.write(text)


def read_text(path: str | Path) -> str:
    """Read a UTF-8 text file and drop a byte order mark at its start.

    Raises:
        InputError: the file cannot be read or is not UTF-8 text.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}{nearest_file(path)}.") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        is_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        found = "it is in UTF-16" if is_16 else f"line {line} has an invalid byte"
        raise InputError(f"{path} is not UTF-8 text ({found}). Save it as UTF-8.") from error
    # Files opened in text mode have the same line ends.
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: the file cannot be read or is not JSON in UTF-8.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a JSON file: {error}.") from error


def hash_file(path: Path, name: str) -> HashedFile:
    """Return the size and the SHA-256 hash of a file.

    Args:
        path: the file to hash.
        name: the name of the file in the returned record.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            return HashedFile(path=name, bytes=file.tell(), sha256=digest.hexdigest())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


R = TypeVar("R", bound=BaseModel)


def read_record(path: str | Path, kind: type[R]) -> R:
    """Read a JSON file that the workflow wrote, as a record of type `kind`.

    Raises:
        InputError: the file cannot be read or does not fit the type.
    """
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        name = re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__).lower()
        raise InputError(
            f"{path} is not a {name} of this version. Delete the file and run again."
        ) from error
