"""Our rules for plain English, as checks of proselint."""

from __future__ import annotations

import re
from collections.abc import Iterator

from proselint.registry.checks import Check, CheckFlags, CheckResult
from proselint.registry.checks.types import CheckFn, Existence

MOST_WORDS = 30

# A full stop ends a sentence before a capital, a quote or a bracket. An empty line always does.
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[A-Z0-9\"'“(])|\n\n")


def _existence(name: str, message: str, *patterns: str) -> Check:
    """Return a rule that forbids patterns, also within quotes."""
    return Check(
        check_type=Existence(items=patterns),
        path=f"touchline.{name}",
        message=message,
        flags=CheckFlags(allow_quotes=True),
    )


def _each_sentence(name: str, message: str, find: CheckFn) -> Check:
    return Check(
        check_type=find,
        path=f"touchline.{name}",
        message=message,
        flags=CheckFlags(allow_quotes=True),
    )


def sentences_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield the place of each sentence of a text, and the sentence."""
    begin = 0
    for end in [*(found.start() for found in _SENTENCE_END.finditer(text)), len(text)]:
        sentence = text[begin:end]
        yield begin + len(sentence) - len(sentence.lstrip("\"') \n")), sentence.strip()
        begin = end


def _long_sentences(text: str, check: Check) -> Iterator[CheckResult]:
    for begin, sentence in sentences_in(text):
        if (words := len(sentence.split())) > MOST_WORDS:
            message = check.message.format(words)
            yield CheckResult(check.path, message, (begin, begin + len(sentence)), None)


def _what_as_a_noun(text: str, check: Check) -> Iterator[CheckResult]:
    for begin, sentence in sentences_in(text):
        found = re.search(r"\bwhat(ever)?\b", sentence, re.IGNORECASE)
        if found and not sentence.rstrip("\"')").endswith("?"):
            yield CheckResult(check.path, check.message, (begin, begin + len(sentence)), None)


def _possessive_first(text: str, check: Check) -> Iterator[CheckResult]:
    for begin, sentence in sentences_in(text):
        if sentence.startswith("Of "):
            yield CheckResult(check.path, check.message, (begin, begin + len(sentence)), None)


# These hold for documents, docstrings, comments and messages.
EVERYWHERE = (
    _each_sentence(
        "length", f"a sentence has {{}} words; write two (at most {MOST_WORDS})", _long_sentences
    ),
    _each_sentence("what", "“what” outside of a question; name the thing", _what_as_a_noun),
    _each_sentence("of", "a sentence starts with “Of”; start with the subject", _possessive_first),
    _existence(
        "quantity",
        "“{}”: name the quantity",
        r"so (many|much)",
        r"as many( \w+)? (as|there)",
        r"so (far|near|soon|late|long|often) (away|back|before|after|behind)",
    ),
    _existence(
        "archaic",
        "“{}” makes people read twice; use today's words and name the thing",
        r"of (which|whom)",
        r"told (by|from)",
        r"(the|as) said",
        r"anew",
        r"(is|are|was|were) due (at|in|for|when|by)",
        r"in its (place|stead)",
        r"in their (place|stead)",
        r"(has|have|is|are|does) (it|they) not",
        r"(is|does|has|are) that too",
        r"seldom",
        r"befalls?",
        r"(whatsoever|whosoever|whomever|whence|thence|hence|lest|thereof|therein|thereby|hereby)",
        r"save for",
        r"nor (is|are|does|do|has|have|can|may|will) (it|they|there)",
        r"such as (are|have|were)",
        r"made from (it|them)",
        r"became of",
        r"from which on",
        r"most seconds between",
        r"second opinions?",
        r"all the same",
        r"for good",
    ),
    _existence(
        "per",
        "“{}”: write “per”",
        r"(\d+|once|twice|times|lines?|rows?|files?|jobs?|clips?"
        r"|frames?|tokens?|windows?|bytes|seconds|ms|milliseconds|minutes|hours|MB|GB|KB|events?"
        r"|requests?|gigabytes|megabytes|steps|pages?|items?|GPU|verdict|curve) "
        r"an? (second|minute|hour|day|window|slice|video|half|game|job|match|step|row|model"
        r"|token|layer|frame|event|class|file|run|GPU|card)",
    ),
)

# A docstring starts with a verb, or with a noun that stands alone.
_DOCSTRING_STARTS = (
    r"\A\s*(At|By|In|From|For|To|With|Without|On|Whether|What|How|Where|When|Which|Who|Why"
    r"|As|If|That|Those|These|This|It|Its|They|Their|And|Or|But|So|Such|Same)\b"
)


def docstring_start(docstring: str) -> str | None:
    """Return the word that a docstring should not start with, or None if it starts well."""
    found = re.match(_DOCSTRING_STARTS, docstring)
    return found[1] if found else None


_LEAST_TEST_WORDS, _MOST_TEST_WORDS = 3, 16

_TEST_NAMES = (
    (r"\b(what|whatever|whom)\b", "“{}”: name the thing"),
    (r"\b(anew|befall|seldom|said|told|of its own|by itself)\b", "“{}”: use plain words"),
    (
        r"\A(it|they|this|that|those|of|at|by|in|from|for|to|with|without|on|if|when|where|how|why"
        r"|whether|and|or|but|as)\b",
        "starts with “{}”; start with the subject",
    ),
)


def fault_of_test_name(words: str) -> str | None:
    """Return the reason why a test's name is hard to read, or None if it states a behaviour.

    Args:
        words: the name without `test_`, with spaces.
    """
    if not _LEAST_TEST_WORDS <= len(words.split()) <= _MOST_TEST_WORDS:
        return f"write {_LEAST_TEST_WORDS} to {_MOST_TEST_WORDS} words: subject, verb, result"
    for pattern, message in _TEST_NAMES:
        if found := re.search(pattern, words):
            return message.format(found[0])
    return None
