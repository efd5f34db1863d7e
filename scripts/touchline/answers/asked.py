"""The parts of a prompt that are needed to read an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from touchline.answers.plain_answers import MOST_WORDS_OF_A_NAME, says_none
from touchline.core.records import ParsedEvent
from touchline.inputs.labels import normalize_label

# An answer with this number of names in the prompt's order only repeats the prompt's list.
_ECHO = 4
# A line with at least this number of words is a sentence, not a name.
_LONG_LINE = 5


@dataclass(frozen=True)
class PromptContent:
    """The parts of a prompt that are needed to read an answer.

    Attributes:
        is_name: returns whether a phrase is the name of an event. It is needed for answers without
            JSON. In objects, keys may be prose instead of names.
        lines: the prompt's sentences.
        names: normalized names of events that the prompt lists, in its order.
        examples: the events that the prompt shows as examples.
    """

    is_name: Callable[[str], bool]
    lines: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    examples: frozenset[ParsedEvent] = frozenset()

    @classmethod
    def from_prompt(cls, prompt: str) -> PromptContent:
        """Read a prompt. The phrases that it lists are the names of events."""
        phrases = (part.strip(" \t-*•.") for part in re.split(r"[,;\n]", prompt))
        short = [part for part in phrases if 0 < len(part.split()) <= MOST_WORDS_OF_A_NAME]
        names = tuple(
            key for phrase in short if (key := normalize_label(phrase)) and not says_none(phrase)
        )
        known = frozenset(names)
        lines = (line.strip() for line in prompt.splitlines())
        # Lines with objects are handled by `examples`, because a true answer can equal such a line.
        long = (line for line in lines if len(line.split()) >= _LONG_LINE and "{" not in line)
        return cls(lambda phrase: normalize_label(phrase) in known, tuple(long), names)

    def without_echo(self, text: str) -> str:
        """Remove the prompt's sentences from an answer that repeats them."""
        for line in self.lines:
            text = text.replace(line, "\n")
        return text.strip()

    def without_repeats(self, events: Sequence[ParsedEvent]) -> list[ParsedEvent]:
        """Remove events that only repeat the prompt's example or its list of names."""
        keys = [normalize_label(event.label) for event in events]
        count = len(keys)
        starts = range(len(self.names) - count + 1)
        if count >= _ECHO and any(list(self.names[at : at + count]) == keys for at in starts):
            return []
        return [event for event in events if event not in self.examples]
