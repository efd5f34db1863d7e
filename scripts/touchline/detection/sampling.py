"""Choose the next token from a model's logits."""

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
        logits: logits, [rows, vocabulary].
        settings: settings of sampling.
        uniforms: a random number in [0, 1) per row, [rows]; used with `do_sample`.

    Returns:
        The token ids and their log probabilities before temperature and top_p, [rows] each. A row
        with logits that are not finite gets the id 0 and the log probability NaN.
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
    """Sample from the nucleus (arXiv:1904.09751) by inverting the distribution at `uniforms`.

    Each token uses one random number drawn beforehand. A row's choice therefore does not depend on
    the number of other rows that draw from a generator.
    """
    probabilities, order = logits.softmax(-1).sort(dim=-1, descending=True, stable=True)
    before = probabilities.cumsum(-1) - probabilities
    kept = probabilities.masked_fill(before >= top_p, 0.0)  # the most probable token always stays
    reached = kept.cumsum(-1)
    place = torch.searchsorted(reached, uniforms[:, None] * reached[:, -1:], right=True)
    # If rounding reaches past the end, use the last kept token.
    place = place.minimum((kept > 0).sum(-1, keepdim=True) - 1)
    return order.gather(-1, place)[:, 0]


def random_numbers(seed: int, video: int, start: float, count: int) -> torch.Tensor:
    """Return the random numbers of a window in [0, 1), [count].

    They are the same in every slice, batch and attempt.

    Args:
        seed: seed from the settings.
        video: number of the video.
        start: start of the window in seconds.
        count: how many numbers to draw.
    """
    digest = hashlib.sha256(f"{seed} {video} {start:.3f}".encode()).digest()
    # The generator accepts 63 bits.
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)
    return torch.rand(count, generator=generator)
