"""What a model generates, and the model's own probability of it.

Confidences that models write are near-constant and rank nothing; the probability of
the label's tokens does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from touchline.core.records import ParsedEvent


@dataclass(frozen=True)
class Generated:
    """A model's answer.

    Attributes:
        text: the answer without special tokens, otherwise untouched.
        tokens: ids generated, the end of sequence included.
        logprobs: the model's own log probability of each token, whatever the sampling.
        evidence: the log-likelihood of each candidate; none where they are not weighed, or
            where one is not finite.
        hidden: what the first token was made from, float16 [width]; None where nothing is learnt.
    """

    text: str
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    evidence: tuple[float, ...] = ()
    hidden: np.ndarray | None = field(default=None, compare=False, repr=False)


def mean_probability(logprobs: Sequence[float]) -> float | None:
    """Geometric mean of the tokens' probabilities; None of no token."""
    return round(math.exp(sum(logprobs) / len(logprobs)), 6) if logprobs else None


def score_events(
    events: Sequence[ParsedEvent], generated: Generated, decode: Callable[[Sequence[int]], str]
) -> list[ParsedEvent]:
    """Give each event the probability of its label's tokens.

    Args:
        events: parsed from the generated text, in the order they stand there.
        decode: token ids to text, as the text was made.

    Returns:
        The events with `score` set: the product of the probabilities of the tokens that
        spell the label; None where the label does not stand in the text to the letter.
    """
    ends = [len(decode(generated.tokens[: k + 1])) for k in range(len(generated.tokens))]
    spans = list(zip([0, *ends], ends, generated.logprobs, strict=False))
    scored, cursor = [], 0
    for event in events:
        begin = generated.text.find(event.label, cursor)
        if begin < 0:
            scored.append(event)
            continue
        cursor = begin + len(event.label)
        spelling = sum(logp for start, end, logp in spans if start < cursor and end > begin)
        score = round(min(1.0, math.exp(spelling)), 6)
        scored.append(event.model_copy(update={"score": score}))
    return scored
