"""Store keys and values of a batch whose rows start and finish at different times."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

# Number of draft tokens that a step reads into each row after its last token. Each draft costs
# arithmetic, and later drafts are rarely right (benchmarks/GPU.md).
DRAFTS = 5


class RowCache:
    """Keys and values of several rows with their own lengths.

    Models of transformers use it as their cache, in calls that read each row's last token and
    drafts. `advance` sets how much of a step is kept. The next step overwrites the rest.

    Args:
        layers: Number of layers.
        shape: Rows, heads, length and width of a layer's keys. Drafts get room beyond the length.
        dtype: Type of the numbers.
        device: Device of the tensors.

    Attributes:
        drafts: Number of drafts that a step reads into each row.
        lengths: Number of tokens in each row, [rows].
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
        # The recorded step that reads this cache. It lives as long as the cache.
        self.replayed: Callable[[torch.Tensor], torch.Tensor] | None = None
        self._rows = torch.arange(rows, device=device)[:, None]
        self._ahead = torch.arange(1 + self.drafts, device=device)
        self._places = torch.arange(full[2], device=device)
        # Places of the next step's tokens, [rows, 1 + drafts]. They are stored, so that layers need
        # not compute them again.
        self._next = self.lengths[:, None] + self._ahead

    def put(
        self, rows: Sequence[int], layer: int, keys: torch.Tensor, values: torch.Tensor
    ) -> None:
        """Set the keys and values of rows to those of prompts, [n, heads, tokens, width]."""
        tokens = keys.shape[2]
        # Copy row by row, because an indexed copy takes three times as long.
        for number, row in enumerate(rows):
            self.keys[layer][row, :, :tokens] = keys[number]
            self.values[layer][row, :, :tokens] = values[number]

    def clear(self, rows: Sequence[int]) -> None:
        """Set the keys and values of rows to zero.

        Otherwise values that are not finite would affect the row's next window. A mask does not
        exclude them, because zero times NaN is NaN.
        """
        for each in (*self.keys, *self.values):
            each[list(rows)] = 0.0

    def begin(self, rows: Sequence[int], tokens: int, shift: int) -> None:
        """Let rows continue after a prompt.

        Args:
            rows: Numbers of the rows.
            tokens: Length of the prompt.
            shift: Difference between the position of the next token and its place in the cache.
        """
        some = torch.tensor(rows, device=self.lengths.device)
        self.lengths[some] = tokens
        self.shifts[some] = shift
        self._next[some] = tokens + self._ahead

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add a step's keys and values, [rows, heads, 1 + drafts, width].

        Return all keys and values of the layer.
        """
        self.keys[layer][self._rows, :, self._next] = keys.transpose(1, 2)
        self.values[layer][self._rows, :, self._next] = values.transpose(1, 2)
        return self.keys[layer], self.values[layer]

    def advance(self, counts: Sequence[int]) -> None:
        """Keep the first tokens that the last step read into each row.

        Args:
            counts: Number of tokens to keep per row, [rows].
        """
        read = torch.tensor(counts, device=self.lengths.device)
        self.lengths += read
        self._next += read[:, None]

    def positions(self) -> torch.Tensor:
        """Return the positions of the next step's tokens, [rows, 1 + drafts]."""
        return self._next + self.shifts[:, None]

    def mask(self) -> torch.Tensor:
        """Return the cache positions that the next step's tokens attend to.

        The shape is [rows, 1, 1 + drafts, positions].
        """
        return (self._places <= self._next[:, :, None])[:, None]
