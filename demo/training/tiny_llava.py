"""A LLaVA-NeXT-Video with about two million parameters: architecture, tokenizer and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import processors
from transformers import (
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaNextVideoConfig,
    LlavaNextVideoForConditionalGeneration,
    PreTrainedTokenizerFast,
)

from demo.training import tiny
from touchline.models.families.llava_next_video import LlavaNextVideo
from touchline.video.transforms import fit_to_square

Family = LlavaNextVideo

IMAGE_SIZE = 112
PATCH = 14
TOKENS_PER_PICTURE = (IMAGE_SIZE // PATCH // 2) ** 2


def new_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Train a tokenizer on `texts`, with the special tokens of LLaVA."""
    tokenizer = tiny.byte_tokenizer(texts, ["<unk>", "<s>", "</s>", "<pad>", "<image>", "<video>"])
    start = tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", start)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        additional_special_tokens=["<image>", "<video>"],
        model_max_length=tiny.LONGEST_PROMPT,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlavaNextVideoForConditionalGeneration:
    """Return the model with random weights, float32."""
    special = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = LlavaNextVideoConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=128,
            intermediate_size=512,
            num_hidden_layers=4,
            num_attention_heads=4,
            image_size=IMAGE_SIZE,
            patch_size=PATCH,
            projection_dim=128,
        ),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=192,
            intermediate_size=384,
            num_hidden_layers=3,
            num_attention_heads=6,
            num_key_value_heads=6,
            max_position_embeddings=tiny.LONGEST_PROMPT,
            **special,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        spatial_pool_mode="average",
        spatial_pool_stride=2,
        image_grid_pinpoints=[[IMAGE_SIZE, 2 * IMAGE_SIZE], [2 * IMAGE_SIZE, IMAGE_SIZE]],
        image_seq_length=(IMAGE_SIZE // PATCH) ** 2,
        video_seq_length=TOKENS_PER_PICTURE,
    )
    model = LlavaNextVideoForConditionalGeneration(config)
    model.generation_config = GenerationConfig(do_sample=False, **special)
    return model


def pixels(frame: torch.Tensor) -> torch.Tensor:
    """Convert a frame, uint8 [3, H, W], to the letterboxed input of the model."""
    return fit_to_square(frame, IMAGE_SIZE, "pad")


def model_inputs(
    model: LlavaNextVideoForConditionalGeneration,  # noqa: ARG001
    ids: torch.Tensor,  # noqa: ARG001
    frames: torch.Tensor,
) -> dict[str, Any]:
    """Return the model's inputs for normalized frames, [windows, frames, 3, S, S]."""
    return {"pixel_values_videos": frames}


def save(
    model: LlavaNextVideoForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
) -> None:
    """Write a checkpoint folder."""
    square = {
        "size": {"shortest_edge": IMAGE_SIZE},
        "do_center_crop": True,
        "crop_size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
    }
    kinds = {
        "preprocessor_config.json": {"image_processor_type": "LlavaNextImageProcessor"},
        "video_preprocessor_config.json": {"video_processor_type": "LlavaNextVideoVideoProcessor"},
    }
    tiny.save(model, tokenizer, {name: kind | square for name, kind in kinds.items()}, folder)
