"""Test that overflow in one window loses this window, but not its slice."""

import math

import pytest
import torch

from rounding import assert_near, assert_same_answers
from touchline.detection.engine import Answering
from touchline.detection.sampling import choose, random_numbers
from touchline.detection.scheduler import Picture, Task
from touchline.detection.stopwatch import Stopwatch
from touchline.inputs.settings import GenerationSettings
from touchline.models.families.base import Footage
from touchline.models.kv_cache import RowCache
from touchline.models.quantize import quantize

LLAVA, QWEN = "llava_next_video", "qwen2_5_vl"
FOOTAGE = Footage(320, 180, 1.0)
GREEDY = GenerationSettings(max_new_tokens=6)
SAMPLED = GenerationSettings(max_new_tokens=6, do_sample=True)


@pytest.fixture(scope="module", params=["nf4", "none"])
def quantization(request):
    return request.param


@pytest.fixture(scope="module")
def save(kind, source, quantization, tmp_path_factory):
    """Return a function that changes a model's weights, saves the model and returns its folder."""

    def changed(change):
        model = kind(source, "What happens?", FOOTAGE)
        with torch.no_grad():
            change(model)
        plain, folder = (tmp_path_factory.mktemp("changed") / name for name in ("plain", "nf4"))
        model.model.save_pretrained(plain)
        for file in source.glob("*.json"):
            if not (plain / file.name).exists():
                (plain / file.name).write_bytes(file.read_bytes())
        if quantization == "none":
            return plain
        quantize(plain, folder)
        return folder

    return changed


def projection(model):
    """Return the last two layers before a picture's features."""
    if model.frames_per_picture == 1:
        projector = model.model.model.multi_modal_projector
        return projector.linear_1, projector.linear_2
    merger = model.model.model.visual.merger
    if hasattr(merger, "linear_fc1"):
        return merger.linear_fc1, merger.linear_fc2
    return merger.mlp[0], merger.mlp[2]


def pictures(model, count=6, bright=()):
    """Make pictures of dark noise, and of bright noise at the given indices."""
    noise = torch.Generator().manual_seed(2)
    shape = (count, model.frames_per_picture, 3, 180, 320)
    pixels = torch.randint(60, shape, generator=noise, dtype=torch.uint8)
    for number in bright:
        pixels[number] += 190
    return [torch.stack([model.pixels(frame, "pad") for frame in each]) for each in pixels]


def answered(model, windows, bright=(), rows=4, settings=GREEDY):
    """Return the answers by the window's number.

    Dark windows have one picture, bright windows two.
    """
    pixels = pictures(model, bright=bright)
    tasks = [
        Task(
            n,
            [Picture((float(n),), pixels[n])] * (2 if n in bright else 1),
            random_numbers(0, 0, n, settings.max_new_tokens),
        )
        for n in windows
    ]
    answering = Answering(model, settings, rows=rows, pictures=2, clock=Stopwatch())
    return {task.index: answer for task, answer in answering.answers(iter(tasks))}


def let_brightness_overflow(model):
    """Make one unit of the projection 0 for dark pictures and half a million for bright ones."""
    first, last = projection(model)
    seen = []
    handle = first.register_forward_hook(lambda _module, given, _made: seen.append(given[0]))
    for bright in ((), (0,)):
        model.encode(torch.stack(pictures(model, 1, bright)))
    handle.remove()
    dark, light = (each.reshape(-1, each.shape[-1]).mean(0) for each in seen)
    towards = (light - dark) / (light - dark).square().sum()
    first.weight[0] = 1e6 * towards
    first.bias[0] = -1e6 * torch.dot(towards, (dark + light) / 2)
    last.weight[:, 0] = 1.0


def let_the_vision_tower_overflow(model):
    """Make values within one layer 100 million times as large, and scale them back after it."""
    if model.frames_per_picture == 1:
        mlp = model.model.model.vision_tower.encoder.layers[0].mlp
        before, behind = mlp.fc1, mlp.fc2
        # Quick GELU does not change large values.
        before.weight *= 1e4
        before.bias.fill_(1e5)
    else:
        mlp = model.model.model.visual.blocks[0].mlp
        if hasattr(mlp, "linear_fc1"):
            before, behind = mlp.linear_fc1, mlp.linear_fc2
        else:
            before, behind = mlp.up_proj, mlp.down_proj
        before.weight *= 1e8
        before.bias *= 1e8
    behind.weight *= 1e-8


def let_the_output_overflow(model):
    model.model.lm_head.weight *= 1e7


@pytest.mark.parametrize("settings", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_overflowing_window_does_not_change_other_answers(kind, save, settings, monkeypatch):
    # On CPUs with float16 arithmetic (AVX512-FP16, AMX), oneDNN rounds a row differently in a
    # larger batch. Without oneDNN, torch rounds as on other CPUs.
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    model = kind(save(let_brightness_overflow), "What happens?", FOOTAGE, "float16")
    dark = answered(model, [0, 1, 3, 4], settings=settings)
    for rows in (1, 2, 4):
        # Bright windows come before and beside others in the same rows. Their prompts are longer,
        # so their remains are not overwritten.
        both = answered(model, [2, 0, 5, 1, 3, 4], bright=(2, 5), rows=rows, settings=settings)
        assert [both.pop(2), both.pop(5)] == ["not_finite"] * 2
        # The tolerance is for float16, because rounding depends on the shape of the batch.
        assert_same_answers(both, dark, share=2**-6, sampled=settings is SAMPLED)
        assert all(math.isfinite(p) for answer in both.values() for p in answer.logprobs)


def test_vision_tower_computes_in_float32_in_a_float16_model(kind, save):
    folder = save(let_the_vision_tower_overflow)
    exact, half = (
        kind(folder, "What happens?", FOOTAGE, dtype) for dtype in ("float32", "float16")
    )
    pixels = torch.stack(pictures(exact, 2))
    wanted, got = exact.encode(pixels), half.encode(pixels)
    assert got.dtype == torch.float16
    assert_near(got, wanted, share=2e-3)


def test_slice_ends_if_every_answer_overflows(kind, save):
    model = kind(save(let_the_output_overflow), "What happens?", FOOTAGE, "float16")
    assert answered(model, range(6)) == dict.fromkeys(range(6), "not_finite")


def test_row_has_no_nan_after_it_is_cleared():
    cache = RowCache(2, (3, 1, 5, 4), torch.float32, torch.device("cpu"))
    bad = torch.full((1, 1, 5, 4), math.nan)
    cache.put([1], 0, bad, bad)
    cache.clear([1])
    assert not any(each.isnan().any() for each in (*cache.keys, *cache.values))


@pytest.mark.parametrize("settings", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_infinite_logits_choose_no_token(settings, value):
    logits = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))
    whole = choose(logits, settings, torch.full((3,), 0.4))
    logits[1, 4] = value
    tokens, logprobs = choose(logits, settings, torch.full((3,), 0.4))
    assert math.isnan(logprobs[1])
    for row in (0, 2):
        assert (tokens[row], logprobs[row]) == (whole[0][row], whole[1][row])
