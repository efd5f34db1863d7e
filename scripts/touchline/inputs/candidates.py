"""The answers whose likelihood is evidence: one a class and "none", as the prompt has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from touchline.errors import InputError

# The name of the candidate, and of its column, that says that there is no event.
NONE = "none"


@dataclass(frozen=True)
class Candidate:
    """An answer that a model may give.

    Attributes:
        name: a class, or `NONE`.
        text: the answer, as long as the prompt's example.
        decided: how many of its characters it takes to know the name. The likelihood is of these,
            so that a class whose team or details are hard to guess is not thought less likely.
    """

    name: str
    text: str
    decided: int


def candidates_of(prompt: str, classes: Sequence[str]) -> list[Candidate]:
    """The candidates of a prompt: its own example, with the name of each class in turn, and none.

    Args:
        classes: the names, as labels.yaml has them.

    Raises:
        InputError: the prompt shows no example of an answer, or does not name the answer "none".
    """
    example = _example(prompt, classes)
    if example is None:
        raise InputError(
            "The prompt shows no example of an answer, from which the candidates of "
            "generation.evidence are written: have a line in it that is JSON and names a class, "
            f'such as [{{"label": "{classes[0] if classes else "Goal"}"}}], or set '
            "generation.evidence: false."
        )
    if not re.search(rf"\b{NONE}\b", prompt.replace(example[0], "")):
        raise InputError(
            f'The prompt does not say that the answer may be "{NONE}", beside which '
            "generation.evidence weighs the classes; say so in it, or set generation.evidence: "
            "false."
        )
    if NONE in classes:
        raise InputError(
            f'A class is called "{NONE}", as the answer that there is no event is; give it another '
            "name in labels.yaml, or set generation.evidence: false."
        )
    line, begin, end = example
    named = [
        Candidate(name, f"{line[:begin]}{name}{line[end:]}", begin + len(name) + 1)
        for name in classes
    ]
    return [*named, Candidate(NONE, NONE, len(NONE))]


def _example(prompt: str, classes: Sequence[str]) -> tuple[str, int, int] | None:
    """The prompt's first example of an answer, and where in it the name of a class stands."""
    for line in map(str.strip, prompt.splitlines()):
        if not line.startswith(("[", "{")):
            continue
        for quoted in re.finditer(r'"([^"]*)"', line):
            if quoted[1] in classes:
                return line, quoted.start(1), quoted.end(1)
    return None
