"""Answers that begin alike, as a tree of tokens that a model reads in one pass.

The answers of 17 classes are some 130 tokens, but they begin with the same ones: read once, they
are some 50. In the pass, a token looks at the prompt, at the tokens that lead to it and at itself
(tree attention; SpecInfer, arXiv:2305.09781), so that it is read as if its answer were alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class CandidateTree:
    """The tokens of several answers, without those that the same beginning has led to before.

    A step leads to a token from the tokens before it. Its likelihood is told by the last of these,
    which is the prompt's last where there is none.

    Attributes:
        tokens: that are read, [read]; an answer's last token is not, unless another goes on there.
        depths: how many tokens of the answer are before each, [read].
        seen: which of the tokens each looks at, bool [read, read].
        told_by: of each step the place in `tokens` that tells it, -1 for the prompt, [steps].
        leads_to: of each step the token, [steps].
        paths: of each answer the steps, in order.
    """

    tokens: torch.Tensor
    depths: torch.Tensor
    seen: torch.Tensor
    told_by: torch.Tensor
    leads_to: torch.Tensor
    paths: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, answers: Sequence[Sequence[int]]) -> CandidateTree:
        """The tree of answers, each of one token or more."""
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
            told_by=torch.tensor([read.get(step[:-1], -1) for step in steps]),
            leads_to=torch.tensor([step[-1] for step in steps]),
            paths=tuple(
                tuple(steps[tuple(answer[: k + 1])] for k in range(len(answer)))
                for answer in answers
            ),
        )

    def likelihoods(self, steps: Sequence[float]) -> tuple[float, ...]:
        """The log-likelihood of each answer from that of each step."""
        return tuple(math.fsum(steps[step] for step in path) for path in self.paths)
