"""CSV files that are safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from touchline.core.files import replacing
from touchline.errors import InputError

# A spreadsheet runs a cell that starts so as a formula; the last is our own mark against it.
_FORMULA = tuple("=+-@＝＋－＠'")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def write_table(path: str | Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file, one line a row; texts are made harmless.

    None is an empty cell, a bool is yes or no.
    """
    with replacing(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([_harmless(column) for column in columns])
        writer.writerows([_harmless(cell) for cell in row] for row in rows)


def read_table(path: str | Path) -> list[dict[str, str]]:
    """Read a CSV file that `write_table` wrote, each row by column.

    Raises:
        InputError: the file cannot be read, or a row has too few or too many cells.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            columns, *rows = [[_original(cell) for cell in row] for row in csv.reader(file)]
        return [dict(zip(columns, row, strict=True)) for row in rows]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path} is not a table with a heading: {error}.") from error


def aligned(table: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Lines of a table for the terminal, with columns as wide as they need.

    Column `left` has names, the others have numbers, aligned right.
    """
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index == left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]


def _harmless(cell: Any) -> Any:
    """A cell that is neither run as a formula nor broken over lines."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if not isinstance(cell, str):
        return cell
    text = _CONTROL.sub(" ", cell)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _original(cell: str) -> str:
    return cell[1:] if cell.startswith("'") else cell
