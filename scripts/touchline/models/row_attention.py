"""Compute attention of a step's few tokens in each row, over that row's part of the cache.

PyTorch's attention reads the whole cache, including unused places. It takes 1.5 times as long for
several tokens per row as for one. Up to the row's own length, the kernel here reads each key and
value once for all tokens and all heads that share it. Sources: FlashAttention-2 (arXiv:2307.08691),
with keys divided among warps; grouped heads (arXiv:2305.13245). A token's result depends neither on
the other rows, nor on its place among the tokens of the step.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from touchline.models.nvrtc import Kernel, compiled

# Instructions of GPUs since Ampere. A warp computes products of 16 x 16 and 16 x 8 numbers
# together. Two bfloat16 numbers are packed into one word.
_INSTRUCTIONS = r"""
__device__ void multiply(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ unsigned pair(float low, float high) {
  unsigned both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
}
"""
_SOURCE = r"""
union Words { uint4 all; unsigned word[4]; };

// One block computes up to 16 queries of a row that share a head of keys; rows have 128 numbers.
// A query is a token of the step and one of the `groups` heads. Its lane is lane / 4 of a warp, and
// that plus 8. Each warp takes every fourth stretch of 16 keys; what the warps find is joined.
extern "C" __global__ void __launch_bounds__(128)
attend(const uint4* queries, const uint4* keys, const uint4* values, uint4* results,
       const long long* lengths, double scale, int tokens, int groups, int places,
       int row_stride, int head_stride, int token_stride) {
  __shared__ float sums[4][16][132], tops[4][16], totals[4][16];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4;
  int heads = gridDim.y, row = blockIdx.x, head = blockIdx.y, first = 16 * blockIdx.z;
  int length = (int)lengths[row], count = tokens * groups;
  const float none = -1e30f, below = -3e38f, scaled = (float)scale * 1.44269504f;

  // Numbers are taken in an order of their own, the same for queries and keys: 8 in a row a lane.
  unsigned query[8][4];
  int seen[2];
#pragma unroll
  for (int half = 0; half < 2; half++) {
    int number = first + g + 8 * half, token = number % tokens;
    int begin = row * row_stride + (head * groups + number / tokens) * head_stride;
    seen[half] = length + token + 1;
#pragma unroll
    for (int j = 0; j < 4; j++) {
      Words some;
      some.all = make_uint4(0, 0, 0, 0);
      if (number < count) some.all = queries[(begin + token * token_stride) / 8 + 4 * j + t];
      query[2 * j][half] = some.word[0];
      query[2 * j][half + 2] = some.word[1];
      query[2 * j + 1][half] = some.word[2];
      query[2 * j + 1][half + 2] = some.word[3];
    }
  }

  const uint4* row_keys = keys + (long long)(row * heads + head) * places * 16;
  const uint4* row_values = values + (long long)(row * heads + head) * places * 16;
  float result[16][4], top[2] = {none, none}, total[2] = {0.0f, 0.0f};
#pragma unroll
  for (int n = 0; n < 16; n++) result[n][0] = result[n][1] = result[n][2] = result[n][3] = 0.0f;

  for (int base = 16 * warp; base < length + tokens; base += 64) {
    Words key[2][4], value[4][2];
#pragma unroll
    for (int e = 0; e < 2; e++)
#pragma unroll
      for (int j = 0; j < 4; j++)
        key[e][j].all = row_keys[16 * min(base + 8 * e + g, places - 1) + 4 * j + t];
#pragma unroll
    for (int k = 0; k < 4; k++)
#pragma unroll
      for (int half = 0; half < 2; half++)
        value[k][half].all =
            row_values[16 * min(base + 2 * t + k % 2 + 8 * (k / 2), places - 1) + 8 * half + g];

    float score[2][4];
#pragma unroll
    for (int e = 0; e < 2; e++) {
      score[e][0] = score[e][1] = score[e][2] = score[e][3] = 0.0f;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        multiply(score[e], query[2 * j], key[e][j].word[0], key[e][j].word[1]);
        multiply(score[e], query[2 * j + 1], key[e][j].word[2], key[e][j].word[3]);
      }
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float most = top[half];
#pragma unroll
      for (int e = 0; e < 2; e++)
#pragma unroll
        for (int k = 0; k < 2; k++) {
          float& one = score[e][2 * half + k];
          one = base + 8 * e + 2 * t + k < seen[half] ? one * scaled : below;
          most = fmaxf(most, one);
        }
      most = fmaxf(most, __shfl_xor_sync(0xffffffff, most, 1));
      most = fmaxf(most, __shfl_xor_sync(0xffffffff, most, 2));
      float less = exp2f(top[half] - most);
      top[half] = most;
      total[half] *= less;
#pragma unroll
      for (int n = 0; n < 16; n++) {
        result[n][2 * half] *= less;
        result[n][2 * half + 1] *= less;
      }
#pragma unroll
      for (int e = 0; e < 2; e++)
#pragma unroll
        for (int k = 0; k < 2; k++) {
          float& one = score[e][2 * half + k];
          one = exp2f(one - most);
          total[half] += one;
        }
    }
    unsigned weight[4] = {pair(score[0][0], score[0][1]), pair(score[0][2], score[0][3]),
                          pair(score[1][0], score[1][1]), pair(score[1][2], score[1][3])};
#pragma unroll
    for (int n = 0; n < 16; n++) {
      int half = n / 8, word = n % 8 / 2, which = n % 2 ? 0x7632 : 0x5410;
      multiply(result[n], weight,
               __byte_perm(value[0][half].word[word], value[1][half].word[word], which),
               __byte_perm(value[2][half].word[word], value[3][half].word[word], which));
    }
  }

#pragma unroll
  for (int half = 0; half < 2; half++) {
    total[half] += __shfl_xor_sync(0xffffffff, total[half], 1);
    total[half] += __shfl_xor_sync(0xffffffff, total[half], 2);
    if (t == 0) {
      tops[warp][g + 8 * half] = top[half];
      totals[warp][g + 8 * half] = total[half];
    }
#pragma unroll
    for (int n = 0; n < 16; n++)
#pragma unroll
      for (int k = 0; k < 2; k++)
        sums[warp][g + 8 * half][64 * (n / 8) + 8 * (2 * t + k) + n % 8] = result[n][2 * half + k];
  }
  __syncthreads();

  for (int part = threadIdx.x; part < 16 * 16; part += 128) {
    int number = first + part / 16, q = part / 16, begin = part % 16 * 8;
    if (number >= count) break;
    float most = none, all = 0.0f, share[4], joined[8];
    for (int w = 0; w < 4; w++) most = fmaxf(most, tops[w][q]);
    for (int w = 0; w < 4; w++) {
      share[w] = exp2f(tops[w][q] - most);
      all += share[w] * totals[w][q];
    }
    for (int n = 0; n < 8; n++) {
      joined[n] = 0.0f;
      for (int w = 0; w < 4; w++) joined[n] += share[w] * sums[w][q][begin + n];
      joined[n] /= all;
    }
    int at = head * groups + number / tokens, token = number % tokens;
    results[((row * tokens + token) * heads * groups + at) * 16 + part % 16] =
        make_uint4(pair(joined[0], joined[1]), pair(joined[2], joined[3]),
                   pair(joined[4], joined[5]), pair(joined[6], joined[7]));
  }
}
"""
ROWS = "touchline_rows"  # name of this attention in transformers
_WIDTH = 128
_AT_ONCE = 16  # queries per block
_THREADS = 128


@cache
def attention_kernel() -> Kernel | None:
    """Compile the kernel. Return None without a GPU, or if the GPU cannot run it."""
    return compiled(_INSTRUCTIONS + _SOURCE, "attend")


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    row_lengths: torch.Tensor | None = None,
    **how: Any,
) -> tuple[torch.Tensor, None]:
    """Compute attention with the interface of transformers' models.

    Args:
        module: The attention layer.
        query: Queries, [rows, heads, tokens, width].
        key, value: Keys and values, [rows, heads that share them, places, width].
        attention_mask: Which places each token attends to, [rows, 1, tokens, places].
        scaling: Factor of the products; None for the default.
        row_lengths: Length of each row before a step, [rows]. Each token attends to this many
            places, to the earlier tokens of the step and to itself. None outside a step.

    Returns:
        The results, [rows, tokens, heads, width].
    """
    if row_lengths is not None and (kernel := attention_kernel()) and _fits(query, key, value):
        return _launched(kernel, query, key, value, row_lengths, scaling), None
    if attention_mask is None or attention_mask.shape[1] > 1:
        stock = AttentionInterface()["sdpa"]
        found: tuple[torch.Tensor, None] = stock(
            module, query, key, value, attention_mask, scaling=scaling, **how
        )
        return found
    # Treat heads that share keys as queries of one head, so that keys are not repeated.
    rows, heads, tokens, width = query.shape
    shared = key.shape[1]
    packed = query.reshape(rows, shared, -1, width)
    mask = attention_mask.repeat(1, 1, heads // shared, 1)
    results = scaled_dot_product_attention(packed, key, value, attn_mask=mask, scale=scaling)
    return results.reshape(rows, heads, tokens, width).transpose(1, 2).contiguous(), None


def _fits(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> bool:
    """Return whether the kernel supports these tensors."""
    return (
        query.dtype == key.dtype == value.dtype == torch.bfloat16
        and query.shape[-1] == _WIDTH
        and query.stride(-1) == 1
        and key.is_contiguous()
        and value.is_contiguous()
        and max(query.numel(), key.numel()) < 2**31
    )


def _launched(
    kernel: Kernel,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    lengths: torch.Tensor,
    scaling: float | None,
) -> torch.Tensor:
    """Run the kernel."""
    rows, heads, tokens, width = query.shape
    shared, places = key.shape[1:3]
    groups = heads // shared
    results = query.new_empty((rows, tokens, heads, width))
    row, head, token, _ = query.stride()
    sizes = (tokens, groups, places, row, head, token)
    blocks = (rows, shared, (tokens * groups + _AT_ONCE - 1) // _AT_ONCE)
    scale = width**-0.5 if scaling is None else float(scaling)
    kernel(
        grid=blocks,
        block=(_THREADS, 1, 1),
        args=[query, key, value, results, lengths, scale, *sizes],
    )
    return results


AttentionInterface.register(ROWS, attend)
AttentionMaskInterface.register(ROWS, sdpa_mask)
