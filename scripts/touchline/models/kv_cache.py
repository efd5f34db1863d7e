"""Keys and values of a batch whose rows start and finish at different times."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch


class RowCache:
    """Keys and values of several rows, each with its own length.

    Models of transformers take it as their cache, in calls that read one token for each row.

    Args:
        shape: rows, heads, length and width of a layer's keys.
    """

    def __init__(
        self,
        layers: int,
        shape: tuple[int, int, int, int],
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.keys = [torch.zeros(shape, dtype=dtype, device=device) for _ in range(layers)]
        self.values = [torch.zeros(shape, dtype=dtype, device=device) for _ in range(layers)]
        self.lengths = torch.zeros(shape[0], dtype=torch.long, device=device)
        self.shifts = torch.zeros_like(self.lengths)
        # The step that reads this cache, where it is recorded; it goes when the cache goes.
        self.replayed: Callable[[torch.Tensor], torch.Tensor] | None = None
        self._rows = torch.arange(shape[0], device=device)
        self._places = torch.arange(shape[2], device=device)

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
        """Let rows continue after a prompt of so many tokens.

        Args:
            shift: how far the position of the next token is ahead of its place in the cache.
        """
        some = torch.tensor(rows, device=self.lengths.device)
        self.lengths[some] = tokens
        self.shifts[some] = shift

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add one token's keys and values to each row, [rows, heads, 1, width]; gives all."""
        self.keys[layer][self._rows, :, self.lengths] = keys[:, :, 0]
        self.values[layer][self._rows, :, self.lengths] = values[:, :, 0]
        return self.keys[layer], self.values[layer]

    def advance(self) -> None:
        """Count the token that every layer has added to each row."""
        # A row that nobody reads must not grow past the end while it idles.
        self.lengths.add_(1).clamp_(max=len(self._places) - 1)

    def positions(self) -> torch.Tensor:
        """The position of each row's next token, [rows, 1]."""
        return (self.lengths + self.shifts)[:, None]

    def mask(self) -> torch.Tensor:
        """What each row's next token may look at, itself too: bool [rows, 1, 1, length]."""
        return (self._places <= self.lengths[:, None])[:, None, None]
