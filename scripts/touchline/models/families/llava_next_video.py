"""LLaVA-NeXT-Video: a frame is a square of patches, which are pooled two by two.

The stock `LlavaNextVideoProcessor` cannot be loaded without torchvision and crops 16:9
pictures, so the inputs are built here; tests pin them to what it gives.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import LlavaNextVideoForConditionalGeneration

from touchline.errors import InputError
from touchline.models.families.base import VideoLanguageModel
from touchline.video.transforms import Fit, square_of


class LlavaNextVideo(VideoLanguageModel):
    """A checkpoint such as llava-hf/LLaVA-NeXT-Video-7B-hf."""

    architecture = LlavaNextVideoForConditionalGeneration
    vision = ("model.vision_tower", "model.multi_modal_projector")
    template = "USER: {video}\n{prompt} ASSISTANT:"  # of the model card
    video_token = "<video>"

    def _prepare(self, folder: Path) -> None:
        config = self.model.config
        tower = self.model.model.vision_tower.named_parameters()
        has_class = any(name.endswith("class_embedding") for name, _ in tower)
        if has_class != (config.vision_feature_select_strategy == "default"):
            raise InputError(
                f"{folder / 'config.json'} has vision_feature_select_strategy: "
                f"{config.vision_feature_select_strategy}, with which this vision tower's features "
                "are no square that can be pooled; with a class token in front it must be "
                "default, without one full."
            )

    @property
    def tokens_per_picture(self) -> int:
        """How many features a frame has: its patches after pooling."""
        vision = self.config.vision_config
        side = vision.image_size // vision.patch_size // self.config.spatial_pool_stride
        return int(side) ** 2

    def pixels(self, frame: torch.Tensor, fit: Fit) -> torch.Tensor:
        """A frame, uint8 [3, H, W], as the vision tower's square, uint8 [3, size, size]."""
        return square_of(frame, self.model.config.vision_config.image_size, fit)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Normalized frames [n, 1, 3, size, size] to features [n, tokens, width]."""
        video = pixels.transpose(0, 1)
        features: torch.Tensor = self.model.model.get_video_features(video).pooler_output[0]
        return features.reshape(len(pixels), self.tokens_per_picture, -1)
