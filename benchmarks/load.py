"""Loading a model: quantized on the way, as the predecessor did, beside the saved 4-bit copy.

    PYTHONPATH=scripts python benchmarks/load.py

LLaVA-NeXT-Video's vision tower, as large as it is, with a narrower text model; random weights.
Each load is a process of its own. Its seconds are those of the loading alone, its memory
that of the process; files come from the file cache.

Expected before measuring: quantizing is most of the time, so 3 times as fast. The 16-bit
weights of a layer go once it is quantized; so the peak is not twice as high but a third.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from models import PROMPT, make_checkpoint
from processes import Spent, measured, tell

from touchline.checkpoints import load_quantizing, quantize
from touchline.families.base import Footage
from touchline.families.llava_next_video import LlavaNextVideo


def quantizing(made: Path) -> None:
    load_quantizing(made / "source")


def saved(made: Path) -> None:
    LlavaNextVideo(made / "nf4", PROMPT, Footage(384, 216, 1.0))


SIDES = {"quantizing": quantizing, "saved": saved}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", choices=("medium", "tiny"), default="medium")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--made", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.side:
        started = time.perf_counter()
        SIDES[options.side](options.made)
        tell(time.perf_counter() - started)
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        make_checkpoint(options.size, made / "source")
        quantize(made / "source", made / "nf4")
        arguments = ("--threads", options.threads, "--made", made, "--side")
        rounds: dict[str, list[Spent]] = {side: [] for side in SIDES}
        for _ in range(options.rounds):
            for side, spent in rounds.items():
                spent.append(measured(__file__, *arguments, side))
        sizes = {
            side: sum(file.stat().st_size for file in (made / name).glob("*.safetensors")) / 2**20
            for side, name in (("quantizing", "source"), ("saved", "nf4"))
        }
    print("| side | files, MB | loading, s | peak MB |\n|---|---|---|---|")
    for side, spent in rounds.items():
        seconds = statistics.median(one.told for one in spent)
        peak = statistics.median(one.peak for one in spent)
        print(f"| {side} | {sizes[side]:.0f} | {seconds:.2f} | {peak:.0f} |")
    pairs = list(zip(rounds["quantizing"], rounds["saved"], strict=True))
    for what, ratios in (
        ("seconds", [one.told / other.told for one, other in pairs]),
        ("peak", [one.peak / other.peak for one, other in pairs]),
    ):
        middle, least, most = statistics.median(ratios), min(ratios), max(ratios)
        print(f"quantizing / saved, {what}: {middle:.2f} ({least:.2f}-{most:.2f})")


if __name__ == "__main__":
    main()
