"""A whole match from its file to answered windows: the predecessor's way beside ours.

    python benchmarks/match.py --video demo/out/match_43/match.mp4
    python demo/make_matches.py --seeds 43 --duration 2700 --out FOLDER
    python benchmarks/match.py --video FOLDER/match_43/match.mp4 --windows 100

The demo's tiny LLaVA-NeXT-Video in NF4, one slice, the demo's settings. The predecessor starts an
ffmpeg process a window, reads its JPEGs and asks one window a call. Each side is a process
of its own, whose wall time, processor time and peak memory count, the loading of the
model included. `--windows` limits the predecessor to the first so many windows; then
its windows a second count. Needs ffmpeg.

Expected before measuring: on two cores the tiny model takes little, so decoding decides:
3 to 5 times the predecessor's speed; ours in the same memory for 4 and for 45 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from models import DEMO, PROMPT

ROOT = Path(__file__).resolve().parents[1]
TOKENS = 96


def ours(video: Path, nf4: Path, _: int | None, threads: int) -> int:
    from touchline.config import BatchSettings, GenerationSettings, ImageSettings, WindowSettings
    from touchline.probe import probe
    from touchline.videos import Video
    from touchline.windows import windows_of
    from touchline.worker import Question, answer_windows

    manifest = probe(Video(video=0, path=video))
    windows = windows_of(0, manifest.duration, manifest.duration, WindowSettings())
    question = Question(
        prompt=PROMPT,
        checkpoint=nf4,
        dtype="auto",
        image=ImageSettings(),
        generation=GenerationSettings(max_new_tokens=TOKENS),
        fps=1.0,
        version=1,
    )
    with tempfile.TemporaryDirectory() as journal:
        records = answer_windows(
            video, manifest, windows, question, Path(journal), BatchSettings(), threads
        )
    return len(records)


def predecessor(video: Path, nf4: Path, most: int | None, threads: int) -> int:
    import torch
    from frames import predecessor_frames

    from touchline.config import WindowSettings
    from touchline.families.base import Footage
    from touchline.families.llava_next_video import LlavaNextVideo
    from touchline.images import normalized
    from touchline.probe import probe
    from touchline.videos import Video
    from touchline.windows import windows_of

    torch.set_num_threads(threads)
    manifest = probe(Video(video=0, path=video))
    windows = windows_of(0, manifest.duration, manifest.duration, WindowSettings())[:most]
    model = LlavaNextVideo(nf4, PROMPT, Footage(manifest.width, manifest.height, 1.0))
    for window in windows:
        frames = [
            model.pixels(torch.from_numpy(frame.transpose(2, 0, 1).copy()), "pad")
            for frame in predecessor_frames(video, window)[:4]
        ]
        pixels = normalized(torch.stack(frames), model.normalization)[None]
        ids = model.prompt(len(frames)).ids[None]
        model.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values_videos=pixels,
            max_new_tokens=TOKENS,
            do_sample=False,
        )
    return len(windows)


def measured(side: str, options: argparse.Namespace, nf4: Path) -> dict[str, float]:
    """Wall and processor seconds, and peak MB, of one side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--nf4", str(nf4)]
    command += ["--video", str(options.video), "--threads", str(options.threads)]
    if side == "predecessor" and options.windows:
        command += ["--windows", str(options.windows)]
    before, started = os.times(), time.perf_counter()
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    wall, after = time.perf_counter() - started, os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    return json.loads(said.splitlines()[-1]) | {"wall": wall, "cpu": cpu}


def run_side(options: argparse.Namespace) -> None:
    import resource

    side = {"ours": ours, "predecessor": predecessor}[options.side]
    windows = side(options.video, options.nf4, options.windows, options.threads)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"windows": windows, "peak": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--windows", type=int, help="of the predecessor")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--nf4", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        run_side(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        from touchline.checkpoints import quantize

        nf4 = Path(folder) / "nf4"
        quantize(DEMO, nf4)
        rounds = [
            {side: measured(side, options, nf4) for side in ("predecessor", "ours")}
            for _ in range(options.rounds)
        ]
    print("| side | windows | wall, s | processor, s | windows/s | peak MB |")
    print("|---|---|---|---|---|---|")
    for side in ("predecessor", "ours"):
        middle = {
            key: statistics.median(one[side][key] for one in rounds)
            for key in ("windows", "wall", "cpu", "peak")
        }
        print(
            f"| {side} | {middle['windows']:.0f} | {middle['wall']:.1f} | {middle['cpu']:.1f} | "
            f"{middle['windows'] / middle['wall']:.2f} | {middle['peak']:.0f} |"
        )
    ratios = [
        one["ours"]["windows"]
        / one["ours"]["wall"]
        / (one["predecessor"]["windows"] / one["predecessor"]["wall"])
        for one in rounds
    ]
    print(
        f"ours / predecessor, windows a second: {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f}-{max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
