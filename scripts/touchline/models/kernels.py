"""Compute two steps of a language model as one CUDA kernel each.

In transformers, rotating queries and keys by their positions (RoFormer, arXiv:2104.09864) takes
nine passes over them, and a gated layer (SwiGLU, arXiv:2002.05202) takes five. The kernels here
take two and three passes. Every number is rounded where PyTorch rounds it, so the results have the
same bits. If a kernel does not support a case or cannot be compiled, PyTorch's own steps are used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial, wraps
from typing import Any

import torch
from torch import nn
from torch.nn.functional import silu
from transformers.activations import SiLUActivation

from touchline.models.nvrtc import Kernel, compiled, launch

_SOURCE = r"""
// bfloat16 is the upper half of a float; to the nearest, ties to even.
__device__ float wide(unsigned short number) { return __uint_as_float((unsigned)number << 16); }
__device__ unsigned short narrow(float number) {
  unsigned bits = __float_as_uint(number);
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}
union Eight { uint4 all; unsigned short one[8]; };

// Rows of two halves, [batch, tokens, heads, 16 * parts], in place: the first half of a row turns
// to x cos - y sin, the second to y cos + x sin. An angle has a cosine for each half of a row.
extern "C" __global__ void rotate(uint4* rows, const uint4* cosines, const uint4* sines,
                                  int parts, int heads, int angles, int total) {
  int thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= total) return;
  int part = thread % parts, row = thread / parts;
  int x_at = row * 2 * parts + part, y_at = x_at + parts;
  int angle = (row / heads) % angles * 2 * parts + part;
  Eight x, y, cos_x, cos_y, sin_x, sin_y;
  x.all = rows[x_at]; y.all = rows[y_at];
  cos_x.all = cosines[angle]; cos_y.all = cosines[angle + parts];
  sin_x.all = sines[angle]; sin_y.all = sines[angle + parts];
#pragma unroll
  for (int k = 0; k < 8; k++) {
    float a = wide(x.one[k]), b = wide(y.one[k]);
    x.one[k] = narrow(wide(narrow(a * wide(cos_x.one[k]))) +
                      wide(narrow(-b * wide(sin_x.one[k]))));
    y.one[k] = narrow(wide(narrow(b * wide(cos_y.one[k]))) +
                      wide(narrow(a * wide(sin_y.one[k]))));
  }
  rows[x_at] = x.all; rows[y_at] = y.all;
}

// silu(gates) * values, into the gates.
extern "C" __global__ void gate(uint4* gates, const uint4* values, int total) {
  int thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= total) return;
  Eight x, y;
  x.all = gates[thread]; y.all = values[thread];
#pragma unroll
  for (int k = 0; k < 8; k++) {
    float a = wide(x.one[k]);
    x.one[k] = narrow(wide(narrow(a / (1.0f + expf(-a)))) * wide(y.one[k]));
  }
  gates[thread] = x.all;
}
"""
_DEVICE = "cuda"


@dataclass(frozen=True)
class Kernels:
    """The compiled kernels of `_SOURCE`."""

    rotate: Kernel
    gate: Kernel


@cache
def compile_kernels() -> Kernels | None:
    """Compile the kernels for this process's GPU.

    Return None without a GPU or if compiling fails.
    """
    rotate, gate = (compiled(_SOURCE, name) for name in ("rotate", "gate"))
    return Kernels(rotate, gate) if rotate and gate else None


def fuse_steps(model: nn.Module, kernels: Kernels) -> None:
    """Replace a model's rotations and gated layers by one kernel each.

    The library's function for rotations is replaced in the modules of its models, for the whole
    process. For types other than bfloat16, the function works as before.
    """
    for module in model.modules():
        is_silu = isinstance(getattr(module, "act_fn", None), (nn.SiLU, SiLUActivation))
        if is_silu and hasattr(module, "gate_proj"):
            module.forward = partial(_gated_layer, kernels.gate, module)
        source: Any = sys.modules[type(module).__module__]
        steps = getattr(source, "apply_rotary_pos_emb", None)
        if steps and not hasattr(steps, "is_fused"):
            source.apply_rotary_pos_emb = _rotation(kernels.rotate, steps)


def _rotation(rotate: Kernel, steps: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the library's function for rotations, so that it uses the kernel where possible."""

    @wraps(steps)
    def rotated(
        q: torch.Tensor, k: torch.Tensor, cos: Any, sin: Any, *more: Any, **how: Any
    ) -> Any:
        """Rotate queries and keys, [batch, heads, tokens, width], by angles [1 or batch, tokens,
        width].
        """
        if more or how or not all(_is_rotatable(each, cos, sin) for each in (q, k)):
            return steps(q, k, cos, sin, *more, **how)
        for each in (q, k):
            _, heads, _, width = each.shape
            sizes = width // 16, heads, cos.shape[0] * cos.shape[1]
            launch(rotate, each.numel() // 16, each, cos, sin, *sizes)
        return q, k

    rotated.is_fused = True  # type: ignore[attr-defined]
    return rotated


def _is_rotatable(rows: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> bool:
    """Return whether the kernel supports these tensors."""
    batch, _, tokens, width = rows.shape
    return (
        rows.device.type == _DEVICE
        and rows.dtype == cos.dtype == sin.dtype == torch.bfloat16
        and rows.transpose(1, 2).is_contiguous()
        and cos.is_contiguous()
        and sin.is_contiguous()
        and cos.shape == sin.shape
        and cos.shape in ((1, tokens, width), (batch, tokens, width))
        and width % 16 == 0
    )


def _gated_layer(gate: Kernel, layer: Any, hidden: torch.Tensor) -> torch.Tensor:
    """Compute a gated layer."""
    gates, values = layer.gate_proj(hidden), layer.up_proj(hidden)
    if gates.device.type == _DEVICE and gates.dtype == torch.bfloat16 and gates.numel() % 8 == 0:
        gates, values = gates.contiguous(), values.contiguous()
        launch(gate, gates.numel() // 8, gates, values)
    else:
        gates = silu(gates) * values
    product: torch.Tensor = layer.down_proj(gates)
    return product
