"""The inputs are those of the library's own processor, and answers are those of a plain call."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
import torch

from touchline.checkpoints import quantize
from touchline.errors import InputError
from touchline.images import PixelFormat, normalized, square_of
from touchline.llava import LlavaNextVideo, prompt_ids, read_pixel_format, tokens_per_frame

REFERENCE = json.loads((Path(__file__).parent / "processor_reference.json").read_text())
PROMPT = "What happens?\n"


def pictures(count=3, size=(180, 320), seed=5):
    """Pictures that are smooth and noisy at once, the same on every machine."""
    height, width = size
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return [
        torch.stack([(x * (k + seed) + y * c * 3) % 251 for c in range(3)]).to(torch.uint8)
        for k in range(count)
    ]


def pixels_of(frames, wanted, fit):
    return normalized(torch.stack([square_of(frame, wanted.size, fit) for frame in frames]), wanted)


@pytest.fixture(scope="module")
def model(checkpoint):
    return LlavaNextVideo(checkpoint, PROMPT)


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
    ids = model.ids(3)
    video = model.tokenizer.convert_tokens_to_ids("<video>")
    assert ids.count(video) == 3 * 16
    text = model.tokenizer.decode(ids).replace("<video>" * 48, "<video>")
    assert text == "<s>USER: <video>\nWhat happens? ASSISTANT:"


def test_nf4_is_saved_and_loaded(checkpoint, quantized):
    four_bit = LlavaNextVideo(quantized, PROMPT)
    layer = four_bit.model.model.language_model.layers[0].mlp.up_proj
    assert type(layer).__name__ == "Linear4bit"
    assert layer.weight.quant_state.quant_type == "nf4"
    assert layer.compute_dtype == torch.float32
    assert type(four_bit.model.lm_head).__name__ == "Linear"
    assert four_bit.model.model.vision_tower.dtype == torch.float32
    size, full = (
        sum(file.stat().st_size for file in folder.glob("*.safetensors"))
        for folder in (quantized, checkpoint)
    )
    assert size < full


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_stated_dtype_is_used_throughout(quantized, dtype):
    model = LlavaNextVideo(quantized, PROMPT, dtype)
    features = model.encode(torch.stack([model.pixels(frame, "pad") for frame in pictures()]))
    cache = model.new_cache(1, 3, 4)
    logits = model.prefill(features[None], cache, torch.tensor([0]))
    assert torch.isfinite(model.step(logits.argmax(-1), cache)).all()
    used = {features.dtype, cache.keys[0].dtype, logits.dtype, model.model.lm_head.weight.dtype}
    assert used == {getattr(torch, dtype)}


def test_a_row_takes_the_memory_that_is_foretold(model):
    cache = model.new_cache(5, 4, 100)
    taken = sum(tensor.nbytes for tensor in [*cache.keys, *cache.values])
    assert taken == 5 * model.row_bytes(4, 100)


def test_a_broken_checkpoint_is_one_sentence(quantized, tmp_path):
    shutil.copytree(quantized, tmp_path / "model")
    weights = next((tmp_path / "model").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError, match="delete the folder"):
        LlavaNextVideo(tmp_path / "model", PROMPT)
