"""Checkpoint folders with the layout of the hub, and the weights of the demo's tiny models.

File names, names of weights, sharding and the content of each file equal those of
llava-hf/LLaVA-NeXT-Video-7B-hf and Qwen/Qwen2.5-VL-7B-Instruct. Only the numbers are the demo's.
"""

import json
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from clones import ROOT

REPOS = {
    "llava": "llava-hf/LLaVA-NeXT-Video-7B-hf",
    "qwen": "Qwen/Qwen2.5-VL-7B-Instruct",
}
FAMILIES = {"llava": "llava_next_video", "qwen": "qwen2_5_vl"}
SHARDS = {"llava": 3, "qwen": 5}

_VIDEO = "{% if part['type'] == 'video' %}"
TEMPLATES = {
    "llava": "{% for message in messages %}"
    "{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% for part in message['content'] %}" + _VIDEO + "{{ '<video>\n' }}{% endif %}{% endfor %}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] + ' ' }}"
    "{% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}",
    "qwen": "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}"
    "{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    + _VIDEO
    + "<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in part %}{{ part['text'] }}"
    "{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
}


def facsimile(kind: str, folder: Path) -> Path:
    """Write the folder of a family's model, with all files that accompany the weights."""
    source = ROOT / "demo" / f"model-{kind}"
    folder.mkdir(parents=True)
    for file in source.glob("*.json"):
        shutil.copy(file, folder)
    (folder / "README.md").write_text("# A model\n")
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs diff=lfs merge=lfs -text\n")
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": TEMPLATES[kind]}))
    tokens = json.loads((folder / "tokenizer_config.json").read_text())
    special = {
        key: tokens[key] for key in ("bos_token", "eos_token", "pad_token") if tokens.get(key)
    }
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]
    if kind == "llava":
        stated = {"processor_class": "LlavaNextVideoProcessor", "patch_size": 14}
        stated["vision_feature_select_strategy"] = "default"
        (folder / "processor_config.json").write_text(json.dumps(stated))
        added = {"<image>": 1, "<video>": 2}
        (folder / "added_tokens.json").write_text(json.dumps(added))
    else:
        (folder / "vocab.json").write_text(json.dumps(vocabulary["vocab"]))
        merges = [m if isinstance(m, str) else " ".join(m) for m in vocabulary["merges"]]
        (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    _save(load_file(source / "model.safetensors"), folder, SHARDS[kind])
    return folder


def lora(checkpoint: Path, folder: Path, seed: int = 0) -> Path:
    """Write a LoRA with random numbers for a tiny checkpoint, as PEFT saves it."""
    import torch
    from peft import LoraConfig, get_peft_model

    from touchline.models.families import family
    from touchline.weights.checkpoints import read_model_type

    torch.manual_seed(seed)
    model = family(read_model_type(checkpoint)).architecture.from_pretrained(checkpoint)
    targets = r".*language_model.*\.(q_proj|v_proj)"
    adapted = get_peft_model(
        model, LoraConfig(r=4, target_modules=targets, init_lora_weights=False)
    )
    adapted.save_pretrained(folder)
    return folder


def _save(weights, folder: Path, shards: int) -> None:
    # transformers 4 wrote the vision tower's own prefix, and version 5 reads it.
    """Write weights in shards, with an index."""
    old, new = "vision_tower.vision_model.", "vision_tower."
    weights = {
        key.replace(new, old, 1) if key.startswith(new) and old not in key else key: weight
        for key, weight in weights.items()
    }
    names, places = sorted(weights), {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = names[shard * len(names) // shards : (shard + 1) * len(names) // shards]
        save_file({key: weights[key] for key in part}, folder / file, metadata={"format": "pt"})
        places |= dict.fromkeys(part, file)
    size = sum(weight.nbytes for weight in weights.values())
    index = {"metadata": {"total_size": size}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
