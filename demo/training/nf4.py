"""Training under the rounding of 4-bit NormalFloat weights.

The checkpoint will be loaded in NF4. So in the last part of the training, the forward pass uses
rounded weights. The gradient ignores the rounding (a straight-through estimator).
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import nn
from torch.nn.utils import parametrize

BLOCK = 64  # weights that share one scale

# The sixteen values of NF4 (QLoRA, Dettmers et al. 2023, appendix E).
CODE_BOOK = (
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
)


def rounded(weight: torch.Tensor) -> torch.Tensor:
    """Return weights after quantization to NF4 and back. Their number is a multiple of BLOCK."""
    code = _code_book(weight.device)
    blocks = weight.detach().float().reshape(-1, BLOCK)
    scale = blocks.abs().amax(dim=1, keepdim=True).clamp(min=1e-12)
    nearest = torch.bucketize(blocks / scale, (code[1:] + code[:-1]) / 2)
    return (code[nearest] * scale).reshape(weight.shape).to(weight.dtype)


@lru_cache
def _code_book(device: torch.device) -> torch.Tensor:
    return torch.tensor(CODE_BOOK, device=device)


class Rounding(nn.Module):
    """A switch that makes all linear layers of a model use rounded weights while `active`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.active = False
        for layer in list(model.modules()):
            if isinstance(layer, nn.Linear):
                parametrize.register_parametrization(layer, "weight", self)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        if not self.active:
            return weight
        return weight + (rounded(weight) - weight).detach()


def unrounded_state(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the model's state, with the names of weights of a model without `Rounding`."""
    return {
        name.replace("parametrizations.weight.original", "weight"): tensor
        for name, tensor in model.state_dict().items()
    }
