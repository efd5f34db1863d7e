"""From the text that a model wrote to events, and back.

A model's text is untrusted: it is parsed, never evaluated, and no text of any length or
depth may stop the worker that reads it.
"""

from __future__ import annotations

import ast
import json
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import json_repair

from touchline.records import ParsedEvent, Team

# An answer of 256 tokens has some 1,000 characters. Of a longer text that is not strict JSON
# this much is read, because the other readers have no bound of their own; and so much of a
# label or of details is kept.
MAX_CHARACTERS = 20_000

# An answer says "none" if it starts so and has no word but these. ("None of these events
# happens in the frames." does; "No goal, but a corner." does not.)
_NONE = re.compile(
    "(none|no|null|nil)"
    "( (none|of|these|the|those|them|any|listed|soccer|events?|happen(s|ed|ing)?|is|are|was|were"
    "|occur(s|red)?|detected|found|seen|shown|visible|present|in|here|this|frames?|video|clip))*"
)
_QUOTE = "[\"'“”‘’]"
# Between two letters a quote is an apostrophe and ends no Python string.
_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says: events, that there are none, or nothing that can be read."""

    status: Literal["events", "none", "unparsed"]
    events: tuple[ParsedEvent, ...] = ()


def parse_answer(text: str) -> Answer:
    """Read a model's answer.

    Taken are JSON and Python literals, fenced or not, one object, several or a list, with
    prose around them; then what json-repair makes of a broken object, if its label stands
    complete in the text. Labels stay the model's own words. `score` is not the model's to
    say and stays None.

    Never raises, whatever the text.
    """
    text = _unfenced(text)
    if _says_none(text):
        return Answer("none")
    values = _whole(text)
    is_whole = values is not None
    leaves = [leaf for value in values or _objects(text) for leaf in _leaves(value)]
    events = tuple(event for leaf in leaves if (event := _event(leaf)) is not None)
    if events:
        return Answer("events", events)
    # An empty list says none if it is the whole answer; in a sentence it says nothing.
    if (leaves or is_whole) and all(_says_none(leaf) for leaf in leaves):
        return Answer("none")
    return Answer("unparsed")


def is_complete(text: str) -> bool:
    """Whether an answer is a whole JSON list, to which more words would add no event."""
    body = _unfenced(text)
    if not (body.startswith("[") and body.endswith("]")):
        return False
    try:
        return isinstance(json.loads(body), list)
    except (ValueError, RecursionError):
        return False


def render_event(event: ParsedEvent, **more: object) -> str:
    """An event as the Python literal that stands in predictions files, without its score.

    `parse_answer` reads the event back, if the text has no more than MAX_CHARACTERS.

    Args:
        more: literals to put behind the event's own fields.
    """
    return repr(event.model_dump(exclude={"score"}) | more)


def _unfenced(text: str) -> str:
    return text.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()


def _whole(text: str) -> list[Any] | None:
    """The one value that a text is, in a list; None if it is not one value."""
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        pass
    if text.startswith(("{", "[")) and len(text) <= MAX_CHARACTERS:
        return _literal(text)
    return None


def _objects(text: str) -> Iterator[Any]:
    """Each object in a text, the broken ones repaired."""
    text = text[:MAX_CHARACTERS]
    decoder = json.JSONDecoder()
    end = 0
    while (start := text.find("{", end)) >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
            yield value
        except (ValueError, RecursionError):
            # Events hold no objects, so a broken one ends at its brace or where another begins.
            others = (text.find("{", start + 1), text.find("}", start) + 1, len(text))
            end = min(other for other in others if other > 0)
            yield from _literal(text[start:end]) or _repaired(text[start:end])


def _literal(text: str) -> list[Any] | None:
    """The value of a Python literal, in a list; None if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about "\d" in a string
            return [ast.literal_eval(_APOSTROPHE.sub(r"\\'", text))]
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _repaired(text: str) -> list[Any]:
    """A broken object made whole, in a list; nothing if its label is not all there."""
    try:
        value = json_repair.loads(text, skip_json_loads=True)
    except (ValueError, RecursionError):
        return []
    if not isinstance(value, dict) or not isinstance(label := value.get("label"), str):
        return []
    # The repairer closes what was cut off: of `{"label": "Yellow ca` it makes a label too. So
    # the label must stand there with its closing quote, or as plain words with their end.
    word = re.escape(label)
    complete = rf"label{_QUOTE}?\s*[:=]\s*{_QUOTE}\s*{word}\s*{_QUOTE}"
    if re.fullmatch(r"[\w -]+", label):
        complete += rf"|label{_QUOTE}?\s*[:=]\s*{word}\s*[,}}\n]"
    if not label or re.search(complete, text) is None:
        return []
    # A number at the very end may have lost digits: 0.9 could have been 0.95, or 0. anything.
    if list(value)[-1] == "confidence" and re.search(r"[\d.]$", text):
        del value["confidence"]
    return [value]


def _leaves(value: Any) -> Iterator[Any]:
    """The objects with a label in a value of lists and objects, and what is neither."""
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, (list, tuple)):
            pending.extend(reversed(part))
        elif isinstance(part, dict) and "label" not in part:
            pending.extend(reversed(part.values()))
        else:
            yield part


def _says_none(leaf: Any) -> bool:
    """Whether a text, or an object by its label, says that there is no event."""
    said = leaf["label"] if isinstance(leaf, dict) else leaf
    if isinstance(said, str):
        # Bounded: the longest answer that says none is one sentence.
        words = re.findall(r"\w+", said[:MAX_CHARACTERS].casefold())
        return _NONE.fullmatch(" ".join(words)) is not None
    return said is None


def _event(leaf: Any) -> ParsedEvent | None:
    """The event that a leaf tells of, or None."""
    if not isinstance(leaf, dict) or not isinstance(leaf["label"], str) or _says_none(leaf):
        return None
    label = " ".join(_encodable(leaf["label"]).split())
    if not label:
        return None
    details = leaf.get("details")
    return ParsedEvent(
        label=label,
        team=_team(leaf.get("team")),
        confidence=_confidence(leaf.get("confidence")),
        details=_encodable(details) if isinstance(details, str) else "",
    )


def _encodable(text: str) -> str:
    """The text, bounded, with lone surrogates, which no file can hold, as question marks."""
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def _team(value: Any) -> Team | None:
    words = set(re.findall("[a-z]+", value.casefold())) if isinstance(value, str) else set()
    sides: tuple[Team, Team] = ("home", "away")
    said = [side for side in sides if side in words]
    return said[0] if len(said) == 1 else None


def _confidence(value: Any) -> float | None:
    """A probability, from 0.9, "0.9", 90 or "90%"; None from anything else."""
    percent = isinstance(value, str) and value.strip().endswith("%")
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value.strip().rstrip("%") if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    if percent or number > 1:
        number /= 100
    return number if math.isfinite(number) and 0 <= number <= 1 else None
