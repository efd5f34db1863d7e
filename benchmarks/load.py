"""Compare loading a model in two ways: quantize while loading, or load the saved 4-bit copy.

    python benchmarks/load.py

The model has LLaVA-NeXT-Video's full-size vision tower, a narrower text model, and random weights.
Each load runs in its own process. Times are those of loading alone, and memory is that of the
process. Files come from the file cache.

Expected before measuring: quantizing takes most of the time, so the saved copy loads 3 times as
fast. A layer's 16-bit weights are freed after quantizing, so quantizing has a peak that is a third
higher, and not twice as high.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import torch
from models import PROMPT, make_checkpoint
from sides import alone, in_turn, median_ratio
from worker import FOOTAGE

from touchline.models.families.llava_next_video import LlavaNextVideo
from touchline.models.quantize import load_quantizing, quantize


def quantizing(made: Path, threads: int) -> float:
    """Return the seconds of loading and quantizing."""
    torch.set_num_threads(threads)
    started = time.perf_counter()
    load_quantizing(made / "source")
    return time.perf_counter() - started


def saved(made: Path, threads: int) -> float:
    """Return the seconds of loading the 4-bit copy."""
    torch.set_num_threads(threads)
    started = time.perf_counter()
    LlavaNextVideo(made / "nf4", PROMPT, FOOTAGE)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", choices=("medium", "tiny"), default="medium")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        make_checkpoint(options.size, made / "source")
        quantize(made / "source", made / "nf4")
        rounds = in_turn(
            {
                "quantizing": partial(alone, quantizing, made, options.threads),
                "saved": partial(alone, saved, made, options.threads),
            },
            options.rounds,
        )
        sizes = {
            side: sum(file.stat().st_size for file in (made / name).glob("*.safetensors")) / 2**20
            for side, name in (("quantizing", "source"), ("saved", "nf4"))
        }
    seconds = {side: [one.result for one in spent] for side, spent in rounds.items()}
    peaks = {side: [one.peak for one in spent] for side, spent in rounds.items()}
    print("| side | files, MB | loading, s | peak MB |\n|---|---|---|---|")
    for side, size in sizes.items():
        middle, peak = statistics.median(seconds[side]), statistics.median(peaks[side])
        print(f"| {side} | {size:.0f} | {middle:.2f} | {peak:.0f} |")
    for what, found in (("seconds", seconds), ("peak", peaks)):
        print(f"quantizing / saved, {what}: {median_ratio(found['quantizing'], found['saved'])}")


if __name__ == "__main__":
    main()
