"""Windows a second: the predecessor's way beside ours, in one run.

    PYTHONPATH=scripts python benchmarks/worker.py

The predecessor asks one window a call and encodes each of its frames anew. Answers are
forced to a length, since random weights never end one. Both sides have the same model,
in NF4, the same pixels and the same number of threads.

Expected on a CPU before measuring: reading the prompt is arithmetic that both sides do
alike, and it bounds the gain; so about 1.3 times at 2 tokens (frames encoded once), 2 to
3 times at 40, and 4 or more at 256, where one step decodes for all rows.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from models import PROMPT, make_checkpoint

from touchline.checkpoints import quantize
from touchline.config import GenerationSettings
from touchline.generation import Answering, Picture, Task
from touchline.images import normalized
from touchline.families.base import Footage
from touchline.families.llava_next_video import LlavaNextVideo
from touchline.stopwatch import Stopwatch

FRAMES = 4
FOOTAGE = Footage(384, 216, 1.0)


class Endless(LlavaNextVideo):
    """The model, whose answers end at their forced length only; counts what it encodes."""

    eos = frozenset()
    encoded = 0

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.eos = frozenset()

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        self.encoded += len(pixels)
        return super().encode(pixels)

    def decode(self, tokens: list[int]) -> str:
        # Random tokens may spell a whole list.
        return super().decode(tokens).replace("]", " ")


def pictures(windows: int) -> list[torch.Tensor]:
    """The frames of overlapping windows, two new ones a window: noise, fitted already."""
    noise, shape = torch.Generator().manual_seed(0), (3, 336, 336)
    return [
        torch.randint(256, shape, generator=noise, dtype=torch.uint8)
        for _ in range(2 * windows + 2)
    ]


def baseline(model: LlavaNextVideo, frames: list[torch.Tensor], tokens: int) -> float:
    """Windows a second, one generate call each."""
    windows = (len(frames) - 2) // 2
    started = time.perf_counter()
    for window in range(windows):
        ids = model.prompt(FRAMES).ids[None].to(model.device)
        squares = torch.stack(frames[2 * window : 2 * window + FRAMES])
        pixels = normalized(squares, model.normalization)[None]
        model.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values_videos=pixels.to(model.device, model.dtype),
            max_new_tokens=tokens,
            min_new_tokens=tokens,
            do_sample=False,
        )
    return windows / (time.perf_counter() - started)


def ours(
    model: LlavaNextVideo, frames: list[torch.Tensor], tokens: int, rows: int, clock: Stopwatch
) -> float:
    """Windows a second, in rows of one batch."""
    shown = [Picture((float(n),), pixels[None]) for n, pixels in enumerate(frames)]
    windows = (len(frames) - 2) // 2
    tasks = [Task(n, shown[2 * n : 2 * n + FRAMES], torch.zeros(tokens)) for n in range(windows)]
    answering = Answering(model, GenerationSettings(max_new_tokens=tokens), rows, FRAMES, clock)
    started = time.perf_counter()
    done = sum(generated is not None for _, generated in answering.answers(iter(tasks)))
    return done / (time.perf_counter() - started)


def medians(sides: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Each side's figures, measured in turn so that a slow spell of the machine hits all."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            found[name].append(measure())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", choices=("small", "tiny"), default="small")
    parser.add_argument("--tokens", type=int, nargs="+", default=[2, 40, 256])
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as name:
        source, folder = Path(name) / "source", Path(name) / "nf4"
        make_checkpoint(options.size, source)
        quantize(source, folder)
        model = Endless(folder, PROMPT, FOOTAGE)
    print("| tokens | baseline, windows/s | ours, windows/s | ours / baseline | time of ours |")
    print("|---|---|---|---|---|")
    for tokens in options.tokens:
        few, many = pictures(2), pictures(2 * options.rows)
        clock = Stopwatch()
        model.encoded = 0
        found = medians(
            {
                "baseline": lambda few=few, tokens=tokens: baseline(model, few, tokens),
                "ours": lambda many=many, tokens=tokens, clock=clock: ours(
                    model, many, tokens, options.rows, clock
                ),
            },
            options.rounds,
        )
        ratio = [b / a for a, b in zip(found["baseline"], found["ours"], strict=True)]
        base, mine, gain = map(statistics.median, (found["baseline"], found["ours"], ratio))
        spread = f"{gain:.2f} ({min(ratio):.2f}-{max(ratio):.2f})"
        print(f"| {tokens} | {base:.3f} | {mine:.3f} | {spread} | {clock} |", flush=True)
    distinct = len(many)
    print(f"Frames encoded in the last round: {model.encoded // options.rounds} of {distinct}.")


if __name__ == "__main__":
    main()
