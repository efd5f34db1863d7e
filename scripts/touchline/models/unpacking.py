"""The weights of a loaded model, made ready to compute with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn


def unpacked_bytes(model: nn.Module, dtype: torch.dtype) -> int:
    """Memory that `unpack` would take beyond what the weights take now."""
    return sum(
        layer.in_features * layer.out_features * dtype.itemsize - layer.weight.nbytes
        for _, _, layer in _packed(model)
    )


def unpack(model: nn.Module, dtype: torch.dtype) -> None:
    """Turn 4-bit weights into plain ones of the same values.

    A product with 4-bit weights begins with doing just that, so nothing changes but the time
    (to the last bit where the library has no kernel of its own for the shape, as for prompts
    and for more than a few rows on an H100).
    """
    from bitsandbytes.functional import dequantize_4bit

    for parent, name, layer in list(_packed(model)):
        plain = nn.Linear(layer.in_features, layer.out_features, bias=False, device="meta")
        layer.weight.quant_state.dtype = dtype  # of what comes out, rounded once
        weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
        plain.weight = nn.Parameter(weight, requires_grad=False)
        plain.bias = layer.bias
        setattr(parent, name, plain)


def _packed(model: nn.Module) -> Iterator[tuple[nn.Module, str, Any]]:
    """Each 4-bit layer, with what holds it under which name."""
    from bitsandbytes.nn import Linear4bit

    for parent in model.modules():
        for name, layer in parent.named_children():
            if isinstance(layer, Linear4bit):
                yield parent, name, layer


def fuse_norms(model: nn.Module) -> None:
    """Let PyTorch compute the norms of transformers' Llamas and Qwens.

    Root mean square normalization (arXiv:1910.07467) is one kernel there, six here; they are
    a tenth of the time that a prompt takes on an H100.
    """
    for parent in list(model.modules()):
        for name, norm in list(parent.named_children()):
            epsilon = getattr(norm, "variance_epsilon", None)
            weight = getattr(norm, "weight", None)
            if isinstance(epsilon, float) and isinstance(weight, nn.Parameter):
                fused = nn.RMSNorm(weight.shape, eps=epsilon, device="meta")
                fused.weight = weight
                setattr(parent, name, fused)
