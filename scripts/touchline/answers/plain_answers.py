"""Parsing of answers in plain words: denials, names of events, and lists of names.

docs/answers.md states the grammar, rule by rule. No function interprets the meaning of a sentence.
A text outside the grammar is returned as unread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

# A function that returns whether a phrase is the name of an event.
IsName = Callable[[str], bool]


def _words(text: str) -> frozenset[str]:
    """Split a text at spaces into a set of words."""
    return frozenset(text.split())


# Each of these words alone denies an event.
_NOTHING = _words("none nothing null nil na")
# Each of these words denies an event together with one of _EVENTS, or as one of _DENIALS.
_NEGATIONS = _words(
    "no not neither never unable cannot can't don't doesn't didn't isn't aren't wasn't weren't"
)
_EVENTS = _words(
    """event events incident incidents action actions anything something label labels happen happens
    happened happening occur occurs occurred occurring"""
)
_DENIALS = (["no"], ["not", "applicable"], ["not", "available"], ["not", "any"])
# Words that do not change the meaning of a denial.
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
# "type", "class" and "category" are left out because they are also keys before an event's name.
_LEAD_IN = _FILLER - _words("type class category")
_CONTRAST = _words(
    "but however although though except yet nevertheless nonetheless instead rather besides apart"
)
# Words that deny one name of a checklist.
_NOT = re.compile(
    # "No. 7 scores" denies nothing.
    r"(no(?!\.? ?\d)|not|none|nothing|null|false|absent|never|n/a|0(\.0+)?(?!\.\d)|unlikely"
    r"|isn't|wasn't|didn't)\b"
)
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
# The end of a denial, before its explanation.
_EXPLAINED = re.compile(r"\n\s*\n|\(|\n|[.!;:,](?=\s)|\s[-–—]\s")
_LONGEST_STATEMENT = 300  # characters
MOST_WORDS_OF_A_NAME = 4
# Characters around a name: space, marks of emphasis, quotes, brackets.
_AROUND = " \t*_`\"'“”‘’«».!?|[]()"


def split_words(text: str) -> list[str]:
    """Return the words of a text in lower case. "n/a" is one word."""
    plain = text.casefold().replace("’", "'").replace("n/a", "na").replace("n.a.", "na")
    return _WORD.findall(plain)


def without_lead_in(text: str, more: frozenset[str] = frozenset()) -> str:
    """Remove words such as "Here is the answer:" from the start of a text.

    Args:
        text: the text.
        more: further words that may occur in a lead-in.
    """
    head, colon, _ = text[:_LONGEST_STATEMENT].partition(":")
    words = [word for word in split_words(head) if not word.isdigit()]
    if colon and words and (_LEAD_IN | more).issuperset(words):
        return text[len(head) + 1 :].strip(" \t\n*")
    return text


def says_none(text: str) -> bool:
    """Return whether a text says that there is no event, and nothing else."""
    words = split_words(text)
    # "at all" emphasizes a denial, but "not all of these" is no denial.
    if "all" in words and "at all" not in " ".join(words):
        return False
    known = _NOTHING | _NEGATIONS | _EVENTS | _FILLER
    if not words or not known.issuperset(words):
        return False
    denied = not _NEGATIONS.isdisjoint(words) and not _EVENTS.isdisjoint(words)
    return denied or not _NOTHING.isdisjoint(words) or words in _DENIALS


def begins_with_none(text: str, is_name: IsName) -> bool:
    """Return whether a text denies any event and then explains the denial.

    An explanation in brackets or after a blank line may name events. Any other explanation may not
    name events. No explanation may contain a contrast such as "but" or "however".
    """
    for cut in _EXPLAINED.finditer(text[:_LONGEST_STATEMENT]):
        if says_none(text[: cut.start()]):
            rest = text[cut.end() :]
            if not _CONTRAST.isdisjoint(split_words(rest)):
                return False
            apart = cut[0] == "(" or cut[0].count("\n") > 1
            if apart or not any(_names_within(rest, is_name)):
                return True
    return False


def _names_within(text: str, is_name: IsName) -> Iterator[bool]:
    """Yield, for each short phrase of a text, whether the phrase is a name."""
    words = split_words(text)
    for length in range(1, MOST_WORDS_OF_A_NAME + 1):
        for start in range(len(words) - length + 1):
            yield is_name(" ".join(words[start : start + length]))


def names_in(phrase: str, is_name: IsName) -> list[str]:
    """Split a phrase into names: the phrase itself, or names joined by commas or "and".

    The list is empty if any part of the phrase is not a name.
    """
    phrase = phrase.strip(_AROUND)
    if is_name(phrase):
        return [phrase]
    parts = re.split(r"\s*(?:[,;/&+|\t\n]|\band\b|\bthen\b)\s*", phrase)
    names = [name for part in parts if (name := part.strip(_AROUND))]
    return names if len(names) > 1 and all(map(is_name, names)) else []


def denies(value: Any) -> bool:
    """Return whether the value beside a name says that this event does not happen."""
    if isinstance(value, str):
        return says_none(value) or _NOT.match(value.strip().casefold()) is not None
    return value is None or value is False or value in (0, [], {})


def parse_lines(text: str, is_name: IsName) -> list[dict[str, Any]] | None:
    """Return a dict for each event that a line of a text names. Return None if no line names one.

    A line counts if it consists only of names, or if a colon, dash or bracket separates a name from
    more text. Bullets and numbers are ignored, and so are all other lines. A denied name ("Penalty:
    no") gives no event, so the list can be empty.
    """
    found: list[dict[str, Any]] = []
    any_line = False
    for line in text.splitlines():
        item = _parse_line(line, is_name)
        if item is not None:
            any_line = True
            found += item
    return found if any_line else None


_BULLET = re.compile(r"^\s*(?:[-*•–—>#]+|\(?(?:\d{1,2}|[a-z])[.)]|\|)?\s*")
_MARK = re.compile(r"\s*(?::|\||\s[-–—]|\()\s*")


def _parse_line(line: str, is_name: IsName) -> list[dict[str, Any]] | None:
    """Return the events that a line names. Return None if the line does not count."""
    body = without_lead_in(_BULLET.sub("", line, count=1).strip(), _EVENTS)
    if names := names_in(body, is_name):
        return [{"label": name} for name in names]
    mark = _MARK.search(body)
    if mark is None:
        return None
    head, rest = body[: mark.start()], body[mark.end() :].strip(" *`")
    names = names_in(head, is_name)
    if not names:
        return None
    if denies(rest):
        return []
    return [{"label": name} | _parse_rest(rest) for name in names]


def _parse_rest(text: str) -> dict[str, Any]:
    """Read the text after a name: a team, a confidence, and everything else as details."""
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


# The length of keys is bounded, so that no text takes long to search.
_PAIR = re.compile(
    r"<(?P<tag>\w{1,20})\s*>\s*(?P<element>[^<]*?)\s*</(?P=tag)\s*>"
    r"|(?<!\w)(?P<key>\w{1,20})[\"'”’*]{0,4}\s*[:=][*\s]*"
    r"(?:\"(?P<double>[^\"\n]*)\"|'(?P<single>[^'\n]*)'|“(?P<curly>[^”\n]*)”"
    r"|(?P<plain>[^\s,;|<\"'“{}\[\]][^,;|\n<{}\[\]]*?)\s*(?=[,;|\n<]|$))"
)


def parse_attributes(
    text: str, role_of: Callable[[str], str | None], is_name: IsName
) -> list[dict[str, Any]]:
    """Return, as objects, the events that a text writes as attributes.

    The forms are `label="Goal" team="home"`, `<label>Goal</label>` and `Label: Goal, Team: home`.
    Prose can have the last form, too. In prose, a label must be the name of an event, or say that
    there is no event.

    Args:
        text: the text.
        role_of: returns the field that a key means, such as "label"; None for other keys.
        is_name: returns whether a phrase is the name of an event.
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
