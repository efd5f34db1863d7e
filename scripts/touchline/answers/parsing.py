"""Conversion of a model's text to events, and back. docs/answers.md has the grammar.

A model's text is untrusted. It is parsed, never evaluated. No text of any length or depth may stop
the worker that reads it.
"""

from __future__ import annotations

import ast
import json
import math
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import json_repair

from touchline.answers.asked import PromptContent
from touchline.answers.plain_answers import (
    IsName,
    begins_with_none,
    denies,
    names_in,
    parse_attributes,
    parse_lines,
    says_none,
    without_lead_in,
)
from touchline.answers.reading import MAX_CHARACTERS, make_encodable
from touchline.core.records import ParsedEvent, Team

# Normalized keys of an object. The first of these keys in an object has the event's name. Keys of
# the second group count only if their value is a name, because other objects use them, too.
_LABEL_KEYS = ("label", "event", "eventlabel", "eventtype", "eventname", "eventclass")
_VAGUE_LABEL_KEYS = (
    "type", "class", "classname", "category", "action", "name", "answer", "result", "output",
)  # fmt: skip
_OTHER_KEYS = {
    "team": "team",
    "side": "team",
    "confidence": "confidence",
    "probability": "confidence",
    "details": "details",
    "detail": "details",
    "description": "details",
}
_QUOTE = "[\"'“”‘’]"
# The mark of a Markdown fence, with an optional language.
_FENCE = re.compile(r"```(json\b|\w+[ \t]*(?=\n))?", re.IGNORECASE)
# A quote between two letters is an apostrophe, not the end of a Python string.
_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)")


@dataclass(frozen=True, slots=True)
class Answer:
    """The content of an answer: its events, or a status that says why there are none."""

    status: Literal["events", "none", "unparsed"]
    events: tuple[ParsedEvent, ...] = ()


def parse_answer(text: str, asked: PromptContent, is_cut: bool = False) -> Answer:
    """Read a model's answer.

    The parser first looks for JSON and Python literals, with or without a fence. They can be one
    object, several objects or a list, with prose around them. json-repair fixes a broken object if
    the text contains its complete label. Without objects, the parser looks for attributes, then for
    lines that are names. Labels stay the model's own words. A `score` in the answer is ignored.

    Never raises an error.

    Args:
        text: the answer.
        asked: the prompt of the answer.
        is_cut: whether the answer was cut off at its maximum length. If so, the last bare name is
            ignored, because it can be the beginning of a longer name ("Goal" of "Goal kick").
    """
    text = asked.without_echo(text)
    words = without_lead_in(_FENCE.sub("\n", text[:MAX_CHARACTERS]).strip())
    if says_none(words):
        return Answer("none")
    # An empty list means "no event" only if it is the whole answer.
    values = _parse_whole(_unfenced(text)) or _parse_whole(words)
    if values is None:
        values = [value for value in _find_objects(text, asked.is_name) if value]
        values = values or _parse_plain_words(words, asked.is_name, is_cut)
    if values is None:
        return Answer("none" if begins_with_none(words, asked.is_name) else "unparsed")
    events, rest_says_none = _collect_events(values, asked.is_name)
    if remaining := asked.without_repeats(events):
        return Answer("events", tuple(remaining))
    return Answer("none" if rest_says_none and not events else "unparsed")


def parse_prompt(prompt: str) -> PromptContent:
    """Read a prompt, including the events that it shows as examples."""
    asked = PromptContent.from_prompt(prompt)
    events, _ = _collect_events(_find_objects(prompt, asked.is_name), asked.is_name)
    # A true answer can equal an example without details.
    return replace(asked, examples=frozenset(event for event in events if event.details))


def is_complete(text: str) -> bool:
    """Return whether an answer is a whole JSON list, so that more words would add no event."""
    body = _unfenced(text)
    if not (body.startswith("[") and body.endswith("]")):
        return False
    try:
        return isinstance(json.loads(body), list)
    except (ValueError, RecursionError):
        return False


def is_cut_off(text: str) -> bool:
    """Return whether an answer ends in the middle of a list or an object."""
    begin = re.search(r"[\[{]", text)
    if begin is None:
        return False
    try:
        json.JSONDecoder().raw_decode(text, begin.start())
    except (ValueError, RecursionError):
        return not text.rstrip("` \n").endswith(("]", "}"))
    return False


def render_event(event: ParsedEvent, **more: object) -> str:
    """Write an event, without its score, as the Python literal that predictions files contain.

    `parse_answer` reads the event back if the text has at most MAX_CHARACTERS characters.

    Args:
        event: the event.
        more: literals to add after the event's own fields.
    """
    return repr(event.model_dump(exclude={"score"}) | more)


def _unfenced(text: str) -> str:
    """Remove the Markdown fence around a text."""
    text = text.strip()
    begin = _FENCE.match(text)
    return text[begin.end() if begin else 0 :].removesuffix("```").strip()


def _parse_whole(text: str) -> list[Any] | None:
    """Parse a text as a single value. Return it in a list, or None if the text is not one value."""
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        pass
    if text.startswith(("{", "[")) and len(text) <= MAX_CHARACTERS:
        return _parse_literal(text)
    return None


def _find_objects(text: str, is_name: IsName) -> Iterator[Any]:
    """Yield each object in a text. Broken objects are repaired."""
    text = text[:MAX_CHARACTERS]
    decoder = json.JSONDecoder()
    end = 0
    while (start := text.find("{", end)) >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
            yield value
        except (ValueError, RecursionError):
            # Events contain no objects, so a broken object ends at its brace or at the next object.
            others = (text.find("{", start + 1), text.find("}", start) + 1, len(text))
            end = min(other for other in others if other > 0)
            yield from _parse_literal(text[start:end]) or _repair_object(text[start:end], is_name)


def _parse_literal(text: str) -> list[Any] | None:
    """Parse a Python literal. Return its value in a list, or None if the text is no literal."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about "\d" in a string
            return [ast.literal_eval(_APOSTROPHE.sub(r"\\'", text))]
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _repair_object(text: str, is_name: IsName) -> list[Any]:
    """Repair a broken object. Return it in a list, which is empty if the label is incomplete."""
    try:
        value: Any = json_repair.loads(text, skip_json_loads=True)
    except (ValueError, RecursionError):
        return []
    key = _label_key(value, is_name) if isinstance(value, dict) else None
    if key is None or not isinstance(label := value[key], str):
        return []
    # json-repair also closes incomplete labels, as in `{"label": "Yellow ca`. So the text must
    # contain the label with its closing quote, or as plain words before a comma, brace or line end.
    begin, word = rf"{re.escape(key)}{_QUOTE}?\s*[:=]\s*", re.escape(label)
    complete = rf"{begin}{_QUOTE}\s*{word}\s*{_QUOTE}"
    if re.fullmatch(r"[\w -]+", label):
        complete += rf"|{begin}{word}\s*[,}}\n]"
    if not label or re.search(complete, text) is None:
        return []
    # A number at the very end may have lost digits: 0.9 may be the start of 0.95.
    if _role(list(value)[-1]) == "confidence" and re.search(r"[\d.]$", text):
        del value[list(value)[-1]]
    return [value]


def _parse_plain_words(text: str, is_name: IsName, is_cut: bool) -> list[Any] | None:
    """Read a text without JSON objects. Return a dict per event, or None if it names no event."""
    if "{" in text:
        return None  # The rest of a broken object.
    if is_cut or (text.startswith("[") and "]" not in text):
        text = text[: max(0, text.rfind(","), text.rfind("\n"))]
    return parse_attributes(text, _role, is_name) or parse_lines(text, is_name)


def _collect_events(values: Iterable[Any], is_name: IsName) -> tuple[list[ParsedEvent], bool]:
    """Collect the events in nested lists and objects.

    Returns:
        The events, and whether all other values say that there is no event.
    """
    events: list[ParsedEvent] = []
    rest_says_none = True
    pending: list[Any] = [list(values)]
    while pending:
        part = pending.pop()
        inner = _split_part(part, is_name)
        if inner is not None:
            pending.extend(reversed(inner))
            continue
        label = part[_label_key(part, is_name)] if isinstance(part, dict) else part
        if isinstance(label, str) and not says_none(label):
            found = _events_with_label(label, part, is_name)
            events += found
            rest_says_none = rest_says_none and bool(found)
        elif label is not None and not isinstance(label, str):
            rest_says_none = False
    return events, rest_says_none


def _split_part(part: Any, is_name: IsName) -> list[Any] | None:
    """Return the members of a list or of a nested object. Return None for other values."""
    if isinstance(part, (list, tuple)):
        return list(part)
    if not isinstance(part, dict):
        return None
    key = _label_key(part, is_name)
    if key is None:
        return [_label_entry(name, value, is_name) for name, value in part.items()]
    rest = {name: value for name, value in part.items() if name != key}
    if isinstance(part[key], dict):
        return [rest | part[key]]
    if isinstance(part[key], (list, tuple)):
        return [{key: one} | rest for one in part[key]]
    return None


def _label_entry(name: Any, value: Any, is_name: IsName) -> Any:
    """Convert an entry's value to labelled objects if the key is an event name.

    Otherwise, return the value.
    """
    if not isinstance(name, str) or not is_name(name):
        return value
    values = value if isinstance(value, (list, tuple)) else [value]
    found: list[Any] = []
    for one in values:
        if denies(one):
            continue
        if isinstance(one, dict):
            found.append({"label": name} | one)
        elif isinstance(one, str):
            found.append({"label": name, "details": one})
        else:
            # 0.9 is a confidence. The values true, 1 and 2 only say that the event happens.
            is_share = isinstance(one, float) and one < 1
            found.append({"label": name} | ({"confidence": one} if is_share else {}))
    return found


def _events_with_label(label: str, part: Any, is_name: IsName) -> list[ParsedEvent]:
    """Return the events in `part`. It is an object with this label, or a text of class names."""
    fields: dict[str, Any] = {}
    names = names_in(label, is_name)
    if isinstance(part, dict):
        fields = {_role(key) or "": value for key, value in reversed(part.items())}
        # The label stays in the model's own words unless it names several events.
        names = names if len(names) > 1 else [label]
    details = fields.get("details")
    return [
        ParsedEvent(
            label=name,
            team=_team(fields.get("team")),
            confidence=_confidence(fields.get("confidence")),
            details=make_encodable(details) if isinstance(details, str) else "",
        )
        for each in names
        if any(map(str.isalnum, name := " ".join(make_encodable(each).split())))
    ]


def _label_key(part: dict[Any, Any], is_name: IsName) -> Any:
    """Return the key under which an object has the name of its event, or None."""
    keys = {_normalized(key): key for key in reversed(part) if isinstance(key, str)}
    for plain in _LABEL_KEYS:
        if plain in keys:
            return keys[plain]
    for plain in _VAGUE_LABEL_KEYS:
        value = part.get(keys.get(plain))
        if isinstance(value, str) and (says_none(value) or names_in(value, is_name)):
            return keys[plain]
    return None


def _role(key: Any) -> str | None:
    """Return the field of an event that a key means: label, team, confidence, details or None."""
    plain = _normalized(key) if isinstance(key, str) else ""
    if plain in _LABEL_KEYS or plain in _VAGUE_LABEL_KEYS:
        return "label"
    return _OTHER_KEYS.get(plain)


def _normalized(key: str) -> str:
    """Return a key in lower case, without spaces and punctuation."""
    return re.sub(r"[\W_]+", "", key.casefold())


def _team(value: Any) -> Team | None:
    """Return the team that a text names, or None if it names none or both."""
    words = set(re.findall("[a-z]+", value.casefold())) if isinstance(value, str) else set()
    sides: tuple[Team, Team] = ("home", "away")
    found = [side for side in sides if side in words]
    return found[0] if len(found) == 1 else None


def _confidence(value: Any) -> float | None:
    """Convert 0.9, "0.9", 90 or "90%" to a probability. Return None for anything else."""
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
