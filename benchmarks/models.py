"""Checkpoints of all families with random weights, to measure times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaNextVideoConfig,
    LlavaNextVideoForConditionalGeneration,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

from demo.training import tiny_llava, tiny_qwen

ROOT = Path(__file__).resolve().parents[1]

DEMO = ROOT / "demo" / "model-llava"
PROMPT = (ROOT / "prompts" / "soccer_events.txt").read_text(encoding="utf-8")

# Width, inner width, layers and heads of the vision tower; of the language model; and its
# heads of keys and values. `full` is llava-hf/LLaVA-NeXT-Video-7B-hf,
# Qwen/Qwen2.5-VL-7B-Instruct and Qwen/Qwen3-VL-8B-Instruct. `medium`, 1.2 billion parameters,
# is for loading. `small` has their proportions between vision, prompt and decoding, and is
# large enough for arithmetic to dominate on a CPU; `tiny` is for dry runs.
SIZES = {
    "llava_next_video": {
        "full": ((1024, 4096, 24, 16), (4096, 11008, 32, 32), 32),
        "medium": ((1024, 4096, 24, 16), (2048, 5504, 16, 16), 16),
        "small": ((256, 1024, 4, 4), (768, 2048, 6, 12), 12),
        "tiny": ((64, 128, 2, 2), (128, 256, 2, 2), 2),
    },
    "qwen2_5_vl": {
        "full": ((1280, 3420, 32, 16), (3584, 18944, 28, 28), 4),
        "small": ((256, 684, 4, 4), (768, 3072, 6, 12), 4),
        "tiny": ((64, 128, 2, 2), (128, 256, 2, 2), 2),
    },
    "qwen3_vl": {
        "full": ((1152, 4304, 27, 16), (4096, 12288, 36, 32), 8),
        "small": ((256, 956, 4, 4), (768, 2304, 6, 12), 4),
        "tiny": ((64, 128, 2, 2), (128, 256, 2, 2), 2),
    },
}


def make_checkpoint(
    size: str, folder: Path, family: str = "llava_next_video", has_answers: bool = False
) -> None:
    """Write a checkpoint in bfloat16 with random weights. Its answers mean nothing.

    Args:
        has_answers: whether its answers end by themselves (answers.py). Otherwise they never end.
    """
    kind, new = {
        "llava_next_video": (tiny_llava, _new_llava),
        "qwen2_5_vl": (tiny_qwen, _new_qwen),
        "qwen3_vl": (tiny_qwen, _new_qwen3),
    }[family]
    tokenizer = kind.new_tokenizer([PROMPT])
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = new(tokenizer, *SIZES[family][size])
    torch.set_default_dtype(torch.float32)
    model.generation_config = GenerationConfig(do_sample=False, **_ends(tokenizer))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if has_answers:
        _teach(model, folder, family)
    # Large enough that a frame keeps its sampled size, as with the real checkpoints.
    if family != "llava_next_video":
        limits = {"min_pixels": 3136, "max_pixels": 12845056}
        (folder / "preprocessor_config.json").write_text(json.dumps(limits))


def _teach(model: Any, folder: Path, family: str) -> None:
    """Teach a model answers, and write its embeddings and vocabulary head into its checkpoint."""
    import answers
    import worker

    taught = worker.without_lists(family, folder)
    windows = worker.windows_of(taught, worker.pictures(taught, 200))[::8]
    answers.teach(taught, windows)
    for part in ("get_input_embeddings", "get_output_embeddings"):
        getattr(model, part)().weight.data.copy_(getattr(taught.model, part)().weight)
    model.save_pretrained(folder)


def _ends(tokenizer: Any) -> dict[str, int]:
    return {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}


def _text(size: tuple[int, ...], key_value_heads: int) -> dict[str, int]:
    width, inner, layers, heads = size
    return {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": key_value_heads,
        "max_position_embeddings": 4096,
    }


def _new_llava(
    tokenizer: Any, vision: tuple[int, ...], text: tuple[int, ...], key_value_heads: int
) -> LlavaNextVideoForConditionalGeneration:
    width, inner, layers, heads = vision
    return LlavaNextVideoForConditionalGeneration(
        LlavaNextVideoConfig(
            vision_config=CLIPVisionConfig(
                hidden_size=width,
                intermediate_size=inner,
                num_hidden_layers=layers,
                num_attention_heads=heads,
                image_size=336,
                patch_size=14,
                projection_dim=768,
            ),
            text_config=LlamaConfig(
                **_text(text, key_value_heads), vocab_size=32064, **_ends(tokenizer)
            ),
            image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
            video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        )
    )


def _new_qwen(
    tokenizer: Any, vision: tuple[int, ...], text: tuple[int, ...], key_value_heads: int
) -> Qwen2_5_VLForConditionalGeneration:
    width, inner, layers, heads = vision
    half = text[0] // text[3] // 2
    times = half // 4
    rope = {"rope_type": "default", "rope_theta": 1e6}
    return Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(
            vision_config={
                "hidden_size": width,
                "intermediate_size": inner,
                "depth": layers,
                "num_heads": heads,
                "out_hidden_size": text[0],
                "tokens_per_second": 2,
                "window_size": 112,
                # Every eighth layer, or the last one.
                "fullatt_block_indexes": [*range(7, layers, 8)] or [layers - 1],
            },
            text_config={
                **_text(text, key_value_heads),
                "vocab_size": 152064,
                "rope_parameters": rope
                | {"mrope_section": [times, (half - times) // 2, (half - times) // 2]},
                **_ends(tokenizer),
            },
            image_token_id=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
            video_token_id=tokenizer.convert_tokens_to_ids("<|video_pad|>"),
        )
    )


def _new_qwen3(
    tokenizer: Any, vision: tuple[int, ...], text: tuple[int, ...], key_value_heads: int
) -> Qwen3VLForConditionalGeneration:
    width, inner, layers, heads = vision
    half = text[0] // text[3] // 2
    sides = half * 5 // 16
    return Qwen3VLForConditionalGeneration(
        Qwen3VLConfig(
            vision_config={
                "hidden_size": width,
                "intermediate_size": inner,
                "depth": layers,
                "num_heads": heads,
                "out_hidden_size": text[0],
                # Up to three layers at about equal distances.
                "deepstack_visual_indexes": sorted({layers * k // 10 for k in (3, 6, 9)}),
            },
            text_config={
                **_text(text, key_value_heads),
                "head_dim": 2 * half,
                "vocab_size": 151936,
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 5e6,
                    "mrope_interleaved": True,
                    "mrope_section": [half - 2 * sides, sides, sides],
                },
                **_ends(tokenizer),
            },
            image_token_id=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
            video_token_id=tokenizer.convert_tokens_to_ids("<|video_pad|>"),
            vision_start_token_id=tokenizer.convert_tokens_to_ids("<|vision_start|>"),
            vision_end_token_id=tokenizer.convert_tokens_to_ids("<|vision_end|>"),
        )
    )
