"""Compare the kernels with PyTorch. Their source runs here as C++, thread by thread."""

import ctypes
import logging
import shutil
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn.functional import silu
from transformers.models.llama import modeling_llama
from transformers.models.llama.modeling_llama import LlamaConfig, LlamaMLP, apply_rotary_pos_emb

from rounding import assert_near
from touchline.models import kernels

# GPU features for a C++ compiler.
AS_C = """
#include <cmath>
#include <cstring>
#define __device__ static
#define __global__
struct Three { int x; };
static Three blockIdx, blockDim, threadIdx;
struct uint4 { unsigned x, y, z, w; };
static float __uint_as_float(unsigned bits) { float f; memcpy(&f, &bits, 4); return f; }
static unsigned __float_as_uint(float f) { unsigned bits; memcpy(&bits, &f, 4); return bits; }
extern "C" void at(int block, int size, int thread) {
  blockIdx.x = block; blockDim.x = size; threadIdx.x = thread;
}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    if not shutil.which("g++"):
        pytest.skip("g++ is not installed")
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "kernels.cpp").write_text(AS_C + kernels._SOURCE)
    command = ["g++", "-O1", "-ffp-contract=off", "-w", "-shared", "-fPIC"]
    subprocess.run([*command, "kernels.cpp", "-o", "kernels.so"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "kernels.so"))


@pytest.fixture
def kernel(compiled, monkeypatch):
    """Return a function that gives a kernel by name, to run on the CPU."""
    monkeypatch.setattr(kernels, "_DEVICE", "cpu")

    def named(name):
        def run(grid, block, args):
            as_c = [
                ctypes.c_void_p(a.data_ptr()) if isinstance(a, torch.Tensor) else a for a in args
            ]
            for thread in range(grid[0] * block[0]):
                compiled.at(thread // block[0], block[0], thread % block[0])
                compiled[name](*as_c)

        return run

    return named


LAYER = LlamaConfig(
    hidden_size=16, intermediate_size=24, num_attention_heads=2, num_key_value_heads=2
)


@pytest.mark.parametrize("rows_have_angles", [False, True])
@pytest.mark.parametrize("width", [16, 64])
def test_rotation_kernel_equals_pytorch(kernel, rows_have_angles, width):
    source = torch.Generator().manual_seed(0)
    batch, tokens = 2, 5

    def queries(heads):
        rows = torch.randn((batch, tokens, heads, width), generator=source).bfloat16()
        return rows.transpose(1, 2)

    angles = torch.randn((batch if rows_have_angles else 1, tokens, width), generator=source)
    q, k, cos, sin = queries(4), queries(2), angles.cos().bfloat16(), angles.sin().bfloat16()
    expected = apply_rotary_pos_emb(q, k, cos, sin)
    rotated = kernels._rotation(kernel("rotate"), apply_rotary_pos_emb)
    for one, other in zip(rotated(q.clone(), k.clone(), cos, sin), expected, strict=True):
        assert_near(one, other, share=2**-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_rotations_in_dtypes_other_than_bfloat16_are_computed_by_pytorch(kernel, dtype):
    q, k = (torch.randn((1, 2, 3, 16), dtype=dtype) for _ in range(2))
    angle = torch.randn((1, 3, 16), dtype=dtype)
    expected = apply_rotary_pos_emb(q, k, angle.cos(), angle.sin())

    def never(**_):
        raise AssertionError

    rotated = kernels._rotation(never, apply_rotary_pos_emb)
    for one, other in zip(rotated(q, k, angle.cos(), angle.sin()), expected, strict=True):
        assert_near(one, other, share=2**-10)


def test_gated_layer_kernel_equals_the_library(kernel):
    torch.manual_seed(0)
    layer = LlamaMLP(LAYER).bfloat16()
    hidden = 4 * torch.randn((3, 5, 16), dtype=torch.bfloat16)
    with torch.inference_mode():
        expected, fused = layer(hidden), kernels._gated_layer(kernel("gate"), layer, hidden)
    # On a CPU, the exp of the C library and of PyTorch may differ in the last bit.
    assert_near(fused, expected, share=2**-7)


def test_layers_of_a_model_are_fused_once(kernel, monkeypatch):
    monkeypatch.setattr(modeling_llama, "apply_rotary_pos_emb", apply_rotary_pos_emb)
    some = kernels.Kernels(kernel("rotate"), kernel("gate"))
    layers = nn.Sequential(LlamaMLP(LAYER), LlamaMLP(LAYER)).bfloat16()
    kernels.fuse_steps(layers, some)
    fused = modeling_llama.apply_rotary_pos_emb
    kernels.fuse_steps(layers, some)
    assert modeling_llama.apply_rotary_pos_emb is fused is not apply_rotary_pos_emb
    assert all("forward" in vars(layer) for layer in layers)


def test_fused_language_model_equals_the_library(kernel, kind, source, monkeypatch):
    model = kind.architecture.from_pretrained(source, dtype=torch.bfloat16).eval()
    language_model = model.model.language_model
    of_family = sys.modules[type(language_model.layers[0].self_attn).__module__]
    monkeypatch.setattr(of_family, "apply_rotary_pos_emb", of_family.apply_rotary_pos_emb)
    rotated = []

    def rotate(**launch):
        rotated.append(launch["args"][0])
        kernel("rotate")(**launch)

    def gate(args, **_):
        gates, values, _ = args
        gates.copy_(silu(gates) * values)

    ids = torch.arange(7)[None]
    with torch.inference_mode():
        expected = language_model(input_ids=ids).last_hidden_state
        kernels.fuse_steps(model, kernels.Kernels(rotate, gate))
        fused = language_model(input_ids=ids).last_hidden_state
    assert_near(fused, expected, share=2**-6)
    assert len(rotated) == 2 * len(language_model.layers)


def test_kernels_are_none_without_a_gpu():
    assert kernels.compile_kernels() is None


@pytest.mark.parametrize("error", [AttributeError, TypeError, KeyError, RuntimeError])
def test_failure_to_compile_falls_back_to_pytorch(monkeypatch, caplog, error):
    def compiled(*_):
        raise error("another version")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", lambda *_, **__: None)
    monkeypatch.setattr(torch.cuda, "_compile_kernel", compiled, raising=False)
    kernels.compile_kernels.cache_clear()
    with caplog.at_level(logging.INFO, "touchline"):
        assert kernels.compile_kernels() is None
    kernels.compile_kernels.cache_clear()
    assert "is computed by PyTorch" in caplog.text
