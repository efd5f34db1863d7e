"""Keys and values of a batch whose rows start and finish at different times."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

# Tokens that a step reads into each row beyond its last one, as drafts of the next ones. Each
# costs arithmetic, and the later ones are seldom right (benchmarks/GPU.md).
DRAFTS = 5


class RowCache:
    """Keys and values of several rows, each with its own length.

    Models of transformers take it as their cache, in calls that read the last token of each row
    and its drafts. What a step has read counts from `advance` on; the next step overwrites the
    rest.

    Args:
        shape: Rows, heads, length and width of a layer's keys. Drafts get room beyond the length.

    Attributes:
        drafts: Drafts that a step reads into each row.
        lengths: Tokens that each row holds, [rows].
    """

    def __init__(
        self,
        layers: int,
        shape: tuple[int, int, int, int],
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.drafts = DRAFTS
        rows, heads, length, width = shape
        full = (rows, heads, length + self.drafts, width)
        self.keys = [torch.zeros(full, dtype=dtype, device=device) for _ in range(layers)]
        self.values = [torch.zeros(full, dtype=dtype, device=device) for _ in range(layers)]
        self.lengths = torch.zeros(rows, dtype=torch.long, device=device)
        self.shifts = torch.zeros_like(self.lengths)
        # The step that reads this cache, where it is recorded; it goes when the cache goes.
        self.replayed: Callable[[torch.Tensor], torch.Tensor] | None = None
        self._rows = torch.arange(rows, device=device)[:, None]
        self._ahead = torch.arange(1 + self.drafts, device=device)
        self._places = torch.arange(full[2], device=device)
        # Where the next step puts its tokens, [rows, 1 + drafts]: kept beside the lengths, so that
        # not every layer works it out again.
        self._next = self.lengths[:, None] + self._ahead

    def put(
        self, rows: Sequence[int], layer: int, keys: torch.Tensor, values: torch.Tensor
    ) -> None:
        """Set the first rows' keys and values to those of prompts, [n, heads, tokens, width]."""
        tokens = keys.shape[2]
        # Row by row, as these are plain copies; an indexed one takes three times as long.
        for number, row in enumerate(rows):
            self.keys[layer][row, :, :tokens] = keys[number]
            self.values[layer][row, :, :tokens] = values[number]

    def clear(self, rows: Sequence[int]) -> None:
        """Forget rows' keys and values.

        Values that are not finite would reach the row's next window: zero times NaN is NaN, so a
        mask does not keep them out.
        """
        for each in (*self.keys, *self.values):
            each[list(rows)] = 0.0

    def begin(self, rows: Sequence[int], tokens: int, shift: int) -> None:
        """Let rows continue after a prompt.

        Args:
            tokens: Length of the prompt.
            shift: Distance from the place of the next token in the cache to its position.
        """
        some = torch.tensor(rows, device=self.lengths.device)
        self.lengths[some] = tokens
        self.shifts[some] = shift
        self._next[some] = tokens + self._ahead

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add a step's keys and values, [rows, heads, 1 + drafts, width]; return all of a layer."""
        self.keys[layer][self._rows, :, self._next] = keys.transpose(1, 2)
        self.values[layer][self._rows, :, self._next] = values.transpose(1, 2)
        return self.keys[layer], self.values[layer]

    def advance(self, counts: Sequence[int]) -> None:
        """Keep the first tokens that the last step has read into each row, [rows]."""
        read = torch.tensor(counts, device=self.lengths.device)
        self.lengths += read
        self._next += read[:, None]

    def positions(self) -> torch.Tensor:
        """Return the positions of the next step's tokens, [rows, 1 + drafts]."""
        return self._next + self.shifts[:, None]

    def mask(self) -> torch.Tensor:
        """Tell which places the next step's tokens look at: [rows, 1, 1 + drafts, places]."""
        return (self._places <= self._next[:, :, None])[:, None]
