"""Compare the attention kernel with PyTorch. Its source runs here as C++, on threads."""

import ctypes
import math
import shutil
import subprocess

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from rounding import assert_near
from touchline.models import row_attention

# GPU features for a C++ compiler. A warp's products and exchanges wait for all of its lanes.
AS_C = """
#include <barrier>
#include <cmath>
#include <cstring>
#include <thread>
#include <vector>
#define __device__ static
#define __global__
#define __launch_bounds__(threads)
#define __shared__ static
struct Three { int x, y, z; };
static Three blockIdx, gridDim;
static thread_local Three threadIdx;
struct uint4 { unsigned x, y, z, w; };
static uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
static int min(int a, int b) { return a < b ? a : b; }
static std::barrier<> block_waits(128);
static std::barrier<> warp_waits[4] = {std::barrier<>(32), std::barrier<>(32), std::barrier<>(32),
                                       std::barrier<>(32)};
static void __syncthreads() { block_waits.arrive_and_wait(); }
static void wait() { warp_waits[threadIdx.x / 32].arrive_and_wait(); }
static float __shfl_xor_sync(unsigned, float number, int distance) {
  static float all[128];
  all[threadIdx.x] = number;
  wait();
  float other = all[threadIdx.x ^ distance];
  wait();
  return other;
}
static unsigned __byte_perm(unsigned low, unsigned high, unsigned which) {
  unsigned long long both = (unsigned long long)high << 32 | low;
  unsigned result = 0;
  for (int k = 0; k < 4; k++)
    result |= (unsigned)(both >> 8 * (which >> 4 * k & 7) & 255) << 8 * k;
  return result;
}
static float wide(unsigned word, int half) {
  unsigned bits = half ? word & 0xffff0000 : word << 16;
  float number;
  memcpy(&number, &bits, 4);
  return number;
}
static unsigned narrow(float number) {
  unsigned bits;
  memcpy(&bits, &number, 4);
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}
static unsigned pair(float low, float high) { return narrow(low) | narrow(high) << 16; }
// As PTX lays out the parts of mma.m16n8k16 in the lanes of a warp.
static void multiply(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  static unsigned left[128][4], right[128][2];
  int thread = threadIdx.x, lane = thread % 32, warp = thread - lane;
  memcpy(left[thread], a, sizeof(a));
  right[thread][0] = b0;
  right[thread][1] = b1;
  wait();
  for (int c = 0; c < 4; c++) {
    int row = lane / 4 + c / 2 * 8, column = lane % 4 * 2 + c % 2;
    for (int k = 0; k < 16; k++) {
      float x = wide(left[warp + row % 8 * 4 + k % 8 / 2][row / 8 + 2 * (k / 8)], k % 2);
      float y = wide(right[warp + column * 4 + k % 8 / 2][k / 8], k % 2);
      sums[c] += x * y;
    }
  }
  wait();
}
"""
LAUNCH = """
extern "C" void launch(int x, int y, int z, const uint4* q, const uint4* k, const uint4* v,
                       uint4* results, const long long* lengths, double scale, int tokens,
                       int groups, int places, int row, int head, int token) {
  gridDim = {x, y, z};
  for (int block = 0; block < x * y * z; block++) {
    blockIdx = {block % x, block / x % y, block / x / y};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 128; thread++)
      threads.emplace_back([=] {
        threadIdx.x = thread;
        attend(q, k, v, results, lengths, scale, tokens, groups, places, row, head, token);
      });
    for (auto& thread : threads) thread.join();
  }
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if not shutil.which("g++"):
        pytest.skip("g++ is not installed")
    folder = tmp_path_factory.mktemp("attention")
    (folder / "attention.cpp").write_text(AS_C + row_attention._SOURCE + LAUNCH)
    command = ["g++", "-std=c++20", "-O1", "-w", "-shared", "-fPIC", "-pthread"]
    subprocess.run([*command, "attention.cpp", "-o", "attention.so"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "attention.so"))


@pytest.fixture
def kernel(library, monkeypatch):
    def run(grid, block, args):
        assert block == (128, 1, 1)
        as_c = [
            ctypes.c_void_p(a.data_ptr())
            if isinstance(a, torch.Tensor)
            else ctypes.c_double(a)
            if isinstance(a, float)
            else a
            for a in args
        ]
        library.launch(*grid, *as_c)

    monkeypatch.setattr(row_attention, "attention_kernel", lambda: run)


def case(tokens, groups, lengths, shared=2, places=100):
    """Return queries, keys, values, the mask and the lengths of rows."""
    source = torch.Generator().manual_seed(tokens * groups)
    rows = len(lengths)

    def numbers(*shape):
        return torch.randn(shape, generator=source).bfloat16()

    query = numbers(rows, tokens, shared * groups, 128).transpose(1, 2)
    key, value = (numbers(rows, shared, places, 128) for _ in range(2))
    ends = torch.tensor(lengths)[:, None] + torch.arange(tokens)
    mask = (torch.arange(places) <= ends[:, :, None])[:, None]
    return query, key, value, mask, torch.tensor(lengths)


def by_pytorch(query, key, value, mask, scaling):
    groups = query.shape[1] // key.shape[1]
    repeated = (each.float().repeat_interleave(groups, 1) for each in (key, value))
    found = scaled_dot_product_attention(query.float(), *repeated, attn_mask=mask, scale=scaling)
    return found.transpose(1, 2).bfloat16()


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize(
    ("tokens", "groups", "lengths"),
    [(6, 1, [0, 63, 94]), (5, 7, [17]), (1, 1, [31, 99]), (4, 4, [70])],
)
def test_attention_kernel_equals_pytorch(tokens, groups, lengths):
    query, key, value, mask, held = case(tokens, groups, lengths)
    found, _ = row_attention.attend(
        torch.nn.Module(), query, key, value, None, scaling=0.1, row_lengths=held
    )
    assert found.shape == (len(lengths), tokens, 2 * groups, 128)
    assert_near(found.float(), by_pytorch(query, key, value, mask, 0.1).float(), share=0.02)


@pytest.mark.usefixtures("kernel")
def test_attention_of_a_token_does_not_depend_on_its_position_in_the_step():
    query, key, value, _, _ = case(4, 1, [40, 40])
    key[1], value[1] = key[0], value[0]
    # The third token of row 0 is the first token of row 1, which holds two more tokens.
    query[1, :, 0] = query[0, :, 2]
    found, _ = row_attention.attend(
        torch.nn.Module(), query, key, value, None, row_lengths=torch.tensor([40, 42])
    )
    assert torch.equal(found[0, 2], found[1, 0])


def test_nan_in_keys_gives_nan_in_the_result(kernel):
    query, key, value, _, held = case(2, 1, [50])
    key[0, 0, 10, 3] = math.nan
    found, _ = row_attention.attend(torch.nn.Module(), query, key, value, None, row_lengths=held)
    assert found[0, :, 0].isnan().all()
    assert found[0, :, 1].isfinite().all()


@pytest.mark.parametrize("groups", [1, 3])
def test_shared_heads_equal_repeated_heads(groups):
    query, key, value, mask, held = case(3, groups, [20, 80])
    query, key, value = query.float(), key.float(), value.float()
    found, _ = row_attention.attend(
        torch.nn.Module(), query, key, value, mask, scaling=0.1, row_lengths=held
    )
    assert_near(found, by_pytorch(query, key, value, mask, 0.1).float(), share=0.02)
