r"""Run a match half through the real workflow, and show each slice's times and the GPUs' load.

    python benchmarks/end_to_end.py --folder /tmp/half                # full size, on a GPU
    python benchmarks/end_to_end.py --folder /tmp/half --size tiny    # a trial on the CPU
    python benchmarks/end_to_end.py --folder /tmp/half --projects before=/tmp/old now=.
    python benchmarks/end_to_end.py --folder /tmp/half --halves 2 \
        --families llava_next_video qwen2_5_vl

The script makes a checkpoint with LLaVA-NeXT-Video-7B's configuration and random weights, and a
half of 3,000 s at 720p (see frames.py). It runs `snakemake models` and then measures
`snakemake predictions`: 1,500 windows in four slices per half and family. Answers end by themselves
(answers.py), and `max_new_tokens` is that of config.yaml. With `--jobs-per-gpu 2`, the next slice
prepares while the last one computes.

Expected before measuring, on one H100 with 16 cores, slices one by one: a slice has 14 s of GPU
work. In the version before, a slice took 35 s, so the GPU was 40 % busy. Now the start of a slice
overlaps the slice before it. Loading (2 to 3 s), warm-up (2 s) and the end of the process remain.
So a slice should take 18 to 20 s, and the GPU should be busy for 70 % of the time or more.

Expected before measuring, on one H200 with drafts and two slices at a time: a slice has 10 s of GPU
work instead of 14. So the detection of a half should take 55 s.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from frames import RATE, make_video
from models import PROMPT, SIZES, make_checkpoint

ROOT = Path(__file__).resolve().parents[1]
SLICES = 4
KEYFRAMES = 2.0  # seconds apart, as broadcasts have them

# A part in the last line of a worker's log.
PART = re.compile(r"([a-z][\w ]*?) (\d+\.\d) s[,.]", re.IGNORECASE)


@dataclass(frozen=True)
class Sample:
    """The load of a GPU in the second before `at`, in percent."""

    at: float
    gpu: int
    busy: int


@dataclass(frozen=True)
class Slice:
    """The job of a slice.

    Attributes:
        name: model, video and number, as in its file names.
        began, ended: seconds by the clock.
        parts: seconds per part of the worker's work.
    """

    name: str
    began: float
    ended: float
    parts: dict[str, float]


def main() -> None:
    options = arguments()
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    prepare(folder, options)
    for name, project in options.projects * options.rounds:
        measure(folder, name, Path(project).absolute(), options)


def arguments() -> argparse.Namespace:
    def named(text: str) -> tuple[str, str]:
        name, _, path = text.rpartition("=")
        return name or path, path

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="folder for all files")
    parser.add_argument("--size", choices=("full", "small", "tiny"), default="full")
    parser.add_argument("--families", nargs="+", choices=SIZES, default=["llava_next_video"])
    parser.add_argument(
        "--halves", type=int, default=1, help="number of halves, all of the same video"
    )
    parser.add_argument("--length", type=float, help="seconds of a half")
    parser.add_argument("--height", type=int, help="height of its pictures, pixels")
    parser.add_argument("--threads", type=int, default=8, help="decoding threads per slice")
    parser.add_argument("--gpus", type=int, default=max(1, torch.cuda.device_count()))
    parser.add_argument("--jobs-per-gpu", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--projects", type=named, nargs="+", default=[("now", str(ROOT))])
    options = parser.parse_args()
    small = options.size == "tiny"
    options.length = options.length or (40.0 if small else 3000.0)
    options.height = options.height or (180 if small else 720)
    return options


def prepare(folder: Path, options: argparse.Namespace) -> None:
    """Make checkpoints, video and settings, unless they exist."""
    video = folder / f"{options.height}.mp4"
    models = {}
    for family in options.families:
        checkpoint = folder / f"{family}-{options.size}"
        if not checkpoint.exists():
            with timed(f"making a checkpoint of {family} with random weights"):
                make_checkpoint(options.size, checkpoint, family, has_answers=True)
        models[family.replace("_", "-")] = {
            "checkpoint": str(checkpoint),
            "revision": None,
            "family": family,
        }
    if not video.exists():
        with timed(f"making a half of {options.length:g} s"):
            make_video(video, options.height, round(KEYFRAMES * RATE), options.length)
    rows = [f"{number}\t{video}\n" for number in range(options.halves)]
    (folder / "videos.tsv").write_text("video\tpath\n" + "".join(rows))
    (folder / "prompt.txt").write_text(PROMPT)
    settings = {
        "videos": "videos.tsv",
        "prompt": "prompt.txt",
        "slices": SLICES,
        "detect_with": list(models),
        "compare_with": [],
        "models": models,
    }
    # JSON is YAML.
    (folder / "settings.yaml").write_text(json.dumps(settings))
    with timed("quantizing, by `snakemake models`"):
        snakemake(folder, ROOT, options, "models")


def snakemake(folder: Path, project: Path, options: argparse.Namespace, target: str) -> None:
    jobs = options.gpus * options.jobs_per_gpu
    command = [sys.executable, "-m", "snakemake", "-s", str(project / "Snakefile")]
    command += ["--cores", str(max(os.cpu_count() or 1, jobs * options.threads))]
    command += ["--resources", f"gpu={jobs}", "--set-threads", f"detect_slice={options.threads}"]
    command += ["--configfile=settings.yaml", "--quiet", "progress", "rules", "--", target]
    paths = [str(project / "scripts"), str(project), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    subprocess.run(command, cwd=folder, env=environment, check=True)


def measure(folder: Path, name: str, project: Path, options: argparse.Namespace) -> None:
    """Run the workflow up to the final predictions, and print the times of its parts."""
    results = folder / "results"
    shutil.rmtree(results, ignore_errors=True)
    began = time.time()
    with sampling() as samples:
        snakemake(folder, project, options, "predictions")
    whole = time.time() - began
    ledgers = list((results / "windows").iterdir())
    slices = sorted(map(read_slice, ledgers), key=lambda each: each.began)
    began, ended = slices[0].began, max(each.ended for each in slices)
    windows = sum(len(ledger.read_text().splitlines()) for ledger in ledgers)
    rate = windows / (ended - began) / options.gpus
    print(f"\n## {name}: {options.halves} x {options.length:g} s at {options.height}p, ", end="")
    print(f"{windows} windows of {' and '.join(options.families)}")
    print(f"{options.gpus} GPUs, {options.jobs_per_gpu} slices at a time each, ", end="")
    print(f"{options.threads} threads for decoding, {os.cpu_count()} cores")
    print(f"whole run {whole:.1f} s; detection {ended - began:.1f} s, {rate:.1f} windows/s a GPU")
    print_slices(slices, began)
    print_busy(samples, began, ended)


def read_slice(ledger: Path) -> Slice:
    """Return the slice of a ledger (windows_MODEL_vidV_gpuN.jsonl)."""
    results, name = ledger.parents[1], ledger.stem.removeprefix("windows_")
    log = (results / "logs" / "detect" / f"{name}.log").read_text()
    rows = (results / "benchmarks" / f"detect_{name}.tsv").read_text().splitlines()
    seconds = float(dict(zip(rows[0].split("\t"), rows[1].split("\t"), strict=True))["s"])
    ended = ledger.stat().st_mtime
    parts = PART.findall(log.rpartition("Time: ")[2].splitlines()[0])
    return Slice(name, ended - seconds, ended, {what: float(each) for what, each in parts})


def print_slices(slices: Sequence[Slice], began: float) -> None:
    """Print one row per slice.

    The seconds that a worker measures do not include its start and its exit.
    """
    names = list(dict.fromkeys(name for each in slices for name in each.parts))
    print("| slice | from | to | " + " | ".join(names) + " | start and end |")
    print("|---" * (len(names) + 4) + "|")
    for each in slices:
        cells = [f"{each.parts.get(name, 0.0):.1f}" for name in names]
        rest = each.ended - each.began - sum(each.parts.values())
        at = f"{each.began - began:.1f} | {each.ended - began:.1f}"
        print(f"| {each.name} | {at} | " + " | ".join(cells) + f" | {rest:.1f} |")


def print_busy(samples: Sequence[Sample], began: float, ended: float) -> None:
    by_gpu: dict[int, list[int]] = defaultdict(list)
    for sample in samples:
        if began < sample.at <= ended:
            by_gpu[sample.gpu].append(sample.busy)
    if not by_gpu:
        print("No GPU was seen at work.")
    for gpu, busy in sorted(by_gpu.items()):
        print(f"GPU {gpu}: busy {sum(busy) / len(busy):.0f} % of the detection")
        print("  by second:", *busy)


@contextmanager
def sampling() -> Iterator[list[Sample]]:
    """Sample the load of each GPU once per second by nvidia-smi. Yield nothing without a GPU."""
    samples: list[Sample] = []
    if not shutil.which("nvidia-smi"):
        yield samples
        return
    command = ["nvidia-smi", "dmon", "-s", "u", "-d", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = process.stdout

        def read() -> None:
            for line in lines:
                gpu, busy, *_ = [*line.split(), "", ""]
                if gpu.isdigit() and busy.isdigit():
                    samples.append(Sample(time.time(), int(gpu), int(busy)))

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield samples
        finally:
            process.terminate()
            reader.join()


@contextmanager
def timed(what: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    print(f"{what}: {time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
