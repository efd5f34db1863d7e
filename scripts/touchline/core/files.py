"""Files that are either whole or not there."""

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

from touchline.core.disk import hidden, writing
from touchline.core.records import HashedFile
from touchline.errors import InputError, nearest_file


@contextmanager
def replacing(path: str | Path) -> Iterator[IO[str]]:
    """Open a text file to write that takes the place of `path` only when all went well.

    The text goes to a temporary name in the same folder and is renamed, so a
    reader never meets half a file and a failure leaves the old one as it was.
    """
    with (
        _replacement(path) as temporary,
        temporary.open("x", encoding="utf-8", newline="") as file,
    ):
        yield file


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a binary file, as `replacing` writes text."""
    with _replacement(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def _replacement(path: str | Path) -> Iterator[Path]:
    """Give a temporary name in the folder of `path`, whose file takes the place of `path`."""
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not by tempfile, whose files are private: results are shared like any other file.
        temporary = path.with_name(f"{hidden(path)}{uuid.uuid4().hex[:8]}")
        try:
            yield temporary
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_json(path: str | Path, value: Any) -> None:
    """Write a JSON file, indented, refusing NaN (which is not JSON)."""
    with replacing(path) as file:
        json.dump(value, file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def write_json_lines(path: str | Path, values: Iterable[Any]) -> None:
    """Write a JSON Lines file: one value a line."""
    with replacing(path) as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8."""
    with replacing(path) as file:
        file.write(text)


def read_text(path: str | Path) -> str:
    """Read a text file in UTF-8, without a byte order mark.

    Raises:
        InputError: there is no such file, or it is not text.
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
        found = "it is in UTF-16" if is_16 else f"line {line} has another byte"
        raise InputError(f"{path} is not text in UTF-8 ({found}); save it as UTF-8.") from error
    # As files opened as text have it.
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: there is no such file, or it is not JSON in UTF-8.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a JSON file: {error}.") from error


def hashed(path: Path, name: str) -> HashedFile:
    """A file with its size and SHA-256.

    Args:
        name: what it is called in a list of files.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            return HashedFile(path=name, bytes=file.tell(), sha256=digest.hexdigest())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


R = TypeVar("R", bound=BaseModel)


def read_record(path: str | Path, kind: type[R]) -> R:
    """Read a JSON file that the workflow wrote.

    Raises:
        InputError: it cannot be read or is not of that kind.
    """
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        name = re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__).lower()
        raise InputError(
            f"{path} is not a {name} of this version; delete it and run again."
        ) from error
