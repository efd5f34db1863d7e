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

from touchline.core.files import replacing
from touchline.errors import InputError

# What a column holds, as pandas names it: texts, whole numbers, numbers, and yes or no. A text can
# be empty; of the others only those with a capital letter, and "boolean", can have empty cells.
Dtype = Literal["str", "int64", "Int64", "float64", "Float64", "bool", "boolean"]

# A spreadsheet runs a cell that starts with one of these as a formula; the last is our own mark
# against that.
_FORMULA = tuple("=+-@＝＋－＠'")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of CSV file: what its columns are called and what they hold.

    Attributes:
        columns: name and type of each, in order.
    """

    columns: Sequence[tuple[str, Dtype]]

    def frame(self, rows: Iterable[Sequence[object]]) -> DataFrame:
        """Put rows together; None is an empty text, else a missing value."""
        cells = list(zip(*rows, strict=True)) or [()] * len(self.columns)
        series = []
        for (name, dtype), column in zip(self.columns, cells, strict=True):
            empty = "" if dtype == "str" else None
            values = [empty if cell is None else cell for cell in column]
            series.append((name, Series(values, dtype=dtype)))
        return _joined(series)

    def write(self, path: str | Path, frame: DataFrame) -> None:
        """Write a CSV file, one line a row; texts are made harmless.

        A missing value is an empty cell, a bool is yes or no, a number is as Python writes it.
        """
        # By their places: a class can have the name of another column.
        cells = [
            (_harmless(name), _written(frame.iloc[:, place], dtype))
            for place, (name, dtype) in enumerate(self.columns)
        ]
        with replacing(path) as file:
            _joined(cells).to_csv(file, index=False, lineterminator="\n")

    def read(self, path: str | Path) -> DataFrame:
        """Read a CSV file that `write` wrote, or any other that has these columns.

        The file is split by Python's csv: pandas takes a row that was cut off for a row with empty
        cells, the text "NA" for a missing value, and "007" for a number.

        Raises:
            InputError: the file cannot be read, lacks a column, has a cell that is not of its
                column's type, or a row with too few or too many cells.
        """
        cells = _cells(path)
        lacking = [name for name, _ in self.columns if name not in cells]
        if lacking:
            raise InputError(f"{path} is another table: it has no column {', '.join(lacking)}.")
        try:
            return _joined(
                [(name, _read(name, cells[name], dtype)) for name, dtype in self.columns]
            )
        except (ValueError, OverflowError) as error:
            raise InputError(f"{path}, {error}.") from error


def column_names(path: str | Path) -> list[str]:
    """Read the names of a CSV file's columns.

    Raises:
        InputError: the file cannot be read.
    """
    return list(_cells(path))


def _cells(path: str | Path) -> dict[str, list[str]]:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        return {_original(name): column for name, *column in zip(head, *rows, strict=True)}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path} is not a table with a heading: {error}.") from error


def columns(dtype: Dtype, names: Iterable[str]) -> list[tuple[str, Dtype]]:
    """Several columns of one type, as a `Table` has them."""
    return [(name, dtype) for name in names]


def _joined(named: Iterable[tuple[str, Series]]) -> DataFrame:
    """Columns, each with its name, as a frame. Two can have the same name."""
    names, series = zip(*named, strict=True)
    return pd.concat(series, axis=1).set_axis(list(names), axis=1)


def _written(column: Series, dtype: Dtype) -> Series:
    if dtype == "str":
        return column.map(_harmless)
    return column.map({True: "yes", False: "no"}) if dtype in ("bool", "boolean") else column


def _read(name: str, cells: Sequence[str], dtype: Dtype) -> Series:
    """A column from the texts of its cells.

    Raises:
        ValueError: a cell is not of the type; the message has its line and column.
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
    """A text that is neither run as a formula nor broken over lines."""
    text = _CONTROL.sub(" ", text)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _original(cell: str) -> str:
    return cell[1:] if cell.startswith("'") else cell


def _yes_or_no(cell: str) -> bool:
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
