"""Draft the next tokens of an answer from earlier answers.

Answers about one match are similar, so tokens that followed the same context before are a good
guess (suffix decoding, arXiv:2411.04975). One step of the model reads a row's last token and its
draft. Draft tokens are kept only if the model would have chosen them without the draft. A draft
saves steps and never changes an answer.

The first answers of a slice are drafted from the prompt, which names the classes and the format,
and from the answers of another slice. With real answers, this saves three of ten steps
(benchmarks/drafts.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

# Lengths of the contexts that are looked up, longest first.
_CONTEXTS = (8, 4, 2, 1)
# Most contexts to keep. A slice with very long answers must not fill the memory.
_MOST_KNOWN = 2**20


class Drafts:
    """The tokens that followed each context in earlier answers."""

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[int, ...], int] = defaultdict(int)
        self._likeliest: dict[tuple[int, ...], int] = {}

    def learn(self, tokens: Sequence[int], first: int = 0) -> None:
        """Learn from an answer, or from a text like an answer.

        Args:
            tokens: The answer so far.
            first: Index of the first new token.
        """
        if len(self._counts) > _MOST_KNOWN:
            self._counts.clear()
            self._likeliest.clear()
        for end in range(first, len(tokens)):
            token = tokens[end]
            for length in _CONTEXTS:
                # At the start of an answer the context is shorter, which separates starts.
                context = (length, *tokens[max(0, end - length) : end])
                count = self._counts[*context, token] = self._counts[*context, token] + 1
                likeliest = self._likeliest.get(context)
                if likeliest is None or count >= self._counts[*context, likeliest]:
                    self._likeliest[context] = token

    def next_tokens(self, tokens: Sequence[int], count: int) -> list[int]:
        """Guess how an answer continues.

        Args:
            tokens: The answer so far.
            count: Number of tokens to guess.

        Returns:
            The guessed tokens, [count]; token 0 where there is no guess.
        """
        recent = list(tokens[-_CONTEXTS[0] :])
        known = len(recent)
        while len(recent) < known + count:
            token = self._next_token(recent)
            if token is None:
                break
            recent.append(token)
        guessed = recent[known:]
        return guessed + [0] * (count - len(guessed))

    def _next_token(self, recent: Sequence[int]) -> int | None:
        """Return the most frequent next token after the longest known context, or None."""
        for length in _CONTEXTS:
            token = self._likeliest.get((length, *recent[-length:]))
            if token is not None:
                return token
        return None
