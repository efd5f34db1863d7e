"""Drafts of an answer's next tokens, from the answers before it.

Answers about one match resemble each other, so the tokens that followed the same ones before are a
good guess (suffix decoding, arXiv:2411.04975). A step of the model reads a row's last token and
its draft at once and keeps the tokens that the model chooses itself. So a draft saves steps and
never changes an answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

# How many of the last tokens are looked up, the longest stretch that is known first.
_CONTEXTS = (8, 4, 2, 1)
# Stretches with a next token. A slice of runaway answers must not fill the memory.
_MOST_KNOWN = 2**20


class Drafts:
    """The tokens that followed each stretch of tokens in the answers of a slice."""

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[int, ...], int] = defaultdict(int)
        self._likeliest: dict[tuple[int, ...], int] = {}

    def learn(self, tokens: Sequence[int], first: int) -> None:
        """Learn from an answer.

        Args:
            tokens: The answer up to now.
            first: Index of the first token that is new.
        """
        if len(self._counts) > _MOST_KNOWN:
            self._counts.clear()
            self._likeliest.clear()
        for end in range(first, len(tokens)):
            token = tokens[end]
            for length in _CONTEXTS:
                # Shorter at the beginning of an answer, which sets beginnings apart.
                context = (length, *tokens[max(0, end - length) : end])
                count = self._counts[*context, token] = self._counts[*context, token] + 1
                likeliest = self._likeliest.get(context)
                if likeliest is None or count >= self._counts[*context, likeliest]:
                    self._likeliest[context] = token

    def next_tokens(self, tokens: Sequence[int], count: int) -> list[int]:
        """Guess how an answer continues.

        Args:
            tokens: The answer up to now.
            count: Tokens to guess.

        Returns:
            [count]; 0 where nothing is known.
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
        for length in _CONTEXTS:
            token = self._likeliest.get((length, *recent[-length:]))
            if token is not None:
                return token
        return None
