"""The processor that `transformers serve` loads for the demo's LLaVA.

The library's own needs torchvision, which no build for this torch has. A copy of this file lies in
the checkpoint's folder, as code that comes with a model does (--trust-remote-code). It turns the
pictures of a message into one video, as our own family sees it.
"""

import base64
import io

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer, BatchFeature

from touchline.models.preprocessing import CLIP, normalized
from touchline.video.transforms import fit_to_square

SIZE, TOKENS = 112, 16


class TinyProcessor:
    """Makes inputs of LlavaNextVideoForConditionalGeneration from a conversation."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    @classmethod
    def register_for_auto_class(cls, *_):
        pass

    @classmethod
    def from_pretrained(cls, folder, **_):
        return cls(AutoTokenizer.from_pretrained(folder))

    def apply_chat_template(self, messages, **_):
        parts = messages[0]["content"]
        text = next(part["text"] for part in parts if part["type"] == "text")
        pictures = [picture_in(part["url"]) for part in parts if part["type"] == "image"]
        shown = "<video>" * (TOKENS * len(pictures))
        ids = self.tokenizer(f"USER: {shown}\n{text.strip()} ASSISTANT:", return_tensors="pt")
        pixels = torch.stack([fit_to_square(picture, SIZE, "pad") for picture in pictures])
        return BatchFeature({**ids, "pixel_values_videos": normalized(pixels, CLIP)[None]})

    def decode(self, ids, **options):
        return self.tokenizer.decode(ids, **options)


def picture_in(url):
    """A picture, uint8 [3, H, W], from a data URL."""
    file = io.BytesIO(base64.b64decode(url.partition(",")[2]))
    return torch.from_numpy(np.array(Image.open(file).convert("RGB"))).permute(2, 0, 1)
