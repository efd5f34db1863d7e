"""What a model was asked, as far as it must be known to read its answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from touchline.answers.plain_answers import MOST_WORDS_OF_A_NAME, says_none
from touchline.core.records import ParsedEvent
from touchline.inputs.labels import key_of

# So many names in a row, in the prompt's own order, are its list repeated.
_ECHO = 4
# A line with so many words is no name that an answer may be.
_LONG_LINE = 5


@dataclass(frozen=True)
class Asked:
    """What was asked.

    Attributes:
        is_name: whether a phrase is the name of an event. It decides where nothing else
            distinguishes a name from prose: for bare words, and for the keys of an object.
        lines: the prompt's sentences.
        names: the keys of the names that it lists, in its order.
        examples: the events that it shows.
    """

    is_name: Callable[[str], bool]
    lines: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    examples: frozenset[ParsedEvent] = frozenset()

    @classmethod
    def by_prompt(cls, prompt: str) -> Asked:
        """A prompt, whose names of events are the phrases that it lists."""
        phrases = (part.strip(" \t-*•.") for part in re.split(r"[,;\n]", prompt))
        short = [part for part in phrases if 0 < len(part.split()) <= MOST_WORDS_OF_A_NAME]
        names = tuple(key for phrase in short if (key := key_of(phrase)) and not says_none(phrase))
        known = frozenset(names)
        lines = (line.strip() for line in prompt.splitlines())
        # Objects are left to `examples`: an answer without details may well equal one.
        long = (line for line in lines if len(line.split()) >= _LONG_LINE and "{" not in line)
        return cls(lambda phrase: key_of(phrase) in known, tuple(long), names)

    def without_echo(self, text: str) -> str:
        """An answer without the prompt's sentences that it repeats."""
        for line in self.lines:
            text = text.replace(line, "\n")
        return text.strip()

    def own(self, events: Sequence[ParsedEvent]) -> list[ParsedEvent]:
        """Events without those that only repeat the prompt's example or its list of names."""
        keys = [key_of(event.label) for event in events]
        count = len(keys)
        starts = range(len(self.names) - count + 1)
        if count >= _ECHO and any(list(self.names[at : at + count]) == keys for at in starts):
            return []
        return [event for event in events if event not in self.examples]
