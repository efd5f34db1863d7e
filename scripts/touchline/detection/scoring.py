"""Score events by the model's own probability of their labels.

The confidences that models write are almost constant and do not rank events. The probability of the
label's tokens does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from touchline.core.records import ParsedEvent


@dataclass(frozen=True)
class Generated:
    """A model's answer to one window.

    Attributes:
        text: the answer without special tokens, otherwise unchanged.
        tokens: generated token ids, including the end of sequence.
        logprobs: the model's own log probability of each token, independent of sampling.
        evidence: log-likelihood of each candidate; empty if no evidence is kept or a value is not
            finite.
        hidden: hidden state that the first token is computed from, float16 [width]; None if it is
            not kept.
    """

    text: str
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    evidence: tuple[float, ...] = ()
    hidden: np.ndarray | None = field(default=None, compare=False, repr=False)


def mean_probability(logprobs: Sequence[float]) -> float | None:
    """Return the geometric mean of the tokens' probabilities, or None without tokens."""
    return round(math.exp(sum(logprobs) / len(logprobs)), 6) if logprobs else None


def score_events(
    events: Sequence[ParsedEvent], generated: Generated, decode: Callable[[Sequence[int]], str]
) -> list[ParsedEvent]:
    """Give each event the probability of its label's tokens.

    Args:
        events: events parsed from the generated text, in their order.
        generated: the answer.
        decode: function that converts token ids to text.

    Returns:
        The events with `score`: the product of the probabilities of the tokens that spell the
        label. The score is None if the text does not contain the label literally.
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
