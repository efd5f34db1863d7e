"""Answers in plain words: that there is no event, names of events, and lists of them.

docs/answers.md states the grammar, rule by rule. Nothing here looks into the meaning of a
sentence: what the grammar does not cover is left to the caller as unread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

# Whether a phrase is the name of an event.
IsName = Callable[[str], bool]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# One of these says by itself that there is no event.
_NOTHING = _words("none nothing null nil na")
# One of these does so with a word for events, or as the whole answer as below.
_NEGATIONS = _words(
    "no not neither never unable cannot can't don't doesn't didn't isn't aren't wasn't weren't"
)
_EVENTS = _words(
    """event events incident incidents action actions anything something label labels happen happens
    happened happening occur occurs occurred occurring"""
)
_DENIALS = (["no"], ["not", "applicable"], ["not", "available"], ["not", "any"])
# What may stand around them without changing it.
_FILLER = _words(
    """a above all am an and answer any appear appears appearing applicable are at available based
    be been being can categories category class classes clear clearly clip clips could
    depicted detect detected do does during evident final football for found frame frames
    from game given has have here i identified identify image images in is it key kind list
    listed major match mentioned my notable note noteworthy observe observed of on or other
    output picture pictures place play present provided relevant response result results
    scene seconds see seem seems seen segment sequence show showing shown shows significant
    soccer specific such take taken takes taking that the them there these this those to
    type types us video visible was we were which with within"""
)
# These are keys, too, which an event's name may stand behind.
_LEAD_IN = _FILLER - _words("type class category")
_CONTRAST = _words(
    "but however although though except yet nevertheless nonetheless instead rather besides apart"
)
# Answers that say no to one name of a checklist.
_NOT = re.compile(
    # "No. 7 scores" denies nothing.
    r"(no(?!\.? ?\d)|not|none|nothing|null|false|absent|never|n/a|0(\.0+)?(?!\.\d)|unlikely"
    r"|isn't|wasn't|didn't)\b"
)
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
# Where the statement that there is no event may end and its explanation begin.
_EXPLAINED = re.compile(r"\n\s*\n|\(|\n|[.!;:,](?=\s)|\s[-–—]\s")
_LONGEST_STATEMENT = 300  # characters
MOST_WORDS_OF_A_NAME = 4
# What may stand around a name: space, marks of emphasis, quotes, brackets.
_AROUND = " \t*_`\"'“”‘’«».!?|[]()"


def words_of(text: str) -> list[str]:
    """The words of a text without case; "n/a" is one word."""
    plain = text.casefold().replace("’", "'").replace("n/a", "na").replace("n.a.", "na")
    return _WORD.findall(plain)


def without_lead_in(text: str, more: frozenset[str] = frozenset()) -> str:
    """A text without words such as "Here is the answer:" in front of it.

    Args:
        more: words that may stand there beside the usual ones.
    """
    head, colon, _ = text[:_LONGEST_STATEMENT].partition(":")
    words = [word for word in words_of(head) if not word.isdigit()]
    if colon and words and (_LEAD_IN | more).issuperset(words):
        return text[len(head) + 1 :].strip(" \t\n*")
    return text


def says_none(text: str) -> bool:
    """Whether a text says that there is no event, and nothing else."""
    words = words_of(text)
    # "at all" stresses a denial; "not all of these" is none.
    if "all" in words and "at all" not in " ".join(words):
        return False
    known = _NOTHING | _NEGATIONS | _EVENTS | _FILLER
    if not words or not known.issuperset(words):
        return False
    denied = not _NEGATIONS.isdisjoint(words) and not _EVENTS.isdisjoint(words)
    return denied or not _NOTHING.isdisjoint(words) or words in _DENIALS


def begins_with_none(text: str, is_name: IsName) -> bool:
    """Whether a text says that there is no event and goes on to explain it.

    The explanation may follow in brackets or behind a blank line; nearer than that it must
    name no event. Nowhere may it take anything back ("but", "however").
    """
    for cut in _EXPLAINED.finditer(text[:_LONGEST_STATEMENT]):
        if says_none(text[: cut.start()]):
            rest = text[cut.end() :]
            if not _CONTRAST.isdisjoint(words_of(rest)):
                return False
            apart = cut[0] == "(" or cut[0].count("\n") > 1
            if apart or not any(_names_within(rest, is_name)):
                return True
    return False


def _names_within(text: str, is_name: IsName) -> Iterator[bool]:
    words = words_of(text)
    for length in range(1, MOST_WORDS_OF_A_NAME + 1):
        for start in range(len(words) - length + 1):
            yield is_name(" ".join(words[start : start + length]))


def names_in(phrase: str, is_name: IsName) -> list[str]:
    """The names that a phrase consists of: itself, or several with commas or "and" between.

    Nothing if any part of it is no name.
    """
    phrase = phrase.strip(_AROUND)
    if is_name(phrase):
        return [phrase]
    parts = re.split(r"\s*(?:[,;/&+|\t\n]|\band\b|\bthen\b)\s*", phrase)
    names = [name for part in parts if (name := part.strip(_AROUND))]
    return names if len(names) > 1 and all(map(is_name, names)) else []


def denies(value: Any) -> bool:
    """Whether what stands beside a name says that this event does not happen."""
    if isinstance(value, str):
        return says_none(value) or _NOT.match(value.strip().casefold()) is not None
    return value is None or value is False or value in (0, [], {})


def listed(text: str, is_name: IsName) -> list[dict[str, Any]] | None:
    """The events of a text whose lines name them, as objects; None if no line does.

    A line counts if it is names alone, or a name and more about it behind a colon, a dash
    or in brackets, whatever bullet or number it has; other lines are passed over. Names that
    are denied ("Penalty: no") make no event, so the list may be empty.
    """
    found: list[dict[str, Any]] = []
    any_line = False
    for line in text.splitlines():
        item = _item(line, is_name)
        if item is not None:
            any_line = True
            found += item
    return found if any_line else None


_BULLET = re.compile(r"^\s*(?:[-*•–—>#]+|\(?(?:\d{1,2}|[a-z])[.)]|\|)?\s*")
_MARK = re.compile(r"\s*(?::|\||\s[-–—]|\()\s*")


def _item(line: str, is_name: IsName) -> list[dict[str, Any]] | None:
    """The events that a line names; None if it names none in a way that counts."""
    body = without_lead_in(_BULLET.sub("", line, count=1).strip(), _EVENTS)
    if names := names_in(body, is_name):
        return [{"label": name} for name in names]
    mark = _MARK.search(body)
    if mark is None:
        return None
    head, beside = body[: mark.start()], body[mark.end() :].strip(" *`")
    names = names_in(head, is_name)
    if not names:
        return None
    if denies(beside):
        return []
    return [{"label": name} | _beside(beside) for name in names]


def _beside(text: str) -> dict[str, Any]:
    """The parts of an event in a line: team and confidence by themselves, the rest as details."""
    fields: dict[str, Any] = {}
    rest = []
    for part in re.split(r"[,|]", text.strip(" )|")):
        plain = part.strip()
        if re.fullmatch(r"(0?\.\d+|[01](\.0*)?|\d{1,3} ?%)", plain):
            fields.setdefault("confidence", plain.replace(" ", ""))
        elif re.fullmatch(r"(the )?(home|away)( team| side)?", plain.casefold()):
            fields.setdefault("team", plain)
        elif plain.casefold() not in ("yes", "true"):
            rest.append(part)
    details = ",".join(rest).strip()
    return fields | ({"details": details} if details else {})


# Keys are bounded, so that no text takes more than a moment.
_PAIR = re.compile(
    r"<(?P<tag>\w{1,20})\s*>\s*(?P<element>[^<]*?)\s*</(?P=tag)\s*>"
    r"|(?<!\w)(?P<key>\w{1,20})[\"'”’*]{0,4}\s*[:=][*\s]*"
    r"(?:\"(?P<double>[^\"\n]*)\"|'(?P<single>[^'\n]*)'|“(?P<curly>[^”\n]*)”"
    r"|(?P<plain>[^\s,;|<\"'“{}\[\]][^,;|\n<{}\[\]]*?)\s*(?=[,;|\n<]|$))"
)


def attributes(
    text: str, role_of: Callable[[str], str | None], is_name: IsName
) -> list[dict[str, Any]]:
    """The events of a text in which they stand as attributes, as objects.

    Taken are `label="Goal" team="home"`, `<label>Goal</label>` and `Label: Goal, Team: home`; in
    the last form, which prose has too, a label must be a name, or say that there is none.

    Args:
        role_of: what a key stands for, such as "label"; None for keys that mean nothing.
    """
    found: list[dict[str, Any]] = [{}]
    for pair in _PAIR.finditer(text):
        role = role_of(pair["tag"] or pair["key"])
        value = next(
            (v for v in pair.group("element", "double", "single", "curly") if v is not None), None
        )
        if value is None:
            value = pair["plain"].strip(" *`.")
            if role == "label" and not (names_in(value, is_name) or says_none(value)):
                role = None
        if role is None:
            continue
        if role in found[-1]:
            found.append({})
        found[-1][role] = value
    return [event for event in found if "label" in event]
