"""The processor that `transformers serve` loads for the demo's LLaVA.

The library's own processor needs torchvision, which has no build for this torch. The checkpoint's
folder has a copy of this file, like any model with its own code (--trust-remote-code). The
processor turns the pictures of a message into one video, as our own family does.
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
    """A processor that turns a conversation into inputs of the demo's LLaVA."""

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
    """Return the picture in a data URL, as uint8 [3, H, W]."""
    file = io.BytesIO(base64.b64decode(url.partition(",")[2]))
    return torch.from_numpy(np.array(Image.open(file).convert("RGB"))).permute(2, 0, 1)
