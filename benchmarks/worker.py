"""Compare the windows per second of the predecessor's way and ours in one run.

    python benchmarks/worker.py
    python benchmarks/worker.py --evidence      # the cost of evidence beside answers, and alone

The predecessor answers one window per call and encodes all its frames again. Answers have a fixed
length, because random weights never end one. Both sides have the same model in NF4, the same pixels
and the same number of threads.

Expected before measuring, on a CPU: both sides do the same arithmetic for the prompt, which limits
the gain. So ours should be about 1.3 times as fast at 2 tokens, because frames are encoded once. It
should be 2 to 3 times as fast at 40 tokens. At 256 tokens, where one step decodes for all rows, it
should be 4 times as fast or more.

Expected for evidence: the candidates of 18 classes and "none" are 50 to 80 tokens after a prompt of
about 700, and are read together with it. That is 10 % of the prompt's time. So at 40 tokens,
answers with evidence should have 0.90 to 0.95 times the speed of answers alone. Evidence without
answers should have 1.2 to 2 times that speed.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from models import PROMPT, make_checkpoint
from sides import in_turn, median_ratio

from touchline.detection.engine import Answering
from touchline.detection.scheduler import Picture, Task
from touchline.detection.stopwatch import Stopwatch
from touchline.inputs.candidates import make_candidates
from touchline.inputs.families import FAMILIES
from touchline.inputs.labels import Labels
from touchline.inputs.settings import GenerationSettings
from touchline.models.candidate_tree import CandidateTree
from touchline.models.families import family
from touchline.models.families.base import Dtype, Footage, VideoLanguageModel
from touchline.models.families.qwen2_5_vl import cut_patches
from touchline.models.preprocessing import normalized
from touchline.models.quantize import quantize

ROOT = Path(__file__).parents[1]
FOOTAGE = Footage(384, 216, 1.0)


def endless(name: str, folder: Path, dtype: Dtype = "auto", footage: Footage = FOOTAGE) -> Any:
    """Return a model whose answers end only at their maximum length.

    Returns:
        a `VideoLanguageModel` that counts the encoded pictures in `encoded`.
    """

    model = without_lists(name, folder, dtype, footage)
    model.eos = frozenset()
    return model


def without_lists(
    name: str, folder: Path, dtype: Dtype = "auto", footage: Footage = FOOTAGE
) -> Any:
    """Return a model whose answers end by the end token, and never by a complete list.

    Returns:
        a `VideoLanguageModel` that counts the encoded pictures in `encoded`.
    """

    class WithoutLists(family(name)):  # type: ignore[misc]
        encoded = 0

        def encode(self, pixels: torch.Tensor) -> torch.Tensor:
            self.encoded += len(pixels)
            features: torch.Tensor = super().encode(pixels)
            return features

        def decode(self, tokens: list[int]) -> str:
            # Random tokens may spell a whole list.
            text: str = super().decode(tokens)
            return text.replace("]", " ")

    return WithoutLists(folder, PROMPT, footage, dtype)


def pictures(model: VideoLanguageModel, windows: int) -> list[torch.Tensor]:
    """Return the pictures of overlapping windows, as the model takes them.

    Half of a window's pictures are new.

    Each picture has its own noise and colour.
    """
    noise = torch.Generator().manual_seed(0)
    frame = torch.zeros((3, FOOTAGE.height, FOOTAGE.width), dtype=torch.uint8)
    shape = (model.frames_per_picture, *model.pixels(frame, "pad").shape)
    count = pictures_per_window(model) + (windows - 1) * (pictures_per_window(model) // 2)

    def picture() -> torch.Tensor:
        grains = torch.randint(80, shape, generator=noise, dtype=torch.uint8)
        return grains + torch.randint(176, (1, 3, 1, 1), generator=noise, dtype=torch.uint8)

    return [picture() for _ in range(count)]


def pictures_per_window(model: VideoLanguageModel) -> int:
    """Return the number of pictures per window."""
    return model.footage.frames // model.frames_per_picture


def windows_of(model: VideoLanguageModel, shown: Sequence[Any]) -> list[Sequence[Any]]:
    """Return the pictures of each window. Half of them are shared with the window before."""
    count = pictures_per_window(model)
    firsts = range(0, len(shown) - count + 1, count // 2)
    return [shown[first : first + count] for first in firsts]


def stock_inputs(model: VideoLanguageModel, pixels: torch.Tensor) -> dict[str, Any]:
    """Return the inputs of transformers' generate for a window's pictures, [n, frames, 3, h, w]."""
    ids = model.prompt(len(pixels)).ids[None].to(model.device)
    seen = normalized(pixels.to(model.device), model.normalization).to(model.dtype)
    inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if model.frames_per_picture == 1:
        return inputs | {"pixel_values_videos": seen.transpose(0, 1)}
    config = model.model.config
    patch = config.vision_config.patch_size
    rows, columns = (side // patch for side in pixels.shape[-2:])
    if config.model_type == "qwen2_5_vl":
        inputs["second_per_grid_ts"] = [2.0]
    return inputs | {
        "pixel_values_videos": cut_patches(seen, patch, 2),
        "video_grid_thw": torch.tensor([[len(pixels), rows, columns]], device=model.device),
        "mm_token_type_ids": 2 * (ids == config.video_token_id).int(),
    }


def baseline(
    model: VideoLanguageModel, shown: list[torch.Tensor], tokens: int, is_forced: bool = True
) -> float:
    """Return the windows per second with one generate call per window.

    Answers have exactly `tokens` tokens if `is_forced`, and at most `tokens` otherwise.
    """
    windows = windows_of(model, shown)
    started = time.perf_counter()
    for window in windows:
        model.model.generate(
            **stock_inputs(model, torch.stack(list(window))),
            max_new_tokens=tokens,
            min_new_tokens=tokens if is_forced else None,
            do_sample=False,
        )
    return len(windows) / (time.perf_counter() - started)


def ours(
    model: VideoLanguageModel,
    shown: list[torch.Tensor],
    tokens: int,
    rows: int,
    clock: Stopwatch,
    evidence: bool = False,
    answers: bool = True,
) -> float:
    """Return the windows per second, with one batch of rows."""
    ready = [Picture((float(n),) * len(pixels), pixels) for n, pixels in enumerate(shown)]
    tasks = [
        Task(number, list(window), torch.zeros(tokens))
        for number, window in enumerate(windows_of(model, ready))
    ]
    settings = GenerationSettings(max_new_tokens=tokens, evidence=evidence, answers=answers)
    tree = tree_of(model) if evidence else None
    answering = Answering(
        model,
        settings,
        rows=rows,
        pictures=pictures_per_window(model),
        clock=clock,
        candidates=tree,
    )
    started = time.perf_counter()
    done = sum(generated is not None for _, generated in answering.answers(iter(tasks)))
    return done / (time.perf_counter() - started)


def tree_of(model: VideoLanguageModel) -> CandidateTree:
    """Return the tree of candidates of the classes in labels.yaml."""
    candidates = make_candidates(PROMPT, Labels.read(ROOT / "labels.yaml").classes)
    return model.build_tree((each.text, each.decided) for each in candidates)


def weigh_in_turn(
    model: VideoLanguageModel, tokens: int, rows: int, rounds: int
) -> dict[str, list[float]]:
    """Return the windows per second of answers, of answers with evidence, and of evidence alone."""
    many = pictures(model, 2 * rows)
    sides = {
        "answers": (False, True),
        "answers and evidence": (True, True),
        "evidence alone": (True, False),
    }
    return in_turn(
        {
            name: partial(ours, model, many, tokens, rows, Stopwatch(), *how)
            for name, how in sides.items()
        },
        rounds,
    )


def show_weighed(name: str, tokens: int, found: dict[str, list[float]]) -> None:
    """Print the results of `weigh_in_turn` as a row of a table."""
    answers = found["answers"]
    rates = " | ".join(f"{statistics.median(side):.3f}" for side in found.values())
    ratios = " | ".join(median_ratio(side, answers) for side in list(found.values())[1:])
    print(f"| {name} | {tokens} | {rates} | {ratios} |", flush=True)


WEIGHED_HEAD = (
    "| family | tokens | answers, windows/s | and evidence | evidence alone "
    "| with / without evidence | alone / answers |\n|---|---|---|---|---|---|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--family", choices=FAMILIES, nargs="+", default=list(FAMILIES))
    parser.add_argument("--size", choices=("small", "tiny"), default="small")
    parser.add_argument("--tokens", type=int, nargs="+", default=[2, 40, 256])
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--evidence", action="store_true", help="measure evidence instead")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.evidence:
        print(WEIGHED_HEAD)
        for name in options.family:
            model = quantized(name, options.size)
            for tokens in options.tokens:
                found = weigh_in_turn(model, tokens, options.rows, options.rounds)
                show_weighed(name, tokens, found)
        return
    print("| family | tokens | baseline, windows/s | ours, windows/s | ours / baseline | of ours |")
    print("|---|---|---|---|---|---|")
    encoded = [measure(name, options) for name in options.family]
    print("\n".join(encoded))


def quantized(name: str, size: str) -> Any:
    """Return a family's model with random weights in NF4; see `endless`."""
    with tempfile.TemporaryDirectory() as made:
        source, folder = Path(made) / "source", Path(made) / "nf4"
        make_checkpoint(size, source, name)
        quantize(source, folder)
        return endless(name, folder)


def measure(name: str, options: argparse.Namespace) -> str:
    """Print a family's rows and return the number of encoded pictures."""
    model = quantized(name, options.size)
    few, many = pictures(model, 2), pictures(model, 2 * options.rows)
    for tokens in options.tokens:
        clock = Stopwatch()
        model.encoded = 0
        found = in_turn(
            {
                "baseline": partial(baseline, model, few, tokens),
                "ours": partial(ours, model, many, tokens, options.rows, clock),
            },
            options.rounds,
        )
        base, mine = map(statistics.median, (found["baseline"], found["ours"]))
        gain = median_ratio(found["ours"], found["baseline"])
        spent = sum(clock.seconds.values())
        shares = ", ".join(f"{part} {s / spent:.0%}" for part, s in clock.seconds.items())
        print(f"| {name} | {tokens} | {base:.3f} | {mine:.3f} | {gain} | {shares} |", flush=True)
    calls = math.ceil(model.encoded / options.rounds)
    return f"{name}: {calls} pictures encoded a round, of {len(many)} distinct ones."


if __name__ == "__main__":
    main()
