"""Checkpoints of LLaVA-NeXT-Video with random weights, for measuring time."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from transformers import (
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaNextVideoConfig,
    LlavaNextVideoForConditionalGeneration,
)

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "demo")]

import tiny_llava  # noqa: E402

DEMO = ROOT / "demo" / "model"
PROMPT = (ROOT / "prompts" / "soccer_events.txt").read_text(encoding="utf-8")

# `full` is llava-hf/LLaVA-NeXT-Video-7B-hf. `small` has its proportions between vision,
# prompt and decoding, and is large enough for arithmetic to dominate on a CPU.
SIZES = {
    "full": (
        {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24},
        {"num_attention_heads": 16},
        {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32},
        {"num_attention_heads": 32, "num_key_value_heads": 32},
    ),
    "small": (
        {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 4},
        {"num_attention_heads": 4},
        {"hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 6},
        {"num_attention_heads": 12, "num_key_value_heads": 12},
    ),
    # For a dry run of the scripts.
    "tiny": (
        {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2},
        {"num_attention_heads": 2},
        {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2},
        {"num_attention_heads": 2, "num_key_value_heads": 2},
    ),
}


def make_checkpoint(size: str, folder: Path) -> None:
    """Write a checkpoint in bfloat16 with random weights; its answers mean nothing."""
    vision, vision_heads, text, text_heads = SIZES[size]
    tokenizer = tiny_llava.new_tokenizer([PROMPT])
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
    config = LlavaNextVideoConfig(
        vision_config=CLIPVisionConfig(
            **vision, **vision_heads, image_size=336, patch_size=14, projection_dim=768
        ),
        text_config=LlamaConfig(
            **text, **text_heads, vocab_size=32064, max_position_embeddings=4096, **ends
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
    )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = LlavaNextVideoForConditionalGeneration(config)
    torch.set_default_dtype(torch.float32)
    model.generation_config = GenerationConfig(do_sample=False, **ends)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
