"""Run LLaVA-NeXT-Video. A frame is a square of patches, which are pooled two by two.

The stock `LlavaNextVideoProcessor` needs torchvision and crops 16:9 pictures, so this module builds
the inputs. Tests compare these inputs with those of the stock processor.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import LlavaNextVideoForConditionalGeneration

from touchline.errors import InputError
from touchline.models.families.base import VideoLanguageModel
from touchline.video.transforms import Fit, fit_to_square


class LlavaNextVideo(VideoLanguageModel):
    """A checkpoint such as llava-hf/LLaVA-NeXT-Video-7B-hf."""

    architecture = LlavaNextVideoForConditionalGeneration
    vision = ("model.vision_tower", "model.multi_modal_projector")
    template = "USER: {video}\n{prompt} ASSISTANT:"  # from the model card
    video_token = "<video>"

    def _prepare(self, folder: Path) -> None:
        """Check that the features of the vision tower form a square.

        Raises:
            InputError: the features cannot be pooled.
        """
        config = self.model.config
        tower = self.model.model.vision_tower.named_parameters()
        has_class = any(name.endswith("class_embedding") for name, _ in tower)
        if has_class != (config.vision_feature_select_strategy == "default"):
            raise InputError(
                f"{folder / 'config.json'} has vision_feature_select_strategy: "
                f"{config.vision_feature_select_strategy}, with which the features of this vision "
                "tower do not form a square. Set it to default for a tower with a class token, or "
                "to full for a tower without one."
            )

    @property
    def tokens_per_picture(self) -> int:
        """Return the number of features per frame: its patches after pooling."""
        vision = self.config.vision_config
        side = vision.image_size // vision.patch_size // self.config.spatial_pool_stride
        return int(side) ** 2

    def pixels(self, frame: torch.Tensor, fit: Fit) -> torch.Tensor:
        """Convert a frame, uint8 [3, H, W], to the vision tower's square, uint8 [3, size, size]."""
        return fit_to_square(frame, self.model.config.vision_config.image_size, fit)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Convert normalized frames [n, 1, 3, size, size] to features [n, tokens, width]."""
        video = pixels.transpose(0, 1)
        features: torch.Tensor = self.model.model.get_video_features(video).pooler_output[0]
        return features.reshape(len(pixels), self.tokens_per_picture, -1)
