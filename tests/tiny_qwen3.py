"""Qwen3-VL with about two million parameters, built like the demo's models."""

from transformers import GenerationConfig, Qwen3VLConfig, Qwen3VLForConditionalGeneration

from demo.training import tiny
from demo.training.tiny_qwen import new_tokenizer

__all__ = ["new_model", "new_tokenizer", "save"]

PATCH = 16
# Limits of the total number of pixels in a video's frames.
LEAST_PIXELS, MOST_PIXELS = 2 * 32 * 32, 4 * 18 * 32 * 32


def new_model(tokenizer, tied=False):
    """Return a float32 model with random weights. If tied, its output layer is the embeddings."""
    id_of = tokenizer.convert_tokens_to_ids
    special = {
        "bos_token_id": id_of("<|endoftext|>"),
        "eos_token_id": id_of("<|im_end|>"),
        "pad_token_id": id_of("<|endoftext|>"),
    }
    config = Qwen3VLConfig(
        vision_config={
            "depth": 4,
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_heads": 4,
            "patch_size": PATCH,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": 192,
            "num_position_embeddings": 36,
            "deepstack_visual_indexes": [1, 2],
        },
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 192,
            "intermediate_size": 384,
            "num_hidden_layers": 3,
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
            "head_dim": 64,
            "max_position_embeddings": tiny.LONGEST_PROMPT,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10_000.0,
                "mrope_interleaved": True,
                "mrope_section": [12, 10, 10],
            },
            **special,
        },
        image_token_id=id_of("<|image_pad|>"),
        video_token_id=id_of("<|video_pad|>"),
        vision_start_token_id=id_of("<|vision_start|>"),
        vision_end_token_id=id_of("<|vision_end|>"),
        tie_word_embeddings=tied,
    )
    model = Qwen3VLForConditionalGeneration(config)
    model.generation_config = GenerationConfig(do_sample=False, **special)
    return model


def save(model, tokenizer, folder):
    """Write a checkpoint folder."""
    stated = {
        "video_processor_type": "Qwen3VLVideoProcessor",
        "size": {"shortest_edge": LEAST_PIXELS, "longest_edge": MOST_PIXELS},
        "patch_size": PATCH,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    tiny.save(model, tokenizer, {"video_preprocessor_config.json": stated}, folder)
