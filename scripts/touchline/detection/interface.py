"""What a model must offer, for its answers to be had in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch

from touchline.models.candidate_tree import CandidateTree
from touchline.models.kv_cache import RowCache


class Model(Protocol):
    """What answers: see `touchline.models.families.base.VideoLanguageModel`."""

    @property
    def eos(self) -> frozenset[int]:
        """The ids that end an answer."""

    @property
    def frames_per_picture(self) -> int:
        """Frames that are encoded as one."""

    @property
    def pictures_at_once(self) -> int:
        """Pictures that a call of `encode` should have."""

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pictures, uint8 [n, frames, 3, h, w], to features [n, tokens, width]."""

    def new_cache(self, rows: int, pictures: int, new_tokens: int) -> RowCache:
        """An empty cache for prompts with up to so many pictures, and their answers."""

    def prefill(
        self, features: torch.Tensor, cache: RowCache, rows: Sequence[int], odd: bool
    ) -> torch.Tensor:
        """Read prompts, the first into the first row and so on; gives logits [n, vocabulary].

        Args:
            features: [n, pictures, tokens, width].
            rows: at most n.
            odd: the last picture of each is a frame that had no partner.
        """

    def weigh(
        self,
        tree: CandidateTree,
        logits: torch.Tensor,
        cache: RowCache,
        rows: Sequence[int],
        pictures: int,
        odd: bool,
    ) -> torch.Tensor:
        """The log-likelihood of each step of a tree behind prompts that were read, [n, steps].

        Args:
            logits: that reading the prompts gave, [n, vocabulary].
            rows: with the prompts, n; the cache is as before.
        """

    def step(self, tokens: torch.Tensor, cache: RowCache) -> torch.Tensor:
        """Read one more token into each row, [rows]; gives logits [rows, vocabulary]."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Token ids to text, without special tokens."""
