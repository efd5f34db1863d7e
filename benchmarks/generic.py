"""Compare our own family, the family generic, and transformers with one window at a time.

    python benchmarks/generic.py

All three run the demo's tiny LLaVA-NeXT-Video in one process and in float32, with the same frames,
threads and fixed answer lengths. With torchvision, the processor makes a video of the frames, as
our own family does. Otherwise, the frames are images, whose prompts are longer (the output shows
their tokens).

Expected before measuring, for videos: generic encodes each frame twice, prepares pixels in its
processor, and copies its cache at each step. So it reaches 0.4 to 0.7 times the speed of our own
family, and 1.5 to 3 times that of one call per window. For images, the prompt decides, and generic
reaches 0.05 to 0.2 times our own family.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from models import DEMO, PROMPT
from sides import in_turn, median_ratio
from transformers.utils import is_torchvision_available
from worker import FOOTAGE, endless, ours

from touchline.detection.engine import LibraryAnswering
from touchline.detection.scheduler import Picture, Task
from touchline.detection.stopwatch import Stopwatch
from touchline.inputs.settings import GenerationSettings
from touchline.models.families.generic import Generic
from touchline.models.families.llava_next_video import LlavaNextVideo

# The words of `LlavaNextVideo.template`, as a chat template.
TEMPLATE = (
    "{% for message in messages %}USER: {% for part in message['content'] %}"
    "{% if part['type'] == 'video' %}{{ '<video>\n' }}"
    "{% elif part['type'] == 'image' %}{{ '<image>\n' }}"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %} ASSISTANT:"
)


def with_processor(folder: Path) -> Path:
    """Copy the demo's model with a processor that can be loaded here."""
    shutil.copytree(DEMO, folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    kind = "LlavaNextVideoProcessor" if is_torchvision_available() else "LlavaNextProcessor"
    stated = {
        "processor_class": kind,
        "patch_size": 14,
        "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
    }
    (folder / "processor_config.json").write_text(json.dumps(stated))
    images, config = folder / "preprocessor_config.json", folder / "config.json"
    grid = {"image_grid_pinpoints": json.loads(config.read_text())["image_grid_pinpoints"]}
    images.write_text(json.dumps(json.loads(images.read_text()) | grid))
    return folder


class EndlessGeneric(Generic):
    """A generic model whose answers end only at their fixed length."""

    def decode(self, tokens: Sequence[int]) -> str:
        # Random tokens may spell a whole list.
        return super().decode(tokens).replace("]", " ")


def endless_generic(folder: Path) -> EndlessGeneric:
    model = EndlessGeneric(folder, PROMPT, FOOTAGE)
    model.eos = frozenset()
    model.model.generation_config.eos_token_id = None
    return model


def frames_of(windows: int) -> list[torch.Tensor]:
    """Return the frames of overlapping windows, uint8 [3, H, W].

    Half of a window's frames are new.
    """
    noise = torch.Generator().manual_seed(0)
    shape = (3, FOOTAGE.height, FOOTAGE.width)
    count = FOOTAGE.frames + (windows - 1) * FOOTAGE.frames // 2
    return [torch.randint(256, shape, generator=noise, dtype=torch.uint8) for _ in range(count)]


def windows_of(frames: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return each window, uint8 [frames, 3, H, W]."""
    count = FOOTAGE.frames
    firsts = range(0, len(frames) - count + 1, count // 2)
    return [torch.stack(list(frames[first : first + count])) for first in firsts]


def by_family(
    model: LlavaNextVideo, frames: Sequence[torch.Tensor], tokens: int, rows: int
) -> float:
    """Return the windows per second of our own family, including the scaling of frames."""
    started = time.perf_counter()
    pictures = [model.pixels(frame, "crop")[None] for frame in frames]
    scaling = time.perf_counter() - started
    windows = len(windows_of(frames))
    return windows / (scaling + windows / ours(model, pictures, tokens, rows, Stopwatch()))


def by_generic(model: Generic, frames: Sequence[torch.Tensor], tokens: int, rows: int) -> float:
    """Return the windows per second of the family generic."""
    tasks = [
        Task(
            number,
            [Picture((float(n),), frame[None]) for n, frame in enumerate(window)],
            torch.zeros(tokens),
        )
        for number, window in enumerate(windows_of(frames))
    ]
    settings = GenerationSettings(max_new_tokens=tokens)
    answering = LibraryAnswering(model, settings, rows=rows, clock=Stopwatch())
    started = time.perf_counter()
    done = sum(answer is not None for _, answer in answering.answers(iter(tasks)))
    return done / (time.perf_counter() - started)


def one_at_a_time(model: Generic, frames: Sequence[torch.Tensor], tokens: int) -> float:
    """Return the windows per second with one call of the processor and of generate per window."""
    windows = windows_of(frames)
    started = time.perf_counter()
    for window in windows:
        inputs = model._inputs([window]).to(model.device, dtype=model.dtype)
        with torch.inference_mode():
            model.model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
    return len(windows) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tokens", type=int, nargs="+", default=[2, 40, 96])
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as made:
        folder = with_processor(Path(made) / "model")
        family: Any = endless("llava_next_video", folder)
        generic = endless_generic(folder)
    frames, few = frames_of(4 * options.rows), frames_of(4)
    prompts = len(family.prompt(FOOTAGE.frames).ids), generic._window_tokens(FOOTAGE.frames)
    print(
        f"Prompts of {prompts[0]} tokens (our own family) and {prompts[1]} tokens (generic, frames "
        f"as {'a video' if generic._kind == 'video' else 'images'}).\n"
        "| tokens | one at a time, windows/s | generic | own family | generic / one at a time "
        "| generic / own |\n|---|---|---|---|---|---|"
    )
    for tokens in options.tokens:
        found = in_turn(
            {
                "one": partial(one_at_a_time, generic, few, tokens),
                "generic": partial(by_generic, generic, frames, tokens, options.rows),
                "own": partial(by_family, family, frames, tokens, options.rows),
            },
            options.rounds,
        )
        rates = " | ".join(f"{statistics.median(side):.2f}" for side in found.values())
        ratios = " | ".join(median_ratio(found["generic"], found[name]) for name in ("one", "own"))
        print(f"| {tokens} | {rates} | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
