"""Compare a family's inputs with the library's processor, and its answers with the library's."""

import importlib.util
import json
import logging
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from demo.training import nf4
from rounding import assert_near
from touchline.errors import InputError
from touchline.models.families.base import Footage
from touchline.models.families.llava_next_video import LlavaNextVideo
from touchline.models.families.qwen2_5_vl import Qwen25VL, cut_patches, picture_size, pixel_limits
from touchline.models.families.qwen3_vl import Qwen3VL, video_size
from touchline.models.preprocessing import Normalization, normalized
from touchline.video.transforms import fit_to_square, resize
from touchline.weights.checkpoints import fetch

REFERENCE = json.loads((Path(__file__).parent / "processor_reference.json").read_text())
PROMPT = "What happens?\n"
FOOTAGE = Footage(320, 180, 1.0)


def pictures(count=3, size=(180, 320), seed=5):
    """Make pictures with smooth and noisy parts that are the same on every machine."""
    height, width = size
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return [
        torch.stack([(x * (k + seed) + y * c * 3) % 251 for c in range(3)]).to(torch.uint8)
        for k in range(count)
    ]


def pixels_of(frames, size, normalization, fit):
    return normalized(
        torch.stack([fit_to_square(frame, size, fit) for frame in frames]), normalization
    )


@pytest.fixture(scope="module")
def llava(checkpoint):
    return LlavaNextVideo(checkpoint, PROMPT, FOOTAGE)


@pytest.fixture(scope="module")
def qwen(qwen_checkpoint):
    return Qwen25VL(qwen_checkpoint, PROMPT, FOOTAGE)


@pytest.fixture(scope="module")
def qwen3(qwen3_checkpoint):
    return Qwen3VL(qwen3_checkpoint, PROMPT, FOOTAGE)


needs_torchvision = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="the processor needs torchvision"
)


@needs_torchvision
def test_llava_inputs_equal_the_stock_processor(checkpoint, llava):
    from transformers.models.llava_next import LlavaNextImageProcessor
    from transformers.models.llava_next_video import (
        LlavaNextVideoProcessor,
        LlavaNextVideoVideoProcessor,
    )

    config = llava.model.config
    processor = LlavaNextVideoProcessor(
        video_processor=LlavaNextVideoVideoProcessor.from_pretrained(checkpoint),
        image_processor=LlavaNextImageProcessor(),
        tokenizer=llava.tokenizer,
        patch_size=config.vision_config.patch_size,
        vision_feature_select_strategy=config.vision_feature_select_strategy,
    )
    for size in [(180, 320), (112, 112), (321, 181), (1080, 1920)]:
        stock = processor(
            text="USER: <video>\nWhat happens? ASSISTANT:",
            videos=[torch.stack(pictures(size=size))],
            return_tensors="pt",
        )
        ours = pixels_of(pictures(size=size), 112, llava.normalization, "crop")
        assert torch.equal(stock["pixel_values_videos"][0], ours)
        assert torch.equal(stock["input_ids"][0], llava.prompt(3).ids)


@needs_torchvision
def test_qwen_inputs_equal_the_stock_processor(qwen_checkpoint):
    from transformers import Qwen2_5_VLProcessor, Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    for height, width in [(180, 320), (112, 112), (321, 181), (216, 384)]:
        model = Qwen25VL(qwen_checkpoint, PROMPT, Footage(width, height, 1.0))
        processor = Qwen2_5_VLProcessor(
            image_processor=Qwen2VLImageProcessor(),
            tokenizer=model.tokenizer,
            video_processor=Qwen2VLVideoProcessor.from_pretrained(qwen_checkpoint),
        )
        # The last of three frames is paired with itself.
        frames = pictures(size=(height, width))
        text = model.template.format(video=model.video_token, prompt=PROMPT.strip())
        stock = processor(
            text=text,
            videos=[torch.stack(frames)],
            return_tensors="pt",
            videos_kwargs={"do_sample_frames": False},
        )
        fitted = [model.pixels(frame, "pad") for frame in [*frames, frames[-1]]]
        pairs = torch.stack(fitted).unflatten(0, (2, 2))
        ours = cut_patches(normalized(pairs, model.normalization), 14, 2)
        assert torch.equal(stock["pixel_values_videos"], ours)
        assert torch.equal(stock["input_ids"][0], model.prompt(2).ids)


@needs_torchvision
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("fps", [1.0, 3.0])
def test_qwen3_inputs_equal_the_stock_processor(qwen3_checkpoint, count, fps):
    from transformers import Qwen2VLImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor
    from transformers.video_utils import VideoMetadata

    for height, width in [(180, 320), (112, 112), (321, 181), (216, 384), (20, 60)]:
        model = Qwen3VL(qwen3_checkpoint, PROMPT, Footage(width, height, fps, count))
        processor = Qwen3VLProcessor(
            image_processor=Qwen2VLImageProcessor(),
            tokenizer=model.tokenizer,
            video_processor=Qwen3VLVideoProcessor.from_pretrained(qwen3_checkpoint),
        )
        frames = pictures(count, (height, width))
        # A single frame is paired with itself, but the stock processor needs two frames.
        shown = frames * 2 if count == 1 else frames
        times = [0, 0] if count == 1 else list(range(count))
        stock = processor(
            text=model.template.format(video=model.video_token, prompt=PROMPT.strip()),
            videos=[torch.stack(shown)],
            return_tensors="pt",
            videos_kwargs={
                "do_sample_frames": False,
                "video_metadata": [
                    VideoMetadata(total_num_frames=count, fps=fps, frames_indices=times)
                ],
            },
        )
        fitted = [model.pixels(frame, "pad") for frame in frames]
        pairs = torch.stack([*fitted, *fitted[-1:] * (count % 2)]).unflatten(0, (-1, 2))
        ours = cut_patches(normalized(pairs, model.normalization), 16, 2)
        assert torch.equal(stock["pixel_values_videos"], ours)
        assert torch.equal(stock["input_ids"][0], model.prompt(len(pairs), count % 2 > 0).ids)


def test_llava_pixels_equal_stored_values_of_the_stock_processor():
    normalization = Normalization(tuple(REFERENCE["mean"]), tuple(REFERENCE["std"]))
    for case in REFERENCE["pixels"]:
        pixels = pixels_of(pictures(size=tuple(case["size"])), 336, normalization, "crop")
        # Allow one level of a byte, because the arithmetic of other CPUs may round differently.
        one_level = 1 / 255 / min(normalization.std)
        samples = pixels[:, :, ::84, ::84].flatten().tolist()
        assert samples == pytest.approx(case["samples"], abs=1.01 * one_level)


def test_qwen_patches_equal_stored_values_of_the_stock_processor():
    # Pinned where they were equal to the stock processor's (the test above, with torchvision).
    normalization = Normalization(tuple(REFERENCE["mean"]), tuple(REFERENCE["std"]))
    for case in REFERENCE["qwen"]:
        height, width = case["size"]
        size = picture_size(width, height, 28, least=3136, most=12845056)
        assert case["grid"] == [2, size[1] // 14, size[0] // 14]
        fitted = [resize(frame, *size) for frame in pictures(size=(height, width))]
        pairs = torch.stack([*fitted, fitted[-1]]).unflatten(0, (2, 2))
        patches = cut_patches(normalized(pairs, normalization), 14, 2)
        assert list(patches.shape) == case["shape"]
        one_level = 1 / 255 / min(normalization.std)
        samples = patches[::97, ::131].flatten().tolist()
        assert samples == pytest.approx(case["samples"], abs=1.01 * one_level)


def test_qwen3_inputs_equal_stored_values_of_the_stock_processor(qwen3_checkpoint):
    # Pinned where they were equal to the stock processor's (the test above, with torchvision).
    for case in REFERENCE["qwen3"]:
        height, width = case["size"]
        footage = Footage(width, height, case["fps"], case["frames"])
        model = Qwen3VL(qwen3_checkpoint, PROMPT, footage)
        fitted = [model.pixels(frame, "pad") for frame in pictures(case["frames"], (height, width))]
        pairs = torch.stack([*fitted, *fitted[-1:] * (len(fitted) % 2)]).unflatten(0, (-1, 2))
        assert case["grid"] == [len(pairs), model.size[1] // 16, model.size[0] // 16]
        patches = cut_patches(normalized(pairs, model.normalization), 16, 2)
        assert list(patches.shape) == case["shape"]
        samples = patches[::97, ::131].flatten().tolist()
        assert samples == pytest.approx(case["samples"], abs=1.01 * 2 / 255)
        ids = model.prompt(len(pairs), len(fitted) % 2 > 0).ids
        shown = model.video_token * model.tokens_per_picture
        assert model.tokenizer.decode(ids).replace(shown, "*") == case["text"]


def test_number_of_ids_per_frame_equals_the_stock_processor(llava, qwen):
    # The stored value is for squares of 336 and patches of 14, pooled two by two.
    assert (336 // 14 // 2) ** 2 == REFERENCE["ids_per_frame"] == 144
    assert llava.tokens_per_picture == (112 // 14 // 2) ** 2
    width, height = qwen.size
    assert qwen.tokens_per_picture == width * height / 28**2


def test_llava_prompt_repeats_the_video_token_per_feature(llava):
    ids = llava.prompt(3).ids.tolist()
    video = llava.tokenizer.convert_tokens_to_ids("<video>")
    assert ids.count(video) == 3 * 16
    text = llava.tokenizer.decode(ids).replace("<video>" * 48, "<video>")
    assert text == "<s>USER: <video>\nWhat happens? ASSISTANT:"


def test_qwen_prompt_repeats_the_video_token_per_feature(qwen):
    prompt = qwen.prompt(2)
    video = qwen.video_token * (2 * qwen.tokens_per_picture)
    assert qwen.tokenizer.decode(prompt.ids) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        f"<|vision_start|>{video}<|vision_end|>What happens?<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("fps", [1.0, 2.0])
def test_qwen_positions_encode_time_height_and_width(qwen_checkpoint, fps):
    model = Qwen25VL(qwen_checkpoint, PROMPT, Footage(320, 180, fps))
    prompt = model.prompt(2)
    time, height, width = prompt.positions[:, 0]
    shown = (prompt.ids == model.model.config.video_token_id).nonzero().flatten()
    begin, rows, columns = int(shown[0]), model.size[1] // 28, model.size[0] // 28
    # There are two positions per second, and two frames per picture.
    assert sorted(set(time[shown].tolist())) == [begin, begin + int(2 * 2 / fps)]
    assert sorted(set(height[shown].tolist())) == list(range(begin, begin + rows))
    assert sorted(set(width[shown].tolist())) == list(range(begin, begin + columns))
    assert prompt.shift == int(prompt.positions.max()) + 1 - len(prompt.ids)


def test_qwen_answer_positions_follow_the_prompt_after_a_long_window(qwen):
    prompt = qwen.prompt(15)
    time, height, width = prompt.positions[:, 0, -1].tolist()
    assert time == height == width == prompt.shift + len(prompt.ids) - 1
    # The last pictures are 56 positions, or 28 s, after the first.
    assert time < int(prompt.positions.max())


def test_qwen3_positions_encode_height_and_width_per_frame_pair(qwen3):
    prompt = qwen3.prompt(2)
    time, height, width = prompt.positions[:, 0]
    shown = (prompt.ids == qwen3.model.config.video_token_id).nonzero().flatten()
    first, second = shown.chunk(2)
    rows, columns = qwen3.size[1] // 32, qwen3.size[0] // 32
    begins = [int(time[each[0]]) for each in (first, second)]
    # The times between pairs, with their marks, have their own positions.
    between = int(second[0] - first[-1]) - 1
    assert begins[1] - begins[0] == max(rows, columns) + between > max(rows, columns)
    for begin, each in zip(begins, (first, second), strict=True):
        assert set(time[each].tolist()) == {begin}
        assert sorted(set(height[each].tolist())) == list(range(begin, begin + rows))
        assert sorted(set(width[each].tolist())) == list(range(begin, begin + columns))
    assert prompt.shift == int(prompt.positions.max()) + 1 - len(prompt.ids)


@given(
    st.integers(1, 2000), st.integers(1, 2000), st.integers(1, 50_000), st.integers(1, 1_000_000)
)
def test_picture_size_equals_the_library(width, height, least, more):
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

    assume(max(width, height) / min(width, height) <= 200)
    expected = smart_resize(height, width, 28, least, least + more)
    assert picture_size(width, height, 28, least=least, most=least + more) == expected[::-1]


@given(
    *(st.integers(1, 2000), st.integers(1, 2000), st.integers(2, 256)),
    *(st.integers(1, 50_000), st.integers(1, 30_000_000)),
)
def test_video_size_equals_the_library(width, height, frames, least, more):
    from transformers.models.qwen3_vl.video_processing_qwen3_vl import smart_resize

    assume(max(width, height) / min(width, height) <= 150)
    expected = smart_resize(frames, height, width, 2, 32, least, least + more)
    found = video_size(width, height, 32, least=least, most=least + more, frames=frames)
    assert found == expected[::-1]


def test_pixel_limits_are_read_from_both_formats():
    stated = {"min_pixels": 3136, "max_pixels": 12845056}
    usual = (128 * 28 * 28, 768 * 28 * 28)
    assert pixel_limits(stated, usual) == (3136, 12845056)
    assert pixel_limits({"size": {"shortest_edge": 5, "longest_edge": 9}}, usual) == (5, 9)
    assert pixel_limits({}, usual) == usual


@pytest.fixture(params=["qwen", "qwen3"])
def of_pairs(request):
    """Return a model that encodes two frames together."""
    return request.getfixturevalue(request.param)


def test_attention_in_chunks_equals_the_library(of_pairs):
    qwen = of_pairs
    pixels = torch.randint(256, (3, 2, 3, *qwen.size[::-1]), dtype=torch.uint8)
    visual = qwen.model.model.visual.config
    ours, in_chunks = qwen.encode(pixels), visual._attn_implementation
    visual._attn_implementation = "sdpa"
    stock = qwen.encode(pixels)
    visual._attn_implementation = in_chunks
    assert_near(ours, stock)


def test_features_of_a_frame_pair_do_not_depend_on_other_pairs(of_pairs):
    qwen = of_pairs
    pixels = torch.randint(256, (3, 2, 3, *qwen.size[::-1]), dtype=torch.uint8)
    together = qwen.encode(pixels)
    alone = torch.cat([qwen.encode(pair[None]) for pair in pixels])
    assert_near(together, alone)


def test_nf4_checkpoint_is_saved_and_loaded(kind, source, quantized):
    four_bit = kind(quantized, PROMPT, FOOTAGE)
    layer = four_bit.model.model.language_model.layers[0].mlp.up_proj
    assert type(layer).__name__ == "Linear4bit"
    assert layer.weight.quant_state.quant_type == "nf4"
    assert layer.compute_dtype == torch.float32
    assert type(four_bit.model.lm_head).__name__ == "Linear"
    vision = [m for n, m in four_bit.model.named_modules() if "vision" in n or "visual" in n]
    assert not any(type(module).__name__ == "Linear4bit" for module in vision)
    size, full = (
        sum(file.stat().st_size for file in folder.glob("*.safetensors"))
        for folder in (quantized, source)
    )
    assert size < full


def test_log_says_whether_weights_are_in_4_bits(kind, source, quantized, caplog):
    with caplog.at_level(logging.INFO):
        for folder in (source, quantized):
            kind(folder, PROMPT, FOOTAGE)
    messages = [
        each.getMessage()
        for each in caplog.records
        if each.name == "touchline.models.families.base"
    ]
    assert messages == [
        "The model's weights are as they were fetched, with no 4-bit copy. It computes in float32.",
        "The model's weights are in 4 bits. It computes in float32.",
    ]


def test_unpacked_weights_give_the_same_answers_as_packed_weights(kind, source, quantized):
    plain, packed, unpacked = (kind(f, PROMPT, FOOTAGE) for f in (source, quantized, quantized))
    assert unpacked.unpacked_bytes() > 0
    unpacked.unpack()
    assert unpacked.unpacked_bytes() == 0
    layer, original = (
        model.model.model.language_model.layers[0].mlp.up_proj for model in (unpacked, plain)
    )
    assert type(layer).__name__ == "Linear"
    # The demo has its own implementation of rounding for training.
    assert_near(layer.weight, nf4.rounded(original.weight))
    frames = torch.stack([packed.pixels(frame, "pad") for frame in pictures(2)])
    pixels = frames.unflatten(0, (-1, packed.frames_per_picture))
    logits = [
        model.prefill(model.encode(pixels)[None], model.new_cache(1, len(pixels), 4), [0]).logits
        for model in (packed, unpacked)
    ]
    # Some CPUs multiply packed weights in bfloat16.
    assert_near(*logits, share=0.03)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_requested_dtype_is_used_throughout(kind, quantized, dtype):
    model = kind(quantized, PROMPT, FOOTAGE, dtype)
    frames = torch.stack([model.pixels(frame, "pad") for frame in pictures(4)])
    features = model.encode(frames.unflatten(0, (-1, model.frames_per_picture)))
    cache = model.new_cache(1, len(features), 4)
    try:
        logits = model.prefill(features[None], cache, [0]).logits
    except RuntimeError as error:
        # PyTorch uses AMX if the CPU has it, independent of ATEN_CPU_CAPABILITY.
        if "only supported when avx512" in str(error):
            pytest.skip("PyTorch cannot compute in bfloat16 with this ATEN_CPU_CAPABILITY")
        raise
    read = logits.argmax(-1).repeat(1, 1 + cache.drafts)
    assert torch.isfinite(model.step(read, cache)).all()
    used = {features.dtype, cache.keys[0].dtype, logits.dtype, model.model.lm_head.weight.dtype}
    assert used == {getattr(torch, dtype)}


def test_value_of_row_bytes_equals_the_memory_of_a_cache_row(llava, qwen, qwen3):
    for model in (llava, qwen, qwen3):
        cache = model.new_cache(5, 4, 100)
        taken = sum(tensor.nbytes for tensor in [*cache.keys, *cache.values])
        assert taken == 5 * model.row_bytes(4, 100)


def test_truncated_weights_are_refused_in_one_sentence(kind, quantized, tmp_path):
    shutil.copytree(quantized, tmp_path / "model")
    weights = next((tmp_path / "model").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError, match="cut short or damaged"):
        kind(tmp_path / "model", PROMPT, FOOTAGE)


def test_fetching_a_checkpoint_of_another_family_is_refused(qwen_checkpoint, tmp_path):
    with pytest.raises(InputError, match="Write family: qwen2_5_vl"):
        fetch(str(qwen_checkpoint), None, "llava_next_video", tmp_path / "checkpoint")


def with_context(source, folder, tokens):
    """Copy a checkpoint, and set the number of tokens that it can read."""
    shutil.copytree(source, folder)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["max_position_embeddings"] = tokens
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("most", [3, 8, 16])
def test_window_beyond_the_context_is_refused_before_loading_weights(
    kind, source, tmp_path, monkeypatch, most
):
    fitting = Footage(320, 180, 1.0, most)
    model = kind(source, PROMPT, fitting)
    pictures = -(-most // model.frames_per_picture)
    prompt = len(model.prompt(pictures, most % model.frames_per_picture > 0).ids)
    folder = with_context(source, tmp_path / "model", prompt + 10)
    kind.check_length(folder, PROMPT, fitting, 10)
    with pytest.raises(InputError, match=f"{prompt:,} tokens. With 11 tokens of"):
        kind.check_length(folder, PROMPT, fitting, 11)

    def load_weights(*_, **__):
        raise AssertionError("weights are loaded")

    monkeypatch.setattr("touchline.models.families.base.load_weights", load_weights)
    # A window with an incomplete pair of frames is as long as with the whole pair.
    longer = replace(fitting, frames=most + 2)
    with pytest.raises(InputError, match=f"exceeds the {prompt + 10:,} tokens that") as error:
        kind(folder, PROMPT, longer, new_tokens=10)
    greatest = int(re.search(r"window.frames to (\d+)", str(error.value))[1])
    kind.check_length(folder, PROMPT, replace(longer, frames=greatest), 10)
    with pytest.raises(InputError):
        kind.check_length(folder, PROMPT, replace(longer, frames=greatest + 1), 10)


def test_text_is_encoded_without_tokens_that_the_model_cannot_read(kind, source):
    model = kind(source, "What happens?", Footage(320, 180, 1.0), "float32")
    plain = model.encode_text("a goal")
    assert model.decode(plain).strip() == "a goal"
    new = len(model.tokenizer)
    model.tokenizer.add_special_tokens({"additional_special_tokens": ["<new>"]})
    model.model.resize_token_embeddings(new)
    assert model.encode_text("a goal<new>") == plain
