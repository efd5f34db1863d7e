"""Tables as CSV files that are safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from pandas import DataFrame, Series

from touchline.core.files import replace_file
from touchline.errors import InputError

# Column types by their pandas names. Only "str", "Int64", "Float64" and "boolean" columns can have
# empty cells.
Dtype = Literal["str", "int64", "Int64", "float64", "Float64", "bool", "boolean"]

# A spreadsheet runs a cell that starts with one of these characters as a formula. The last one is
# the mark by which `Table.write` prevents this.
_FORMULA = tuple("=+-@＝＋－＠'")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of CSV file: the names and types of its columns.

    Attributes:
        columns: name and type of each column, in order.
    """

    columns: Sequence[tuple[str, Dtype]]

    def frame(self, rows: Iterable[Sequence[object]]) -> DataFrame:
        """Build a frame from rows.

        None becomes an empty text in text columns, and a missing value in all other columns.
        """
        cells = list(zip(*rows, strict=True)) or [()] * len(self.columns)
        series = []
        for (name, dtype), column in zip(self.columns, cells, strict=True):
            empty = "" if dtype == "str" else None
            values = [empty if cell is None else cell for cell in column]
            series.append((name, Series(values, dtype=dtype)))
        return _joined(series)

    def write(self, path: str | Path, frame: DataFrame) -> None:
        """Write a frame as a CSV file with one line per row.

        A missing value becomes an empty cell, and a bool becomes yes or no. Numbers are written as
        Python writes them. Texts that a spreadsheet would run as a formula are made harmless.
        """
        # Columns are selected by place, because a class can have the name of another column.
        cells = [
            (_harmless(name), _written(frame.iloc[:, place], dtype))
            for place, (name, dtype) in enumerate(self.columns)
        ]
        with replace_file(path) as file:
            _joined(cells).to_csv(file, index=False, lineterminator="\n")

    def read(self, path: str | Path) -> DataFrame:
        """Read a CSV file that has at least these columns.

        Python's csv module splits the file. pandas would fill up incomplete rows, read the text
        "NA" as a missing value and read "007" as a number.

        Raises:
            InputError: the file cannot be read, lacks a column, has a cell of the wrong type, or
                has a row with too few or too many cells.
        """
        cells = _cells(path)
        lacking = [name for name, _ in self.columns if name not in cells]
        if lacking:
            raise InputError(f"{path} has no column {', '.join(lacking)}.")
        try:
            return _joined(
                [(name, _read(name, cells[name], dtype)) for name, dtype in self.columns]
            )
        except (ValueError, OverflowError) as error:
            raise InputError(f"{path}, {error}.") from error


def column_names(path: str | Path) -> list[str]:
    """Read the column names of a CSV file.

    Raises:
        InputError: the file cannot be read.
    """
    return list(_cells(path))


def _cells(path: str | Path) -> dict[str, list[str]]:
    """Read the cells of a CSV file, by column."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        return {_original(name): column for name, *column in zip(head, *rows, strict=True)}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path} is not a table with a heading: {error}.") from error


def columns(dtype: Dtype, names: Iterable[str]) -> list[tuple[str, Dtype]]:
    """Return the names as columns of one type, for use in a `Table`."""
    return [(name, dtype) for name in names]


def _joined(named: Iterable[tuple[str, Series]]) -> DataFrame:
    """Make a frame of named columns. Two columns can have the same name."""
    names, series = zip(*named, strict=True)
    return pd.concat(series, axis=1).set_axis(list(names), axis=1)


def _written(column: Series, dtype: Dtype) -> Series:
    """Convert a column to the values that the CSV file contains."""
    if dtype == "str":
        return column.map(_harmless)
    return column.map({True: "yes", False: "no"}) if dtype in ("bool", "boolean") else column


def _read(name: str, cells: Sequence[str], dtype: Dtype) -> Series:
    """Convert the texts of a column's cells to values of its type.

    Raises:
        ValueError: a cell does not fit the type. The message gives the line and the column.
    """
    parse = _PARSE[dtype.lower()]
    may_lack = dtype in ("Int64", "Float64", "boolean")
    values: list[object] = []
    for line, cell in enumerate(cells, start=2):
        try:
            values.append(None if may_lack and not cell else parse(cell))
        except ValueError as error:
            raise ValueError(f"line {line}, column {name}: {error}") from error
    return Series(values, dtype=dtype)


def _harmless(text: str) -> str:
    """Make a text safe for a spreadsheet: it is not run as a formula and stays on one line."""
    text = _CONTROL.sub(" ", text)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _original(cell: str) -> str:
    """Remove the mark that `_harmless` put in front of a text."""
    return cell[1:] if cell.startswith("'") else cell


def _yes_or_no(cell: str) -> bool:
    """Parse yes or no."""
    if cell not in ("yes", "no"):
        raise ValueError(f"{cell!a} is neither yes nor no")
    return cell == "yes"


_PARSE: Mapping[str, Callable[[str], object]] = {
    "str": _original,
    "int64": int,
    "float64": float,
    "bool": _yes_or_no,
    "boolean": _yes_or_no,
}
