"""The answers whose likelihoods are a model's evidence: one per class, and "none"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from touchline.errors import InputError

# Name of the candidate that denies any event, and of its column.
NONE = "none"


@dataclass(frozen=True)
class Candidate:
    """An answer that a model may give.

    Attributes:
        name: a class, or `NONE`.
        text: the answer, in the format of the prompt's example.
        decided: number of characters until the name is known. The likelihood covers only these
            characters. So teams or details that are hard to guess do not lower the rating of a
            class.
    """

    name: str
    text: str
    decided: int


def make_candidates(prompt: str, classes: Sequence[str]) -> list[Candidate]:
    """Return the candidates of a prompt: its example with the name of each class, and "none".

    Args:
        prompt: the prompt.
        classes: names of the classes in labels.yaml.

    Raises:
        InputError: the prompt shows no example of an answer, or does not allow the answer "none".
    """
    example = _example(prompt, classes)
    if example is None:
        raise InputError(
            "The prompt shows no example of an answer. generation.evidence needs one. "
            "Add a line of JSON that names a class, "
            f'such as [{{"label": "{classes[0] if classes else "Goal"}"}}], or set '
            "generation.evidence: false."
        )
    if not re.search(rf"\b{NONE}\b", prompt.replace(example[0], "")):
        raise InputError(
            f'The prompt does not allow the answer "{NONE}", which '
            "generation.evidence needs. Allow it in the prompt, or set generation.evidence: "
            "false."
        )
    if NONE in classes:
        raise InputError(
            f'A class is called "{NONE}", like the answer that denies any event. Give it another '
            "name in labels.yaml, or set generation.evidence: false."
        )
    line, begin, end = example
    named = [
        Candidate(name, f"{line[:begin]}{name}{line[end:]}", begin + len(name) + 1)
        for name in classes
    ]
    return [*named, Candidate(NONE, NONE, len(NONE))]


def _example(prompt: str, classes: Sequence[str]) -> tuple[str, int, int] | None:
    """Return the line of the first example, and the start and end of the class name in it."""
    for line in map(str.strip, prompt.splitlines()):
        if not line.startswith(("[", "{")):
            continue
        for quoted in re.finditer(r'"([^"]*)"', line):
            if quoted[1] in classes:
                return line, quoted.start(1), quoted.end(1)
    return None
