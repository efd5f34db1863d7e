"""The inputs are those of the library's own processor, and answers are those of a plain call."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from touchline.checkpoints import quantize
from touchline.config import GenerationSettings
from touchline.images import PixelFormat, pixels_of
from touchline.llava import LlavaNextVideo, prompt_ids, read_pixel_format, tokens_per_frame

REFERENCE = json.loads((Path(__file__).parent / "processor_reference.json").read_text())
GREEDY = GenerationSettings(max_new_tokens=12)
SAMPLED = GenerationSettings(max_new_tokens=12, do_sample=True, temperature=1.5)


def pictures(count=3, size=(180, 320), seed=5):
    """Pictures that are smooth and noisy at once, the same on every machine."""
    height, width = size
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return [
        torch.stack([(x * (k + seed) + y * c * 3) % 251 for c in range(3)]).to(torch.uint8)
        for k in range(count)
    ]


@pytest.fixture(scope="module")
def model(checkpoint):
    return LlavaNextVideo(checkpoint)


@pytest.fixture(scope="module")
def quantized(checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nf4") / "model"
    quantize(checkpoint, folder)
    return folder


@pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="the processor needs torchvision"
)
def test_ids_and_pixels_are_the_stock_processor_s(checkpoint):
    from transformers import AutoConfig, AutoTokenizer
    from transformers.models.llava_next import LlavaNextImageProcessor
    from transformers.models.llava_next_video import (
        LlavaNextVideoProcessor,
        LlavaNextVideoVideoProcessor,
    )

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    config = AutoConfig.from_pretrained(checkpoint)
    processor = LlavaNextVideoProcessor(
        video_processor=LlavaNextVideoVideoProcessor.from_pretrained(checkpoint),
        image_processor=LlavaNextImageProcessor(),
        tokenizer=tokenizer,
        patch_size=config.vision_config.patch_size,
        vision_feature_select_strategy=config.vision_feature_select_strategy,
    )
    for size in [(180, 320), (112, 112), (321, 181), (1080, 1920)]:
        stock = processor(
            text="USER: <video>\nWhat happens? ASSISTANT:",
            videos=[torch.stack(pictures(size=size))],
            return_tensors="pt",
        )
        wanted = read_pixel_format(checkpoint, config.vision_config.image_size)
        ours = pixels_of(pictures(size=size), wanted, "crop")
        assert torch.equal(stock["pixel_values_videos"][0], ours)
        assert stock["input_ids"][0].tolist() == prompt_ids(tokenizer, config, "What happens?", 3)


def test_pixels_are_those_pinned_from_the_stock_processor():
    wanted = PixelFormat(336, tuple(REFERENCE["mean"]), tuple(REFERENCE["std"]))
    for case in REFERENCE["pixels"]:
        pixels = pixels_of(pictures(size=tuple(case["size"])), wanted, "crop")
        # Within the rounding of a byte, which another processor's arithmetic may turn.
        one_level = 1 / 255 / min(wanted.std)
        samples = pixels[:, :, ::84, ::84].flatten().tolist()
        assert samples == pytest.approx(case["samples"], abs=1.01 * one_level)


def test_a_frame_of_the_full_size_model_takes_144_ids():
    from transformers import LlavaNextVideoConfig

    assert tokens_per_frame(LlavaNextVideoConfig()) == REFERENCE["ids_per_frame"] == 144


def test_ids_are_the_template_s_with_a_run_of_video_ids(model):
    ids = prompt_ids(model.tokenizer, model.model.config, "What happens?\n", 3)
    video = model.tokenizer.convert_tokens_to_ids("<video>")
    assert ids.count(video) == 3 * 16
    text = model.tokenizer.decode(ids).replace("<video>" * 48, "<video>")
    assert text == "<s>USER: <video>\nWhat happens? ASSISTANT:"


def test_an_answer_is_that_of_a_plain_generate_call(model):
    pixels = pixels_of(pictures(), model.pixel_format, "pad")
    ids = torch.tensor([prompt_ids(model.tokenizer, model.model.config, "Say.", 3)])
    plain = model.model.generate(
        input_ids=ids, pixel_values_videos=pixels[None], max_new_tokens=12, do_sample=False
    )
    said = model.answer(list(pixels), "Say.", GREEDY, seed=0)
    assert list(said.tokens) == plain[0, ids.shape[1] :].tolist()
    assert said.text == model.tokenizer.decode(said.tokens, skip_special_tokens=True)
    with torch.inference_mode():
        full = torch.cat([ids, torch.tensor([said.tokens])], dim=1)
        logits = model.model(input_ids=full, pixel_values_videos=pixels[None]).logits[0]
    rows = logits[ids.shape[1] - 1 : -1].log_softmax(-1)
    expected = [row[token].item() for row, token in zip(rows, said.tokens, strict=True)]
    assert list(said.logprobs) == pytest.approx(expected, abs=1e-3)


def test_sampling_follows_its_seed_alone(model):
    pixels = list(pixels_of(pictures(), model.pixel_format, "pad"))
    said = [model.answer(pixels, "Say.", SAMPLED, seed=s).tokens for s in (1, 2, 1)]
    assert said[0] == said[2] != said[1]


def test_nf4_is_saved_loaded_and_answers(model, quantized):
    four_bit = LlavaNextVideo(quantized)
    layer = four_bit.model.model.language_model.layers[0].mlp.up_proj
    assert type(layer).__name__ == "Linear4bit"
    assert layer.weight.quant_state.quant_type == "nf4"
    assert layer.compute_dtype == torch.float32
    assert type(four_bit.model.lm_head).__name__ == "Linear"
    assert four_bit.model.model.vision_tower.dtype == torch.float32
    sizes = [
        sum(f.stat().st_size for f in folder.glob("*.safetensors"))
        for folder in (quantized, Path(model.tokenizer.name_or_path))
    ]
    assert sizes[0] < sizes[1]
    pixels = list(pixels_of(pictures(), four_bit.pixel_format, "pad"))
    again = LlavaNextVideo(quantized)
    assert four_bit.answer(pixels, "Say.", GREEDY, 0) == again.answer(pixels, "Say.", GREEDY, 0)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_stated_dtype_is_used_throughout(quantized, dtype):
    model = LlavaNextVideo(quantized, dtype)
    pixels = list(pixels_of(pictures(), model.pixel_format, "pad"))
    assert model.answer(pixels, "Say.", GREEDY, 0).tokens
    assert model.model.lm_head.weight.dtype == getattr(torch, dtype)
