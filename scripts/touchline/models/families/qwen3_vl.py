"""Run Qwen3-VL. Unlike Qwen2.5-VL, it has times in the prompt and deep features.

The prompt has the time of each pair of frames, as in `<0.5 seconds>`, and positions do not encode
time. A pair's features come from several depths of the vision tower (DeepStack, arXiv:2406.04334).
Features of the last depth replace the placeholder tokens of the pair. Features of the other depths
are added after the language model's first layers. The features of all depths are computed and
reused together. A token is a square of 32 pixels. The size of a frame may depend on the number of
frames. All windows use the size for a full window, so that they can share features.

The stock `Qwen3VLProcessor` needs torchvision, so this module builds the inputs. Tests compare
these inputs with those of the stock processor. The paper is arXiv:2511.21631.
"""

from __future__ import annotations

import torch
from transformers import Qwen3VLForConditionalGeneration

from touchline.models.families.qwen2_5_vl import Qwen25VL, picture_size
from touchline.models.preprocessing import Normalization


class Qwen3VL(Qwen25VL):
    """A checkpoint such as Qwen/Qwen3-VL-8B-Instruct."""

    architecture = Qwen3VLForConditionalGeneration
    # Form of the checkpoint's chat template for a video and a text.
    template = (
        "<|im_start|>user\n<|vision_start|>{video}<|vision_end|>{prompt}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    usual_normalization = Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    usual_pixels = (128 * 32 * 32, 768 * 32 * 32)  # for all frames of a video together

    @property
    def size(self) -> tuple[int, int]:
        """Return the width and height of a frame for the vision tower, in pixels."""
        return video_size(
            self.footage.width,
            self.footage.height,
            self._patch * self._merged,
            least=self._least,
            most=self._most,
            frames=self.footage.frames,
        )

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Convert normalized pairs of frames [n, 2, 3, h, w] to features [n, tokens, depths *
        width].
        """
        seen = self._encode(pixels)
        depths = (seen.pooler_output, *seen.deepstack_features)
        return torch.cat([torch.stack(depth) for depth in depths], dim=-1)

    def video_text(self, pictures: int, odd: bool) -> str:
        """Return a time and the features' tokens per pair of frames, as in the stock processor.

        The chat template has a start and an end mark around the whole video. Each pair of frames
        also has its own start and end mark.
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
    """Return width and height in whole units. All frames together have `least` to `most` pixels.

    The result equals that of the stock processor's `smart_resize`, which counts whole pairs of
    frames.
    """
    if min(width, height) < unit:
        scale = max(unit / width, unit / height)
        width, height = int(width * scale), int(height * scale)
    frames = max(frames, 2)  # a single frame is paired with itself
    return picture_size(
        width, height, unit, least=least, most=most, frames=frames, counted=2 * round(frames / 2)
    )
