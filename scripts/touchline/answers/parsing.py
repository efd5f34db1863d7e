"""From the text that a model wrote to events, and back; docs/answers.md has the grammar.

A model's text is untrusted: it is parsed, never evaluated, and no text of any length or
depth may stop the worker that reads it.
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

from touchline.answers.asked import Asked
from touchline.answers.plain_answers import (
    IsName,
    attributes,
    begins_with_none,
    denies,
    listed,
    names_in,
    says_none,
    without_lead_in,
)
from touchline.answers.reading import MAX_CHARACTERS, encodable
from touchline.core.records import ParsedEvent, Team

# What keys of an object stand for, without case and signs. The name of the event stands under the
# first of these that there is; the second group are words that other things have, too.
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
# The mark of a fence, with the language that it may name.
_FENCE = re.compile(r"```(json\b|\w+[ \t]*(?=\n))?", re.IGNORECASE)
# Between two letters a quote is an apostrophe and ends no Python string.
_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says: events, that there are none, or nothing that can be read."""

    status: Literal["events", "none", "unparsed"]
    events: tuple[ParsedEvent, ...] = ()


def parse_answer(text: str, asked: Asked, is_cut: bool = False) -> Answer:
    """Read a model's answer.

    Taken are JSON and Python literals, fenced or not, one object, several or a list, with
    prose around them; then what json-repair makes of a broken object, if its label stands
    complete in the text; then attributes, and lines that are names. Labels stay the model's
    own words. `score` is not the model's to say and stays None.

    Never raises, whatever the text.

    Args:
        is_cut: the answer was cut off at its greatest length, so that the last of bare names may
            be the beginning of a longer one ("Goal" of "Goal kick").
    """
    text = asked.without_echo(text)
    words = without_lead_in(_FENCE.sub("\n", text[:MAX_CHARACTERS]).strip())
    if says_none(words):
        return Answer("none")
    # An empty list says none if it is the whole answer; in a sentence it says nothing.
    values = _whole(_unfenced(text)) or _whole(words)
    if values is None:
        values = [value for value in _objects(text, asked.is_name) if value]
        values = values or _in_plain_words(words, asked.is_name, is_cut)
    if values is None:
        return Answer("none" if begins_with_none(words, asked.is_name) else "unparsed")
    events, rest_says_none = _events(values, asked.is_name)
    if own := asked.own(events):
        return Answer("events", tuple(own))
    return Answer("none" if rest_says_none and not events else "unparsed")


def asked_by(prompt: str) -> Asked:
    """What a prompt asks, with the events that it shows as an example."""
    asked = Asked.by_prompt(prompt)
    events, _ = _events(_objects(prompt, asked.is_name), asked.is_name)
    # Without details a true answer may be the same.
    return replace(asked, examples=frozenset(event for event in events if event.details))


def is_complete(text: str) -> bool:
    """Whether an answer is a whole JSON list, to which more words would add no event."""
    body = _unfenced(text)
    if not (body.startswith("[") and body.endswith("]")):
        return False
    try:
        return isinstance(json.loads(body), list)
    except (ValueError, RecursionError):
        return False


def is_cut_off(text: str) -> bool:
    """Whether an answer ends in the middle of a list or an object."""
    begin = re.search(r"[\[{]", text)
    if begin is None:
        return False
    try:
        json.JSONDecoder().raw_decode(text, begin.start())
    except (ValueError, RecursionError):
        return not text.rstrip("` \n").endswith(("]", "}"))
    return False


def render_event(event: ParsedEvent, **more: object) -> str:
    """An event as the Python literal that stands in predictions files, without its score.

    `parse_answer` reads the event back, if the text has no more than MAX_CHARACTERS.

    Args:
        more: literals to put behind the event's own fields.
    """
    return repr(event.model_dump(exclude={"score"}) | more)


def _unfenced(text: str) -> str:
    """A text without the fence around it."""
    text = text.strip()
    begin = _FENCE.match(text)
    return text[begin.end() if begin else 0 :].removesuffix("```").strip()


def _whole(text: str) -> list[Any] | None:
    """The one value that a text is, in a list; None if it is not one value."""
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        pass
    if text.startswith(("{", "[")) and len(text) <= MAX_CHARACTERS:
        return _literal(text)
    return None


def _objects(text: str, is_name: IsName) -> Iterator[Any]:
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
            yield from _literal(text[start:end]) or _repaired(text[start:end], is_name)


def _literal(text: str) -> list[Any] | None:
    """The value of a Python literal, in a list; None if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about "\d" in a string
            return [ast.literal_eval(_APOSTROPHE.sub(r"\\'", text))]
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _repaired(text: str, is_name: IsName) -> list[Any]:
    """A broken object made whole, in a list; nothing if its label is not all there."""
    try:
        value: Any = json_repair.loads(text, skip_json_loads=True)
    except (ValueError, RecursionError):
        return []
    key = _label_key(value, is_name) if isinstance(value, dict) else None
    if key is None or not isinstance(label := value[key], str):
        return []
    # The repairer closes what was cut off: of `{"label": "Yellow ca` it makes a label too. So
    # the label must stand there with its closing quote, or as plain words with their end.
    begin, word = rf"{re.escape(key)}{_QUOTE}?\s*[:=]\s*", re.escape(label)
    complete = rf"{begin}{_QUOTE}\s*{word}\s*{_QUOTE}"
    if re.fullmatch(r"[\w -]+", label):
        complete += rf"|{begin}{word}\s*[,}}\n]"
    if not label or re.search(complete, text) is None:
        return []
    # A number at the very end may have lost digits: 0.9 could have been 0.95, or 0. anything.
    if _role(list(value)[-1]) == "confidence" and re.search(r"[\d.]$", text):
        del value[list(value)[-1]]
    return [value]


def _in_plain_words(text: str, is_name: IsName, is_cut: bool) -> list[Any] | None:
    """The objects that a text without any means; None if it names no event in a way that counts."""
    if "{" in text:
        return None  # What is left of a broken object.
    if is_cut or (text.startswith("[") and "]" not in text):
        text = text[: max(0, text.rfind(","), text.rfind("\n"))]
    return attributes(text, _role, is_name) or listed(text, is_name)


def _events(values: Iterable[Any], is_name: IsName) -> tuple[list[ParsedEvent], bool]:
    """The events in values of lists and objects, and whether all the rest says there is none."""
    events: list[ParsedEvent] = []
    rest_says_none = True
    pending: list[Any] = [list(values)]
    while pending:
        part = pending.pop()
        inner = _parts(part, is_name)
        if inner is not None:
            pending.extend(reversed(inner))
            continue
        label = part[_label_key(part, is_name)] if isinstance(part, dict) else part
        if isinstance(label, str) and not says_none(label):
            found = _of_label(label, part, is_name)
            events += found
            rest_says_none = rest_says_none and bool(found)
        elif label is not None and not isinstance(label, str):
            rest_says_none = False
    return events, rest_says_none


def _parts(part: Any, is_name: IsName) -> list[Any] | None:
    """What a list, or an object around others, consists of; None if it is no such thing."""
    if isinstance(part, (list, tuple)):
        return list(part)
    if not isinstance(part, dict):
        return None
    key = _label_key(part, is_name)
    if key is None:
        return [_named(name, value, is_name) for name, value in part.items()]
    rest = {name: value for name, value in part.items() if name != key}
    if isinstance(part[key], dict):
        return [rest | part[key]]
    if isinstance(part[key], (list, tuple)):
        return [{key: one} | rest for one in part[key]]
    return None


def _named(name: Any, value: Any, is_name: IsName) -> Any:
    """An entry of an object, as an object of its own if its key is an event's name."""
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
            # 0.9 is a confidence; true, 1 or 2 say only that it happens.
            is_share = isinstance(one, float) and one < 1
            found.append({"label": name} | ({"confidence": one} if is_share else {}))
    return found


def _of_label(label: str, part: Any, is_name: IsName) -> list[ParsedEvent]:
    """The events of an object with this label, or of this text if it consists of names."""
    fields: dict[str, Any] = {}
    names = names_in(label, is_name)
    if isinstance(part, dict):
        fields = {_role(key) or "": value for key, value in reversed(part.items())}
        # The model's own words, unless they name several.
        names = names if len(names) > 1 else [label]
    details = fields.get("details")
    return [
        ParsedEvent(
            label=name,
            team=_team(fields.get("team")),
            confidence=_confidence(fields.get("confidence")),
            details=encodable(details) if isinstance(details, str) else "",
        )
        for each in names
        if any(map(str.isalnum, name := " ".join(encodable(each).split())))
    ]


def _label_key(part: dict[Any, Any], is_name: IsName) -> Any:
    """The key that an object has the name of its event under, or None."""
    keys = {_plain(key): key for key in reversed(part) if isinstance(key, str)}
    for plain in _LABEL_KEYS:
        if plain in keys:
            return keys[plain]
    for plain in _VAGUE_LABEL_KEYS:
        value = part.get(keys.get(plain))
        if isinstance(value, str) and (says_none(value) or names_in(value, is_name)):
            return keys[plain]
    return None


def _role(key: Any) -> str | None:
    """Which part of an event a key holds: label, team, confidence, details or none."""
    plain = _plain(key) if isinstance(key, str) else ""
    if plain in _LABEL_KEYS or plain in _VAGUE_LABEL_KEYS:
        return "label"
    return _OTHER_KEYS.get(plain)


def _plain(key: str) -> str:
    return re.sub(r"[\W_]+", "", key.casefold())


def _team(value: Any) -> Team | None:
    words = set(re.findall("[a-z]+", value.casefold())) if isinstance(value, str) else set()
    sides: tuple[Team, Team] = ("home", "away")
    found = [side for side in sides if side in words]
    return found[0] if len(found) == 1 else None


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
