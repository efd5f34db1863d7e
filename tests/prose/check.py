"""Check the English of documents, docstrings, comments, messages and test names.

Usage: python tests/prose/check.py [FILE ...]; without files, everything that git tracks.

CONTRIBUTING.md has the rules in words.
"""

from __future__ import annotations

import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from proselint.checks import __register__ as proselint_checks
from proselint.config import Config
from proselint.registry import CheckRegistry
from proselint.tools import LintFile
from sources import Text, columns_of_tables, texts_in

from rules import EVERYWHERE, docstring_start, fault_of_test_name

_README_LINES = 150
_MOST_COLUMNS = 8

# Ours, and those of proselint's that find padding.
_CHECKS = {"touchline": True, "archaism": True, "redundancy": True, "needless_variants": True}


def main(arguments: Sequence[str]) -> int:
    """Print one line per fault. Return 1 if there are any."""
    patterns = ["*.md", "*.rst", "*.py", "*.js", "*.j2", "*.smk", "*.yaml", "Snakefile", "Makefile"]
    paths = arguments or subprocess.run(
        ["git", "ls-files", *patterns], check=True, text=True, capture_output=True
    ).stdout.split("\n")
    register_checks()
    faults = 0
    for path in (Path(each) for each in paths if each):
        for line, kind, fault, words in faults_in(path):
            print(f"{path}:{line}: {kind}: {fault}: {words[:90]}")
            faults += 1
    if faults:
        print(f"{faults} texts would be read twice.")
    return int(faults > 0)


def register_checks() -> None:
    """Make our checks and proselint's known to proselint's registry."""
    registry = CheckRegistry()
    if not registry.checks:
        registry.register_many((*EVERYWHERE, *proselint_checks))


def faults_in(path: Path) -> Iterator[tuple[int, str, str, str]]:
    """Find the faults of one file.

    Yields:
        The line, the kind of text, the fault and the text.
    """
    texts = [text for text in texts_in(path) if text.words]
    for text in texts:
        if text.kind == "test name" and (fault := fault_of_test_name(text.words)):
            yield text.line, text.kind, fault, text.words
        if text.is_first and (start := docstring_start(text.words)):
            fault = f"starts with “{start}”; start with a verb or a noun"
            yield text.line, text.kind, fault, text.words
    yield from _sentence_faults([text for text in texts if text.kind != "test name"])
    if path.suffix == ".md":
        yield from _layout_faults(path)


def _sentence_faults(texts: Sequence[Text]) -> Iterator[tuple[int, str, str, str]]:
    """Apply the checks of proselint's registry to the texts of one file."""
    if not texts:
        return
    gap = "\n\n"
    # LintFile puts a line break in front.
    starts = list(accumulate((len(text.words) + len(gap) for text in texts), initial=1))
    content = gap.join(text.words for text in texts)
    config: Config = {"max_errors": len(content), "checks": _CHECKS}
    for result in LintFile(str(texts[0].path), content).lint(config):
        begin = result.check_result.span[0]
        text = texts[bisect_right(starts, begin) - 1]
        yield text.line, text.kind, result.check_result.message, text.words


def _layout_faults(path: Path) -> Iterator[tuple[int, str, str, str]]:
    """Find tables that are too wide, and a README that is too long."""
    for line, columns in columns_of_tables(path):
        if columns > _MOST_COLUMNS:
            yield line, "table", f"{columns} columns; write at most {_MOST_COLUMNS}", ""
    lines = path.read_text(encoding="utf-8").count("\n")
    if path == Path("README.md") and lines >= _README_LINES:
        yield lines, "document", f"write fewer than {_README_LINES} lines", ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
