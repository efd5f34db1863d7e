"""Tables as lines of text, for a terminal or a text file."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

# Wider than any table, so that nothing is wrapped or cut.
_WIDTH = 1_000_000


def text_table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Format a table as lines of text, without colours. Columns are as wide as their longest cell.

    Args:
        columns: headings of the columns.
        rows: cells of each row.
        left: index of the only column that is aligned left. It contains names. All other columns
            contain numbers and are aligned right.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, name in enumerate(columns):
        justify: JustifyMethod = "left" if place == left else "right"
        table.add_column(_plain(name), justify=justify, no_wrap=True)
    for row in rows:
        table.add_row(*map(_plain, row))
    file = io.StringIO()
    Console(file=file, width=_WIDTH, color_system=None, force_terminal=False).print(table)
    return [line.rstrip() for line in file.getvalue().split("\n")[:-1]]


def _plain(text: str) -> Text:
    """Make a text safe for rich: no markup, and spaces instead of control characters."""
    return Text("".join(char if char.isprintable() else " " for char in text))
