"""Tables as lines of text, for a terminal or a file that a person reads."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

# Wider than any table: nothing is wrapped or cut.
_WIDTH = 1_000_000


def text_table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Lines of a table, without colours, its columns as wide as they need.

    Column `left` has names, the others have numbers, aligned right.
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
    """A text as it is: rich reads a str as markup, and a terminal obeys control characters."""
    return Text("".join(char if char.isprintable() else " " for char in text))
