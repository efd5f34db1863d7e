"""The next token from a model's logits."""

from __future__ import annotations

import hashlib
import math

import torch

from touchline.inputs.settings import GenerationSettings


def choose(
    logits: torch.Tensor, settings: GenerationSettings, uniforms: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose a token for each row.

    Args:
        logits: [rows, vocabulary].
        uniforms: [rows], a random number in [0, 1) for each row; used with `do_sample`.

    Returns:
        token ids [rows], and the model's own log probability of each, [rows] in float32,
        that is, before temperature and top_p. A row whose logits are not all finite has no
        next token: it gets the id 0 and the log probability NaN.
    """
    finite = logits.isfinite().all(-1)
    logits = logits.float().masked_fill(~finite[:, None], 0.0)
    logprobs = logits.log_softmax(-1)
    if settings.do_sample:
        tokens = _nucleus(logits / settings.temperature, settings.top_p, uniforms)
    else:
        tokens = logprobs.argmax(-1)
    chosen = logprobs.gather(-1, tokens[:, None])[:, 0]
    return tokens.masked_fill(~finite, 0), chosen.masked_fill(~finite, math.nan)


def _nucleus(logits: torch.Tensor, top_p: float, uniforms: torch.Tensor) -> torch.Tensor:
    """Nucleus sampling (arXiv:1904.09751) by inverting the distribution at `uniforms`.

    One number a token, drawn beforehand, makes a row's choice its own: it does not depend
    on how many other rows draw from a generator.
    """
    probabilities, order = logits.softmax(-1).sort(dim=-1, descending=True, stable=True)
    before = probabilities.cumsum(-1) - probabilities
    kept = probabilities.masked_fill(before >= top_p, 0.0)  # the likeliest always stays
    reached = kept.cumsum(-1)
    place = torch.searchsorted(reached, uniforms[:, None] * reached[:, -1:], right=True)
    # Rounding may reach past the end; the last one kept is meant then.
    place = place.minimum((kept > 0).sum(-1, keepdim=True) - 1)
    return order.gather(-1, place)[:, 0]


def random_numbers(seed: int, video: int, start: float, count: int) -> torch.Tensor:
    """A window's own random numbers in [0, 1), [count]: the same in any slice, batch or attempt.

    Args:
        start: of the window, seconds.
    """
    digest = hashlib.sha256(f"{seed} {video} {start:.3f}".encode()).digest()
    # The generator takes 63 bits.
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)
    return torch.rand(count, generator=generator)
