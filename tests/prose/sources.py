"""The texts that people read: documents, docstrings, comments, messages and names of tests."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["document", "docstring", "comment", "message", "test name"]

# A shorter string is a key, a column or a path rather than a sentence.
_LEAST_WORDS = 4

# Stands for code, a link or a value within a sentence.
_PLACEHOLDER = "CODE"


# The mark of an item, a heading or a quotation in Markdown; and the lines that begin a paragraph.
_MARK = r"^\s*([-*]|\d+\.|#+|>)\s+"
_BEGIN = r"\s*([-*]|\d+\.)\s|#"


@dataclass(frozen=True)
class Text:
    """One text.

    Attributes:
        line: number of its first line in the file.
        words: the text, with code and values replaced by a placeholder.
        is_first: whether it is the first paragraph of a docstring.
    """

    path: Path
    line: int
    kind: Kind
    words: str
    is_first: bool = False


@dataclass(frozen=True)
class _Line:
    """A line of text.

    Attributes:
        number: its number in the file.
        words: its words; "" if it ends a paragraph.
        begins: whether a paragraph begins with it.
    """

    number: int
    words: str
    begins: bool


def texts_in(path: Path) -> Iterator[Text]:
    """Read the texts of one file.

    Raises:
        ValueError: the file is of no known type.
    """
    source = path.read_text(encoding="utf-8")
    if path.suffix in (".md", ".rst"):
        yield from _paragraphs(path, source)
    elif path.suffix == ".py":
        tree = ast.parse(source)
        yield from _docstrings(path, tree)
        if "tests" not in path.parts:
            yield from _messages(path, tree)
        yield from _test_names(path, tree)
        yield from _python_comments(path, source)
    elif path.suffix == ".js":
        yield from _script_texts(path, source)
    elif path.suffix == ".j2":
        yield from _template_texts(path, source)
    elif path.suffix in (".yaml", ".smk") or path.name in ("Snakefile", "Makefile"):
        yield from _comments(path, source)
    else:
        raise ValueError(f"{path}: texts of this type of file cannot be read")


def _paragraphs(path: Path, source: str) -> Iterator[Text]:
    """Split Markdown into paragraphs, list items, cells of tables and headings, without code."""
    # Code keeps its lines, so that numbers of lines stay right.
    without_code = re.sub(
        r"^```.*?^```", lambda code: "\n" * code[0].count("\n"), source, flags=re.M | re.S
    )
    lines = list[_Line]()
    for number, line in enumerate(without_code.split("\n"), start=1):
        is_row = line.startswith("|")
        # Within an item of a list, indented lines continue the item.
        is_code = line.startswith("    ") and not (lines and lines[-1].words)
        if is_row:
            for cell in line.strip().strip("|").split(" | "):
                yield Text(path, number, "document", _plain(cell))
        words = "" if is_row or is_code else re.sub(_MARK, "", line).strip()
        lines.append(_Line(number, words, begins=bool(re.match(_BEGIN, line))))
    for start, words in _join_lines(lines):
        yield Text(path, start, "document", _plain(words))


def columns_of_tables(path: Path) -> Iterator[tuple[int, int]]:
    """Yield the line and the number of columns of each table in a Markdown file."""
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if re.fullmatch(r"\|(\s*:?-+:?\s*\|)+", line.strip()):
            yield number, line.strip().count("|") - 1


def _join_lines(lines: Iterable[_Line]) -> Iterator[tuple[int, str]]:
    """Join lines into paragraphs. Yield the number of each first line, and the words."""
    start, words = 0, list[str]()
    for line in [*lines, _Line(0, "", begins=True)]:
        if words and (line.begins or not line.words):
            yield start, " ".join(words)
            words = []
        if line.words:
            start = start if words else line.number
            words.append(line.words)


def _is_message(text: str) -> bool:
    """Return whether a string has enough words for a message."""
    return len(re.findall(r"\b[A-Za-z]{2,}\b", text)) >= _LEAST_WORDS


def _plain(markup: str) -> str:
    """Replace code and addresses in a text by placeholders, and links by their words."""
    text = re.sub(r"(`+).+?\1", _PLACEHOLDER, markup)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"https?://[^\s)>]+", _PLACEHOLDER, text)
    return re.sub(r"[*_]{1,2}(\S(?:.*?\S)?)[*_]{1,2}", r"\1", text)


def _docstrings(path: Path, tree: ast.Module) -> Iterator[Text]:
    """Split each docstring into its paragraphs, and sections into their entries."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = ast.get_docstring(node)
        if docstring is None:
            continue
        first = node.body[0].lineno
        lines = list[_Line]()
        for number, line in enumerate(docstring.split("\n"), start=first):
            # The title of a section ends a paragraph. An entry's name is code: "path: the file."
            words = re.sub(r"^    [\w*, ]+: |^[A-Z]\w+:$", "", line).strip()
            lines.append(_Line(number, words, begins=bool(re.match(r"    \S|\s*- ", line))))
        for start, words in _join_lines(lines):
            yield Text(path, start, "docstring", _plain(words), start == first)


def _messages(path: Path, tree: ast.Module) -> Iterator[Text]:
    """Find each string that is long enough to be a message, and is no docstring."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if id(node) in docstrings | parts:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else _PLACEHOLDER
                for part in node.values
            )
        else:
            continue
        is_code = re.search(r"[;{}>]\n", text)
        if _is_message(text) and not is_code:
            # Tests of hostile text have halves of surrogate pairs.
            for line in text.encode(errors="replace").decode().split("\n"):
                yield Text(path, node.lineno, "message", _plain(line))


def _script_texts(path: Path, source: str) -> Iterator[Text]:
    """Find comments and long strings of JavaScript."""
    token = r"\"(?:[^\"\\\n]|\\.)*\"|`(?:[^`\\]|\\.)*`|//[^\n]*|/\*.*?\*/"
    comments = list[tuple[int, str, bool]]()
    for found in re.finditer(token, source, re.DOTALL):
        line = source.count("\n", 0, found.start()) + 1
        if found[0].startswith("//"):
            before = source[source.rfind("\n", 0, found.start()) + 1 : found.start()]
            comments.append((line, "#" + found[0].lstrip("/"), not before.strip()))
        elif found[0].startswith("/*"):
            # A tag such as @param ends the sentences.
            words = re.split(r"@\w+", re.sub(r"\s*\n\s*\*\s?", " ", found[0].strip("/* ")))[0]
            yield Text(path, line, "comment", _plain(words.strip("* /")))
        elif _is_message(found[0]):
            words = re.sub(r"\$\{[^}]*\}", _PLACEHOLDER, found[0][1:-1])
            yield Text(path, line, "message", _plain(words))
    yield from _joined(path, comments)


def _template_texts(path: Path, source: str) -> Iterator[Text]:
    """Find the texts between the tags of a Jinja template for HTML."""
    source = re.sub(
        r"\{#.*?#\}|<(style|script).*?</\1>", lambda x: "\n" * x[0].count("\n"), source, flags=re.S
    )
    source = re.sub(r"\{\{.*?\}\}", _PLACEHOLDER, source)
    source = re.sub(r"\{%.*?%\}", " ", source)
    for found in re.finditer(r"(?:^|>)([^<>]+)", source):
        if _is_message(found[1]):
            line = source.count("\n", 0, found.start(1)) + 1
            yield Text(path, line, "message", " ".join(found[1].split()))


def _test_names(path: Path, tree: ast.Module) -> Iterator[Text]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield Text(path, node.lineno, "test name", node.name[len("test_") :].replace("_", " "))


def _python_comments(path: Path, source: str) -> Iterator[Text]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [
        (token.start[0], token.string, not token.line[: token.start[1]].strip())
        for token in tokens
        if token.type == tokenize.COMMENT
    ]
    yield from _joined(path, comments)


def _comments(path: Path, source: str) -> Iterator[Text]:
    comments = [
        (number, comment[0], not line[: comment.start()].strip())
        for number, line in enumerate(source.split("\n"), start=1)
        if (comment := re.search(r"(?:^|(?<=\s))#.*", line))
    ]
    yield from _joined(path, comments)


def _joined(path: Path, comments: list[tuple[int, str, bool]]) -> Iterator[Text]:
    """Join comments on successive lines that contain only comments.

    Args:
        comments: line, text, and whether the comment has the line to itself.
    """
    lines, last = list[_Line](), -1
    for number, comment, is_alone in comments:
        # A setting that is commented out is code, and so is a comment for a tool.
        is_code = re.match(r"#(  | ?[a-z]+:$)|#+ ?(type: ignore|noqa|fmt:|!|pragma)", comment)
        words = "" if is_code else comment.lstrip("#").strip()
        # A line with the mark alone does not end a paragraph.
        if words or is_code:
            # A comment behind code stands for itself.
            lines.append(_Line(number, words, begins=number != last + 1 or not is_alone))
        last = number if is_alone else -1
    for start, words in _join_lines(lines):
        yield Text(path, start, "comment", _plain(words))
