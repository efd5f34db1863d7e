"""Run Qwen2.5-VL. Two frames form one picture, with 28 x 28 pixels per token.

The vision tower encodes each picture separately. Its features are therefore the same in every
window that shows the same pair of frames. The default windows have four frames, at one frame per
second, and each pair is encoded once. If windows pair frames differently, pairs are encoded again.
An odd frame is paired with itself, as in the stock processor.

The stock `Qwen2_5_VLProcessor` needs torchvision, so this module builds the inputs. Tests compare
these inputs with those of the stock processor. The paper is arXiv:2502.13923.
"""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, Qwen2_5_VLForConditionalGeneration

from touchline.models.families.base import Footage, VideoLanguageModel
from touchline.models.preprocessing import read_processor
from touchline.video.transforms import Fit, resize


class Qwen25VL(VideoLanguageModel):
    """A checkpoint such as Qwen/Qwen2.5-VL-7B-Instruct."""

    architecture = Qwen2_5_VLForConditionalGeneration
    vision = ("model.visual",)
    # Form of the checkpoint's chat template for a video and a text.
    template = (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n<|vision_start|>{video}<|vision_end|>{prompt}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    video_token = "<|video_pad|>"
    frames_per_picture = 2
    # Least and most pixels for checkpoints whose processor has no limits.
    usual_pixels: ClassVar[tuple[int, int]] = (128 * 28 * 28, 768 * 28 * 28)

    def _prepare(self, folder: Path) -> None:  # noqa: ARG002
        """Set the attention of the vision tower."""
        self.model.model.visual.config._attn_implementation = IN_CHUNKS

    def _read_files(self, folder: Path, prompt: str, footage: Footage) -> None:
        """Read the files that determine the prompts and the size of pictures."""
        super()._read_files(folder, prompt, footage)
        vision = self.config.vision_config
        self._patch, self._merged = vision.patch_size, vision.spatial_merge_size
        self._least, self._most = pixel_limits(read_processor(folder), self.usual_pixels)

    @property
    def size(self) -> tuple[int, int]:
        """Return the width and height of a frame for the vision tower, in pixels."""
        return picture_size(
            self.footage.width,
            self.footage.height,
            self._patch * self._merged,
            least=self._least,
            most=self._most,
        )

    @property
    def tokens_per_picture(self) -> int:
        """Return the number of features per pair of frames: its patches, merged two by two."""
        tokens: int = math.prod(self._grid) // self._merged**2
        return tokens

    @property
    def _grid(self) -> tuple[int, int]:
        """Return the rows and columns of a picture's patches."""
        width, height = self.size
        return height // self._patch, width // self._patch

    def pixels(self, frame: torch.Tensor, fit: Fit) -> torch.Tensor:  # noqa: ARG002
        """Scale a frame, uint8 [3, H, W], to whole tokens. Its shape stays: `fit` is not used."""
        return resize(frame, *self.size)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Convert normalized pairs of frames [n, 2, 3, h, w] to features [n, tokens, width]."""
        return torch.stack(self._encode(pixels).pooler_output)

    def _encode(self, pixels: torch.Tensor) -> Any:
        """Encode pairs of frames with the library, each pair as a separate video."""
        grid = torch.tensor([[1, *self._grid]] * len(pixels), device=pixels.device)
        patches = cut_patches(pixels, self._patch, self._merged)
        return self.model.model.get_video_features(patches, grid)

    def positions(self, ids: torch.Tensor, pictures: int) -> tuple[torch.Tensor, int]:
        """Return the multimodal rotary positions of time, height and width, [3, 1, tokens], and the
        shift.
        """
        # The library marks text with 0 and video with 2.
        kinds = 2 * (ids == self._video_id).int()
        positions, _ = self.model.model.get_rope_index(
            ids[None],
            kinds[None],
            video_grid_thw=torch.tensor([[pictures, *self._grid]]),
            second_per_grid_ts=[self.frames_per_picture / self.footage.fps],
        )
        # The library's own shift counts from the largest position. In a long window this is the
        # time of the last pictures, but an answer continues the text after them.
        return positions, int(positions[0, 0, -1]) + 1 - len(ids)


def pixel_limits(processor: dict[str, Any], usual: tuple[int, int]) -> tuple[int, int]:
    """Return a processor's limits on the number of pixels, or else the usual limits."""
    size = processor.get("size", {})
    least = processor.get("min_pixels") or size.get("shortest_edge") or usual[0]
    most = processor.get("max_pixels") or size.get("longest_edge") or usual[1]
    return least, most


def picture_size(
    width: int, height: int, unit: int, *, least: int, most: int, frames: int = 1, counted: int = 1
) -> tuple[int, int]:
    """Return width and height in whole units, with `least` to `most` pixels and nearly the same
    shape.

    The result equals that of `smart_resize` in the stock processor.

    Args:
        width, height: original size in pixels.
        unit: size of a unit in pixels.
        least, most: limits on the number of pixels.
        frames: number of frames to which the limits apply together.
        counted: number of frames for the check of the limits. It may be `frames`, rounded.
    """
    sides = [round(side / unit) * unit for side in (width, height)]
    if counted * math.prod(sides) > most:
        scale = math.sqrt(frames * width * height / most)
        sides = [max(unit, math.floor(side / scale / unit) * unit) for side in (width, height)]
    elif counted * math.prod(sides) < least:
        scale = math.sqrt(least / (frames * width * height))
        sides = [math.ceil(side * scale / unit) * unit for side in (width, height)]
    return sides[0], sides[1]


def cut_patches(pixels: torch.Tensor, patch: int, merged: int) -> torch.Tensor:
    """Cut pictures [n, frames, 3, h, w] into patches [n * patches, 3 * frames * patch * patch].

    Patches that become one token follow each other.
    """
    n, frames, channels, height, width = pixels.shape
    rows, columns = height // patch // merged, width // patch // merged
    cut = pixels.reshape(n, frames, channels, rows, merged, patch, columns, merged, patch)
    return cut.permute(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(n * rows * columns * merged**2, -1)


def attend_in_chunks(
    module: torch.nn.Module,  # noqa: ARG001
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,  # noqa: ARG001
    *,
    cu_seq_lens_q: torch.Tensor,
    scaling: float,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Compute attention within chunks, from [1, heads, tokens, width] to [1, tokens, heads, width].

    The library calls PyTorch's attention once per chunk, and a frame has a dozen chunks. Here
    chunks of the same length share a call.
    """
    ends = cu_seq_lens_q.tolist()
    begins: dict[int, list[int]] = defaultdict(list)
    for begin, end in pairwise(ends):
        begins[end - begin].append(begin)
    answer = torch.empty_like(query)
    for length, some in begins.items():
        places = torch.tensor(some, device=query.device)[:, None]
        places = (places + torch.arange(length, device=query.device)).flatten()
        # [chunks, heads, length, width]
        q, k, v = (
            each[0, :, places].reshape(each.shape[1], len(some), length, -1).transpose(0, 1)
            for each in (query, key, value)
        )
        attended = scaled_dot_product_attention(q, k, v, scale=scaling)
        answer[0, :, places] = attended.transpose(0, 1).flatten(1, 2)
    return answer.transpose(1, 2), None


# The library passes the bounds of chunks only to names with "flash".
IN_CHUNKS = "chunks_as_in_flash"
AttentionInterface.register(IN_CHUNKS, attend_in_chunks)
