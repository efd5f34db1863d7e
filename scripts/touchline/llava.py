"""LLaVA-NeXT-Video: its prompt, its pixels and its answers.

The stock `LlavaNextVideoProcessor` cannot be loaded without torchvision and crops
16:9 pictures, so the inputs are built here; tests pin them to what it gives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoTokenizer,
    DynamicCache,
    LlavaNextVideoForConditionalGeneration,
)

from touchline.checkpoints import hush_libraries, read_checkpoint_config
from touchline.errors import InputError
from touchline.files import read_json
from touchline.generation import RowCache
from touchline.graphs import Replayed
from touchline.images import Fit, PixelFormat, normalized, square_of

# The template of llava-hf/LLaVA-NeXT-Video-7B-hf's model card.
TEMPLATE = "USER: {video}\n{prompt} ASSISTANT:"
VIDEO_TOKEN = "<video>"

# CLIP's, for a checkpoint whose processor names none.
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

Dtype = Literal["auto", "bfloat16", "float16", "float32"]


class LlavaNextVideo:
    """A loaded checkpoint, as `touchline.generation` wants it.

    Args:
        folder: a checkpoint folder, quantized or not.
        prompt: what is asked about the pictures.
        dtype: arithmetic; "auto" is bfloat16 where the GPU has it, else float16, and
            float32 on the CPU.

    Attributes:
        eos: the ids that end an answer.

    Raises:
        InputError: the folder holds no such model.
    """

    def __init__(self, folder: Path, prompt: str, dtype: Dtype = "auto") -> None:
        hush_libraries()
        read_checkpoint_config(folder)
        self.device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        self.dtype = _arithmetic(dtype, self.device)
        self._prompt = prompt
        self._ids: dict[int, list[int]] = {}
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        quantization = getattr(config, "quantization_config", None)
        if quantization:
            # Its default is float32, which a GPU multiplies slowly.
            quantization["bnb_4bit_compute_dtype"] = str(self.dtype).removeprefix("torch.")
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self.model = LlavaNextVideoForConditionalGeneration.from_pretrained(
                folder,
                config=config,
                dtype=self.dtype,
                device_map=self.device,
                local_files_only=True,
                use_safetensors=True,
            ).eval()
        except (OSError, ValueError, SafetensorError) as error:
            raise InputError(
                f"{folder} cannot be loaded as a model ({error}); delete the folder, so that the "
                "next run makes it anew."
            ) from error
        for parameter in self.model.parameters():
            # Modules left out of the quantization come in the dtype they were saved in.
            if parameter.is_floating_point():
                parameter.data = parameter.data.to(self.dtype)
        self.pixel_format = read_pixel_format(folder, config.vision_config.image_size)
        ends = self.model.generation_config.eos_token_id
        self.eos = frozenset(ends if isinstance(ends, list) else [ends])

    def pixels(self, picture: torch.Tensor, fit: Fit) -> torch.Tensor:
        """Fit a picture, uint8 [3, H, W], to the vision tower's square, uint8 [3, size, size]."""
        return square_of(picture, self.pixel_format.size, fit)

    @torch.inference_mode()
    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Squares, uint8 [n, 3, size, size], to pooled features [n, tokens, width]."""
        frames = normalized(pixels.to(self.device), self.pixel_format)[None].to(self.dtype)
        features: torch.Tensor = self.model.model.get_video_features(frames).pooler_output[0]
        return features.reshape(len(pixels), tokens_per_frame(self.model.config), -1)

    def new_cache(self, rows: int, frames: int, new_tokens: int) -> RowCache:
        """An empty cache for prompts with up to so many pictures, and their answers."""
        layers, heads, length, width = self._cache_shape(frames, new_tokens)
        return RowCache(layers, (rows, heads, length, width), self.dtype, self.device)

    def row_bytes(self, frames: int, new_tokens: int) -> int:
        """Memory that a row of the cache takes: keys and values of every layer."""
        return 2 * math.prod(self._cache_shape(frames, new_tokens)) * self.dtype.itemsize

    def _cache_shape(self, frames: int, new_tokens: int) -> tuple[int, int, int, int]:
        """Layers, heads, length and width of a row."""
        text = self.model.config.text_config
        width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        length = len(self.ids(frames)) + new_tokens
        return text.num_hidden_layers, text.num_key_value_heads, length, width

    @torch.inference_mode()
    def prefill(self, features: torch.Tensor, cache: RowCache, rows: torch.Tensor) -> torch.Tensor:
        """Read a prompt into each of some rows, [n]; gives logits [n, vocabulary].

        Args:
            features: [n, frames, tokens, width].
        """
        ids = torch.tensor(self.ids(features.shape[1]), device=self.device)
        embeddings = self.model.get_input_embeddings()(ids).repeat(len(features), 1, 1)
        shown = ids == self.model.config.video_token_id
        embeddings[:, shown] = features.flatten(1, 2).to(embeddings.dtype)
        prompts = DynamicCache(config=self.model.config.text_config)
        hidden = self.model.model.language_model(
            inputs_embeds=embeddings, past_key_values=prompts, use_cache=True
        ).last_hidden_state
        rows = rows.to(self.device)
        for number, layer in enumerate(prompts.layers):
            cache.put(rows, number, layer.keys, layer.values)
        logits: torch.Tensor = self.model.lm_head(hidden[:, -1])
        return logits

    @torch.inference_mode()
    def step(self, tokens: torch.Tensor, cache: RowCache) -> torch.Tensor:
        """Read one more token into each row, [rows]; gives logits [rows, vocabulary]."""
        tokens = tokens.to(self.device)
        if self.device.type == "cpu":
            return self._step(tokens, cache)
        if cache.replayed is None:
            before = cache.lengths.clone()
            cache.replayed = Replayed(
                lambda given: self._step(given, cache), tokens, lambda: cache.lengths.copy_(before)
            )
        return cache.replayed(tokens)

    def _step(self, tokens: torch.Tensor, cache: RowCache) -> torch.Tensor:
        hidden = self.model.model.language_model(
            input_ids=tokens[:, None],
            position_ids=cache.lengths[:, None],
            attention_mask=cache.mask(),
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        cache.advance()
        logits: torch.Tensor = self.model.lm_head(hidden[:, 0])
        return logits

    def ids(self, frames: int) -> list[int]:
        """The token ids of the prompt about so many pictures."""
        if frames not in self._ids:
            self._ids[frames] = prompt_ids(self.tokenizer, self.model.config, self._prompt, frames)
        return self._ids[frames]

    def decode(self, tokens: Sequence[int]) -> str:
        """Token ids to text, without special tokens."""
        text: str = self.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text


def _arithmetic(dtype: Dtype, device: torch.device) -> torch.dtype:
    if dtype != "auto":
        chosen: torch.dtype = getattr(torch, dtype)
        return chosen
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float16


def read_pixel_format(folder: Path, size: int) -> PixelFormat:
    """The normalization that a checkpoint's processor files state, else CLIP's."""
    for name in ("video_preprocessor_config.json", "preprocessor_config.json"):
        if (folder / name).exists():
            stated = read_json(folder / name)
            if "image_mean" in stated and "image_std" in stated:
                return PixelFormat(size, tuple(stated["image_mean"]), tuple(stated["image_std"]))
    return PixelFormat(size, _CLIP_MEAN, _CLIP_STD)


def tokens_per_frame(config: Any) -> int:
    """How many `<video>` ids one frame takes: its patches after pooling.

    Args:
        config: a transformers LlavaNextVideoConfig.
    """
    side = config.vision_config.image_size // config.vision_config.patch_size
    stride: int = config.spatial_pool_stride
    return int(side // stride) ** 2


def prompt_ids(tokenizer: Any, config: Any, prompt: str, frames: int) -> list[int]:
    """The token ids of a prompt that shows `frames` pictures."""
    video = VIDEO_TOKEN * (frames * tokens_per_frame(config))
    ids: list[int] = tokenizer(TEMPLATE.format(video=video, prompt=prompt.strip()))["input_ids"]
    return ids
