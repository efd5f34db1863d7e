"""Qwen3-VL: as Qwen2.5-VL, but each pair of frames is told its time, and shown to several layers.

Time stands in the prompt, as `<0.5 seconds>` before each pair, and no longer in the positions. A
pair's features are of several depths of the vision tower (DeepStack, arXiv:2406.04334): the last
takes the tokens' places, the others are added behind the language model's first layers; all are
computed once and used again together. A token is a square of 32 pixels. How large a frame may be
depends on how many a video has; it is one size for all windows, that of a whole one, so that they
can share features.

The stock `Qwen3VLProcessor` cannot be loaded without torchvision, so the inputs are built
here; tests pin them to what it gives. The paper is arXiv:2511.21631.
"""

from __future__ import annotations

import torch
from transformers import Qwen3VLForConditionalGeneration

from touchline.models.families.qwen2_5_vl import Qwen25VL, picture_size
from touchline.models.preprocessing import Normalization


class Qwen3VL(Qwen25VL):
    """A checkpoint such as Qwen/Qwen3-VL-8B-Instruct."""

    architecture = Qwen3VLForConditionalGeneration
    # What the checkpoint's chat template makes of a video and a text.
    template = (
        "<|im_start|>user\n<|vision_start|>{video}<|vision_end|>{prompt}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    usual_normalization = Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    usual_pixels = (128 * 32 * 32, 768 * 32 * 32)  # of all frames of a video

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame as the vision tower reads it, pixels."""
        return video_size(
            self.footage.width,
            self.footage.height,
            self._patch * self._merged,
            least=self._least,
            most=self._most,
            frames=self.footage.frames,
        )

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Normalized pairs of frames [n, 2, 3, h, w] to features [n, tokens, depths * width]."""
        seen = self._seen(pixels)
        depths = (seen.pooler_output, *seen.deepstack_features)
        return torch.cat([torch.stack(depth) for depth in depths], dim=-1)

    def video_text(self, pictures: int, odd: bool) -> str:
        """A time and the features' tokens for each pair of frames, as the stock processor has it.

        It puts them between the marks that the chat template has around a video, and so has one
        pair of marks more than pairs of frames.
        """
        shown = f"<|vision_start|>{self.video_token * self.tokens_per_picture}<|vision_end|>"
        times = [frame / self.footage.fps for frame in range(2 * pictures - odd)]
        times += times[-1:] * odd
        pairs = zip(times[::2], times[1::2], strict=True)
        middles = [(first + second) / 2 for first, second in pairs]
        return "".join(f"<{middle:.1f} seconds>{shown}" for middle in middles)


def video_size(
    width: int, height: int, unit: int, *, least: int, most: int, frames: int
) -> tuple[int, int]:
    """Width and height in whole units of frames that have `least` to `most` pixels together.

    As `smart_resize` of the stock processor, which counts whole pairs of frames.
    """
    if min(width, height) < unit:
        scale = max(unit / width, unit / height)
        width, height = int(width * scale), int(height * scale)
    frames = max(frames, 2)  # one is its own partner
    return picture_size(
        width, height, unit, least=least, most=most, frames=frames, counted=2 * round(frames / 2)
    )
