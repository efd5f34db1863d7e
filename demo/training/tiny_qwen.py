"""A Qwen2.5-VL with about two million parameters: architecture, tokenizer and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)

from demo.training import tiny
from touchline.models.families.qwen2_5_vl import IN_CHUNKS, Qwen25VL, cut_patches, picture_size
from touchline.video.transforms import resize

Family = Qwen25VL

PATCH = 14
MERGED = 2
LEAST_PIXELS, MOST_PIXELS = 28 * 28, 32 * 28 * 28
# The size of a 16:9 frame, as the workflow samples it.
WIDTH, HEIGHT = picture_size(384, 216, PATCH * MERGED, least=LEAST_PIXELS, most=MOST_PIXELS)
ROWS, COLUMNS = HEIGHT // PATCH, WIDTH // PATCH
TOKENS_PER_PICTURE = ROWS * COLUMNS // MERGED**2

_MARKS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
]


def new_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Train a tokenizer on `texts`, with the special tokens of Qwen."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tiny.byte_tokenizer(texts, _MARKS),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=_MARKS[1:],
        model_max_length=tiny.LONGEST_PROMPT,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def new_model(tokenizer: PreTrainedTokenizerFast) -> Qwen2_5_VLForConditionalGeneration:
    """Return the model with random weights, float32."""
    id_of = tokenizer.convert_tokens_to_ids
    special = {
        "bos_token_id": id_of("<|endoftext|>"),
        "eos_token_id": id_of("<|im_end|>"),
        "pad_token_id": id_of("<|endoftext|>"),
    }
    config = Qwen2_5_VLConfig(
        vision_config={
            "depth": 4,
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_heads": 4,
            "patch_size": PATCH,
            "spatial_merge_size": MERGED,
            "temporal_patch_size": Family.frames_per_picture,
            "tokens_per_second": 2,
            "window_size": 112,
            "fullatt_block_indexes": [1, 3],
            "out_hidden_size": 192,
        },
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 192,
            "intermediate_size": 384,
            "num_hidden_layers": 3,
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
            "max_position_embeddings": tiny.LONGEST_PROMPT,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10_000.0,
                "mrope_section": [4, 6, 6],
            },
            **special,
        },
        image_token_id=id_of("<|image_pad|>"),
        video_token_id=id_of("<|video_pad|>"),
        vision_start_token_id=id_of("<|vision_start|>"),
        vision_end_token_id=id_of("<|vision_end|>"),
    )
    model = Qwen2_5_VLForConditionalGeneration(config)
    model.model.visual.config._attn_implementation = IN_CHUNKS
    model.generation_config = GenerationConfig(do_sample=False, **special)
    return model


def pixels(frame: torch.Tensor) -> torch.Tensor:
    """Convert a frame, uint8 [3, H, W], to the input of the model."""
    return resize(frame, WIDTH, HEIGHT)


def model_inputs(
    model: Qwen2_5_VLForConditionalGeneration, ids: torch.Tensor, frames: torch.Tensor
) -> dict[str, Any]:
    """Return the model's inputs for normalized frames, [windows, frames, 3, HEIGHT, WIDTH].

    The windows of a call have equal prompts and equally many frames, one second apart.
    """
    if frames.shape[1] % 2:
        frames = torch.cat([frames, frames[:, -1:]], dim=1)
    pairs = torch.unflatten(frames, 1, (-1, 2)).flatten(0, 1)
    grid = torch.tensor([[frames.shape[1] // 2, ROWS, COLUMNS]], device=frames.device)
    kinds = 2 * (ids == model.config.video_token_id).int()
    # For one window, because it is a loop over tokens.
    positions, _ = model.model.get_rope_index(
        ids[:1], kinds[:1], video_grid_thw=grid, second_per_grid_ts=[Family.frames_per_picture]
    )
    return {
        "pixel_values_videos": cut_patches(pairs, PATCH, MERGED),
        "video_grid_thw": grid.expand(len(frames), -1),
        "mm_token_type_ids": kinds,
        "second_per_grid_ts": [Family.frames_per_picture] * len(frames),
        "position_ids": positions.expand(-1, len(frames), -1),
    }


def save(
    model: Qwen2_5_VLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
) -> None:
    """Write a checkpoint folder."""
    stated = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "min_pixels": LEAST_PIXELS,
        "max_pixels": MOST_PIXELS,
        "patch_size": PATCH,
        "temporal_patch_size": Family.frames_per_picture,
        "merge_size": MERGED,
    }
    tiny.save(model, tokenizer, {"preprocessor_config.json": stated}, folder)
