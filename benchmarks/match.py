"""Compare a whole match, from its file to answered windows, with the predecessor's way.

    python benchmarks/match.py --video demo/out/match_43/match.mp4
    python demo/make_matches.py --seeds 43 --duration 2700 --out demo/long
    python benchmarks/match.py --video demo/long/match_43/match.mp4 --windows 300

The model is the demo's tiny LLaVA-NeXT-Video in NF4, with one slice and the demo's settings. The
predecessor starts an ffmpeg process per window, reads its JPEGs and answers one window per call.
Each side runs in its own process. Wall time, processor time and peak memory include the loading of
the model. `--windows` limits the predecessor to the first windows, whose time is scaled up. The
script needs ffmpeg.

Expected before measuring: on two cores, most of the time is spent on decoding frames, because the
tiny model takes little time. So 3 to 5 times the predecessor's speed, and the same memory for 4 and
45 minutes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from models import DEMO, PROMPT
from sides import Spent, alone, in_turn, median_ratio

TOKENS = 96


@dataclass(frozen=True)
class Part:
    """The predecessor's part of a match: answered windows, all windows, and seconds."""

    windows: int
    answered: int
    wall: float
    cpu: float


def ours(video: Path, nf4: Path, threads: int) -> int:
    """Answer all windows of the match with our engine. Return their number."""
    from touchline.detection.worker import Question, answer_windows
    from touchline.inputs.settings import (
        BatchSettings,
        GenerationSettings,
        ImageSettings,
        WindowSettings,
    )
    from touchline.inputs.videos import Video
    from touchline.inputs.windows import list_windows, whole_video
    from touchline.video.probe import probe

    manifest = probe(Video(video=0, path=video))
    windows = list_windows(0, manifest.duration, whole_video(manifest.duration), WindowSettings())
    question = Question(
        prompt=PROMPT,
        checkpoint=nf4,
        dtype="auto",
        image=ImageSettings(),
        generation=GenerationSettings(max_new_tokens=TOKENS),
        fps=1.0,
        frames=4,
        version=1,
    )
    with tempfile.TemporaryDirectory() as journal:
        records = answer_windows(
            video,
            manifest,
            windows,
            question,
            journal_folder=Path(journal),
            batch=BatchSettings(),
            threads=threads,
        )
    return len(records)


def predecessor(video: Path, nf4: Path, threads: int, most: int | None) -> Part:
    import torch
    from frames import predecessor_frames
    from worker import stock_inputs

    from touchline.inputs.settings import WindowSettings
    from touchline.inputs.videos import Video
    from touchline.inputs.windows import list_windows, whole_video
    from touchline.models.families.base import Footage
    from touchline.models.families.llava_next_video import LlavaNextVideo
    from touchline.video.probe import probe

    torch.set_num_threads(threads)
    manifest = probe(Video(video=0, path=video))
    windows = list_windows(0, manifest.duration, whole_video(manifest.duration), WindowSettings())
    model = LlavaNextVideo(nf4, PROMPT, Footage(manifest.width, manifest.height, 1.0))
    before = os.times()
    for window in windows[:most]:
        frames = [
            model.pixels(torch.from_numpy(frame.transpose(2, 0, 1).copy()), "pad")
            for frame in predecessor_frames(video, window)[:4]
        ]
        model.model.generate(
            # A picture of this family is one frame.
            **stock_inputs(model, torch.stack(frames)[:, None]),
            max_new_tokens=TOKENS,
            do_sample=False,
        )
    spent = [b - a for a, b in zip(before, os.times(), strict=True)]
    return Part(len(windows), len(windows[:most]), spent[-1], sum(spent[:-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--video", type=Path, required=True)
    parser.add_argument("--windows", type=int, help="windows for the predecessor")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        from touchline.models.quantize import quantize

        nf4 = Path(folder) / "nf4"
        quantize(DEMO, nf4)
        given = (options.video, nf4, options.threads)
        rounds = in_turn(
            {
                "predecessor": lambda: whole(alone(predecessor, *given, options.windows)),
                "ours": lambda: alone(ours, *given),
            },
            options.rounds,
        )
    windows = rounds["ours"][0].result
    print(f"{windows} windows")
    print("| side | wall, s | processor, s | windows/s | peak MB |\n|---|---|---|---|---|")
    found = {
        side: {what: [getattr(one, what) for one in spent] for what in ("wall", "cpu", "peak")}
        for side, spent in rounds.items()
    }
    for side, figures in found.items():
        wall, cpu, peak = map(statistics.median, figures.values())
        print(f"| {side} | {wall:.1f} | {cpu:.1f} | {windows / wall:.2f} | {peak:.0f} |")
    for what, over in found["predecessor"].items():
        print(f"predecessor / ours, {what}: {median_ratio(over, found['ours'][what])}")


def whole(spent: Spent) -> Spent:
    """Return the time that all windows of the match would take."""
    part: Part = spent.result
    more = part.windows / part.answered - 1
    return replace(spent, wall=spent.wall + more * part.wall, cpu=spent.cpu + more * part.cpu)


if __name__ == "__main__":
    main()
