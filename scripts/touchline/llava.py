"""LLaVA-NeXT-Video: its prompt, its pixels and its answers.

The stock `LlavaNextVideoProcessor` cannot be loaded without torchvision and crops
16:9 pictures, so the inputs are built here; tests pin them to what it gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoConfig, AutoTokenizer, LlavaNextVideoForConditionalGeneration

from touchline.checkpoints import hush_libraries, read_checkpoint_config
from touchline.config import GenerationSettings
from touchline.errors import InputError
from touchline.files import read_json
from touchline.generated import Generated
from touchline.images import Fit, PixelFormat, pixels_of

# The template of llava-hf/LLaVA-NeXT-Video-7B-hf's model card.
TEMPLATE = "USER: {video}\n{prompt} ASSISTANT:"
VIDEO_TOKEN = "<video>"

# CLIP's, for a checkpoint whose processor names none.
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

Dtype = Literal["auto", "bfloat16", "float16", "float32"]


class LlavaNextVideo:
    """A loaded checkpoint that answers a prompt about pictures.

    Args:
        folder: a checkpoint folder, quantized or not.
        dtype: arithmetic; "auto" is bfloat16 where the GPU has it, else float16, and
            float32 on the CPU.

    Raises:
        InputError: the folder holds no such model.
    """

    def __init__(self, folder: Path, dtype: Dtype = "auto") -> None:
        hush_libraries()
        read_checkpoint_config(folder)
        self.device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        self.dtype = _arithmetic(dtype, self.device)
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
        except (OSError, ValueError) as error:
            raise InputError(
                f"{folder} cannot be loaded as a model ({error}); delete the folder, so that the "
                "next run makes it anew."
            ) from error
        for parameter in self.model.parameters():
            # Modules left out of the quantization come in the dtype they were saved in.
            if parameter.is_floating_point():
                parameter.data = parameter.data.to(self.dtype)
        self.pixel_format = read_pixel_format(folder, config.vision_config.image_size)

    def pixels(self, picture: torch.Tensor, fit: Fit) -> torch.Tensor:
        """uint8 [3, H, W] to what the vision tower reads, [3, size, size]."""
        return pixels_of([picture], self.pixel_format, fit)[0]

    @torch.inference_mode()
    def answer(
        self, pixels: Sequence[torch.Tensor], prompt: str, settings: GenerationSettings, seed: int
    ) -> Generated:
        """Answer a prompt about pictures, in their order.

        Args:
            pixels: one [3, size, size] a picture.
            seed: of the random numbers, where `settings.do_sample` asks for any.
        """
        ids = prompt_ids(self.tokenizer, self.model.config, prompt, len(pixels))
        sampling: dict[str, Any] = {"do_sample": settings.do_sample}
        if settings.do_sample:
            torch.manual_seed(seed)
            sampling |= {"temperature": settings.temperature, "top_p": settings.top_p}
        else:
            # The checkpoint's own generation config may name some, which only sampling uses.
            sampling |= {"temperature": None, "top_p": None, "top_k": None}
        prompt_tensor = torch.tensor([ids], device=self.device)
        out = self.model.generate(
            input_ids=prompt_tensor,
            attention_mask=torch.ones_like(prompt_tensor),
            pixel_values_videos=torch.stack(list(pixels))[None].to(self.device, self.dtype),
            max_new_tokens=settings.max_new_tokens,
            output_logits=True,
            return_dict_in_generate=True,
            **sampling,
        )
        tokens = out.sequences[0, len(ids) :]
        logits = torch.cat(out.logits).float()  # [tokens, vocabulary]
        chosen = logits.log_softmax(-1).gather(-1, tokens[:, None])[:, 0]
        return Generated(
            text=self.decode(tokens.tolist()),
            tokens=tuple(tokens.tolist()),
            logprobs=tuple(chosen.tolist()),
        )

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
