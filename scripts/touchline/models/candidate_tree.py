"""Combine candidate answers into a tree of tokens that a model reads in one pass.

The likelihoods of the answers are the evidence.

The answers for 17 classes have about 130 tokens, but they share their beginnings. Without the
repeats, about 50 tokens are left. In the pass, a token attends to the prompt, to the tokens before
it in its answer and to itself (tree attention; SpecInfer, arXiv:2305.09781). So each token is read
as if its answer were the only one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class CandidateTree:
    """The tokens of several answers. A shared beginning is stored only once.

    A step leads from a prefix of an answer to the next token. The logits after the last token of
    the prefix give the likelihood of the step. The first step of an answer uses the logits after
    the prompt.

    Attributes:
        tokens: tokens to read, [read]. The last token of an answer is left out, unless another
            answer continues after it.
        depths: number of tokens before each token in its answer, [read].
        seen: whether a token attends to another token, bool [read, read].
        predicted_by: index in `tokens` of the token whose logits give each step; -1 for the prompt,
            [steps].
        leads_to: the token that each step leads to, [steps].
        paths: the steps of each answer, in order.
    """

    tokens: torch.Tensor
    depths: torch.Tensor
    seen: torch.Tensor
    predicted_by: torch.Tensor
    leads_to: torch.Tensor
    paths: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, answers: Sequence[Sequence[int]]) -> CandidateTree:
        """Build the tree of answers with at least one token each."""
        steps: dict[tuple[int, ...], int] = {}
        read: dict[tuple[int, ...], int] = {}
        for answer in answers:
            for length in range(1, len(answer) + 1):
                steps.setdefault(tuple(answer[:length]), len(steps))
                if length < len(answer):
                    read.setdefault(tuple(answer[:length]), len(read))
        seen = torch.zeros((len(read), len(read)), dtype=torch.bool)
        for before, place in read.items():
            for length in range(1, len(before) + 1):
                seen[place, read[before[:length]]] = True
        return cls(
            tokens=torch.tensor([before[-1] for before in read], dtype=torch.long),
            depths=torch.tensor([len(before) - 1 for before in read], dtype=torch.long),
            seen=seen,
            predicted_by=torch.tensor([read.get(step[:-1], -1) for step in steps]),
            leads_to=torch.tensor([step[-1] for step in steps]),
            paths=tuple(
                tuple(steps[tuple(answer[: k + 1])] for k in range(len(answer)))
                for answer in answers
            ),
        )

    def likelihoods(self, steps: Sequence[float]) -> tuple[float, ...]:
        """Compute the log-likelihood of each answer from the log-likelihood of each step."""
        return tuple(math.fsum(steps[step] for step in path) for path in self.paths)
