"""Tiny checkpoints with random weights, of architectures without a family in Touchline."""

import json

import torch
from transformers import (
    AutoModelForImageTextToText,
    CLIPVisionConfig,
    Gemma3Config,
    GenerationConfig,
    Idefics3Config,
    InternVLConfig,
    LlavaConfig,
    LlavaNextConfig,
    LlavaOnevisionConfig,
    Mistral3Config,
    PreTrainedTokenizerFast,
)

from demo.training import tiny

# The processors of these kinds run with the packages that the tests install.
WITHOUT_TORCHVISION = ["llava", "llava_next", "idefics3", "gemma3"]
WITH_TORCHVISION = ["mistral3", "llava_onevision", "internvl"]

SIDE, PATCH = 56, 14
SPECIAL = ["<unk>", "<s>", "</s>", "<pad>", "<image>", "<video>", "<img_break>", "<img_end>"]
IDEFICS = ["<fake_token_around_image>", "<end_of_utterance>", "<global-img>"]
GEMMA = ["<start_of_image>", "<end_of_image>", "<image_soft_token>"]
INTERN = ["<img>", "</img>", "<IMG_CONTEXT>"]

TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}"
    "{% elif part['type'] == 'video' %}{{ '<video>\n' }}"
    "{% else %}{{ 'IMAGE' }}{% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}{{ ' ASSISTANT:' }}{% endif %}"
)


def new_tokenizer(kind):
    """Return a byte-level tokenizer with the special tokens of all kinds."""
    marks = [*SPECIAL, *IDEFICS, *GEMMA, *INTERN]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tiny.byte_tokenizer(["USER: What happens? ASSISTANT: none"], marks),
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        additional_special_tokens=marks[4:],
        clean_up_tokenization_spaces=False,
    )
    named = {
        "gemma3": {
            "image_token": "<image_soft_token>",
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
        },
        "internvl": {
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        },
    }
    if kind in named:
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer.backend_tokenizer,
            **{k: v for k, v in tokenizer.special_tokens_map.items() if k[-7:] != "_tokens"},
            extra_special_tokens=named[kind],
        )
    return tokenizer


def _config(kind, id_of):
    """Return the configuration of a kind of model."""
    text = {
        "vocab_size": tiny.VOCABULARY,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 4096,
        "bos_token_id": id_of("<s>"),
        "eos_token_id": id_of("</s>"),
        "pad_token_id": id_of("<pad>"),
    }
    sight = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": SIDE,
        "patch_size": PATCH,
    }
    clip = CLIPVisionConfig(**sight)
    image = {"image_token_index": id_of("<image>")}
    match kind:
        case "llava":
            return LlavaConfig(
                vision_config=clip, text_config={"model_type": "llama", **text}, **image
            )
        case "llava_next":
            return LlavaNextConfig(
                vision_config=clip,
                text_config={"model_type": "mistral", **text},
                image_grid_pinpoints=[[SIDE, 2 * SIDE], [2 * SIDE, SIDE]],
                **image,
            )
        case "idefics3":
            return Idefics3Config(
                vision_config=sight,
                text_config={"model_type": "llama", **text},
                image_token_id=id_of("<image>"),
                scale_factor=2,
            )
        case "gemma3":
            return Gemma3Config(
                vision_config={"model_type": "siglip_vision_model", **sight},
                text_config={**text, "sliding_window": 32, "query_pre_attn_scalar": 16},
                mm_tokens_per_image=4,
                boi_token_index=id_of("<start_of_image>"),
                eoi_token_index=id_of("<end_of_image>"),
                image_token_index=id_of("<image_soft_token>"),
            )
        case "mistral3":
            return Mistral3Config(
                vision_config={"model_type": "pixtral", "head_dim": 16, **sight},
                text_config={"model_type": "mistral", **text},
                spatial_merge_size=2,
                **image,
            )
        case "llava_onevision":
            return LlavaOnevisionConfig(
                vision_config={
                    "model_type": "siglip_vision_model",
                    "vision_use_head": False,
                    **sight,
                },
                text_config={"model_type": "qwen2", **text},
                image_grid_pinpoints=[[SIDE, 2 * SIDE]],
                video_token_index=id_of("<video>"),
                **image,
            )
        case "internvl":
            return InternVLConfig(
                vision_config={**sight, "image_size": [SIDE, SIDE], "patch_size": [PATCH, PATCH]},
                text_config={"model_type": "qwen2", **text},
                image_token_id=id_of("<IMG_CONTEXT>"),
            )


# The placeholder of an image in each template.
IMAGE = {
    "gemma3": "<start_of_image>",
    "internvl": "<IMG_CONTEXT>\\n",
    "mistral3": "<image>",
}


def _processor(kind):
    """Return the processor files of a kind of model."""
    sides = {"height": SIDE, "width": SIDE}
    pixels = {"do_resize": True, "do_normalize": True, "size": sides, "resample": 3}
    llava = {"patch_size": PATCH, "vision_feature_select_strategy": "default"}
    match kind:
        case "llava":
            image = {"image_processor_type": "CLIPImageProcessor", **pixels, "crop_size": sides}
            whole = {"processor_class": "LlavaProcessor", "num_additional_image_tokens": 1, **llava}
        case "llava_next":
            image = {
                "image_processor_type": "LlavaNextImageProcessor",
                **pixels,
                "size": {"shortest_edge": SIDE},
                "crop_size": sides,
                "image_grid_pinpoints": [[SIDE, 2 * SIDE], [2 * SIDE, SIDE]],
            }
            whole = {
                "processor_class": "LlavaNextProcessor",
                "num_additional_image_tokens": 1,
                **llava,
            }
        case "idefics3":
            image = {
                "image_processor_type": "Idefics3ImageProcessor",
                **pixels,
                "size": {"longest_edge": 2 * SIDE},
                "max_image_size": {"longest_edge": SIDE},
            }
            whole = {"processor_class": "Idefics3Processor", "image_seq_len": 4}
        case "gemma3":
            image = {"image_processor_type": "Gemma3ImageProcessor", **pixels}
            whole = {"processor_class": "Gemma3Processor", "image_seq_length": 4}
        case "mistral3":
            image = {
                "image_processor_type": "PixtralImageProcessor",
                **pixels,
                "size": {"longest_edge": SIDE},
                "patch_size": PATCH,
            }
            whole = {
                "processor_class": "PixtralProcessor",
                "patch_size": PATCH,
                "spatial_merge_size": 2,
                "image_token": "<image>",
                "image_break_token": "<img_break>",
                "image_end_token": "<img_end>",
            }
        case "llava_onevision":
            image = {
                "image_processor_type": "LlavaOnevisionImageProcessor",
                **pixels,
                "image_grid_pinpoints": [[SIDE, 2 * SIDE]],
            }
            whole = {
                "processor_class": "LlavaOnevisionProcessor",
                "num_image_tokens": (SIDE // PATCH) ** 2,
                "vision_feature_select_strategy": "full",
            }
        case "internvl":
            image = {"image_processor_type": "GotOcr2ImageProcessor", **pixels}
            whole = {"processor_class": "InternVLProcessor", "image_seq_length": 4}
    files = {"preprocessor_config.json": image, "processor_config.json": whole}
    if name := {"llava_onevision": "LlavaOnevision", "internvl": "InternVL"}.get(kind):
        stated = {"video_processor_type": f"{name}VideoProcessor", **pixels}
        files["video_preprocessor_config.json"] = stated
    return files


def save(kind, folder, seed=0):
    """Write a checkpoint folder with float32 weights."""
    torch.manual_seed(seed)
    tokenizer = new_tokenizer(kind)
    id_of = tokenizer.convert_tokens_to_ids
    config = _config(kind, id_of)
    model = AutoModelForImageTextToText.from_config(config)
    # The weights are wider than the library's defaults, so that answers depend on the image.
    for weights in model.parameters():
        if weights.ndim > 1:
            torch.nn.init.normal_(weights, std=0.1)
    ends = {"eos_token_id": id_of("</s>"), "pad_token_id": id_of("<pad>")}
    model.generation_config = GenerationConfig(bos_token_id=id_of("<s>"), **ends)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for name, stated in _processor(kind).items():
        (folder / name).write_text(json.dumps(stated))
    template = TEMPLATE.replace("IMAGE", IMAGE.get(kind, "<image>\\n"))
    (folder / "chat_template.jinja").write_text(template)
    return folder
