"""The full-size model on a GPU: the predecessor's way beside ours, and beside the floor.

    python benchmarks/gpu.py --folder /tmp/models

The model is LLaVA-NeXT-Video-7B's configuration with random weights, so times are valid
and answers are not; these are forced to a length. `--size tiny` is a dry run.

Expected before measuring: one window a call is bound by launching kernels, some 30 ms a
token whatever the GPU; ours reads the weights once for all rows, so at 40 tokens it gains
about as much as it has rows, until reading the prompts (15 ms a window on an H100) is
most of the time: 20 to 40 times the baseline with 32 rows, half of the floor.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from models import DEMO, PROMPT, make_checkpoint
from worker import FRAMES, Endless, baseline, ours, pictures

from touchline.checkpoints import quantize
from touchline.config import GenerationSettings
from touchline.generation import Answering, Picture, Task, rows_that_fit
from touchline.families.llava_next_video import LlavaNextVideo
from touchline.stopwatch import Stopwatch
from windows import joined, windows_of

GPU = torch.cuda.is_available()

# Of one window with 700 tokens of prompt, two of its frames new, as the configuration gives.
VISION_FLOP, PREFILL_FLOP = 2 * 0.39e12, 9.3e12
WEIGHT_BYTES = {"nf4": 3.6e9, "none": 13e9}
CACHE_BYTES = 0.5 * 2**20  # a token and row


@contextmanager
def timed(what: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    if GPU:
        torch.cuda.synchronize()
    print(f"{what}: {time.perf_counter() - started:.1f} s", flush=True)


def clear() -> None:
    gc.collect()
    if GPU:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak() -> float:
    """GB of GPU memory at the most since `clear`."""
    return torch.cuda.max_memory_allocated() / 2**30 if GPU else 0.0


def rates() -> tuple[float, float]:
    """FLOP/s of a large bfloat16 product, and bytes/s of a copy (read and written)."""
    if not GPU:
        return 1e11, 1e10
    one = torch.randn((8192, 8192), device="cuda", dtype=torch.bfloat16)
    large = torch.empty(2**32, dtype=torch.uint8, device="cuda")
    found = []
    for work, call in ((2 * 8192**3, lambda: one @ one), (2 * 2**32, large.clone)):
        for _ in range(3):
            call()
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(10):
            call()
        torch.cuda.synchronize()
        found.append(10 * work / (time.perf_counter() - started))
    return found[0], found[1]


def floor(flops: float, bandwidth: float, precision: str, rows: int, tokens: int) -> float:
    """Windows a second that arithmetic and bandwidth would allow."""
    step = WEIGHT_BYTES[precision] + rows * CACHE_BYTES * (700 + tokens / 2)
    seconds = (VISION_FLOP + PREFILL_FLOP) / flops + tokens * step / bandwidth / rows
    return 1 / seconds


def measure_grid(options: argparse.Namespace, folder: Path, precision: str) -> None:
    flops, bandwidth = rates()
    print(f"matrix product {flops / 1e12:.0f} TFLOP/s, copy {bandwidth / 1e12:.2f} TB/s")
    model = Endless(folder, PROMPT, "auto")
    print("| precision | tokens | rows | windows/s | spread | of the floor | peak GB | time |")
    print("|---|---|---|---|---|---|---|---|")
    for tokens in options.tokens:
        for rows in options.rows:
            clear()
            frames, clock = pictures(max(4, 2 * rows)), Stopwatch()
            try:
                ours(model, frames[:14], min(tokens, 4), rows, Stopwatch())  # warm up
                rounds = 1 if tokens > 100 else options.rounds
                found = [ours(model, frames, tokens, rows, clock) for _ in range(rounds)]
            except torch.OutOfMemoryError:
                print(f"| {precision} | {tokens} | {rows} | does not fit |")
                continue
            middle = statistics.median(found)
            share = middle / floor(flops, bandwidth, precision, rows, tokens)
            print(
                f"| {precision} | {tokens} | {rows} | {middle:.2f} | {min(found):.2f}-"
                f"{max(found):.2f} | {share:.0%} | {peak():.1f} | {clock} |",
                flush=True,
            )
    if GPU:
        profile(model, max(options.rows))


def profile(model: Endless, rows: int) -> None:
    """How much of a decode step the GPU is at work, recorded as a graph and not."""
    cache = model.new_cache(rows, FRAMES, 64)
    tokens = torch.zeros(rows, dtype=torch.long, device="cuda")
    cache.lengths.fill_(700)
    for name, step in (("launched", model._step), ("replayed", model.step)):
        with torch.inference_mode():
            for _ in range(3):
                step(tokens, cache)
            torch.cuda.synchronize()
            started = time.perf_counter()
            for _ in range(10):
                step(tokens, cache)
            torch.cuda.synchronize()
        print(f"decode step, {rows} rows, {name}: {100 * (time.perf_counter() - started):.1f} ms")
    rows = torch.arange(rows // 4)
    features = model.encode(torch.stack(pictures(2)[:FRAMES]))[None].repeat(len(rows), 1, 1, 1)
    for name, call in (
        ("step", lambda: model._step(tokens, cache)),
        ("prefill", lambda: model.prefill(features, cache, rows)),
        ("vision", lambda: model.encode(torch.stack(pictures(15)))),
    ):
        show(name, call)


def show(name: str, call: Callable[[], object]) -> None:
    """What the GPU does in a call, the longest first."""
    call()
    with torch.profiler.profile(acc_events=True) as seen, torch.inference_mode():
        call()
        torch.cuda.synchronize()
    rows = sorted(seen.key_averages(), key=lambda row: -row.self_device_time_total)
    total = sum(row.self_device_time_total for row in rows)
    print(f"{name}: {total / 1000:.1f} ms on the GPU")
    for row in rows[:9]:
        print(f"  {row.self_device_time_total / 1000:7.2f} ms  {row.count:5d}  {row.key[:80]}")


def measure_baseline(options: argparse.Namespace, folder: Path) -> None:
    model = Endless(folder, PROMPT, "float16" if GPU else "auto")
    baseline(model, pictures(1), 4)
    print("| baseline, tokens | windows/s | spread | peak GB |\n|---|---|---|---|")
    for tokens in options.tokens:
        clear()
        rounds = 5 if tokens < 100 else 3
        found = [baseline(model, pictures(1), tokens) for _ in range(rounds)]
        middle = statistics.median(found)
        print(f"| {tokens} | {middle:.3f} | {min(found):.3f}-{max(found):.3f} | {peak():.1f} |")


def measure_memory(folder: Path) -> None:
    """The automatic number of rows on the whole card and on parts of it; then one too many."""
    total = torch.cuda.get_device_properties(0).total_memory / 2**30 if GPU else 0
    settings = GenerationSettings(max_new_tokens=256)
    print("| card, GB | rows | windows/s at 40 tokens | rows at the end | skipped | peak GB |")
    print("|---|---|---|---|---|---|")
    for size, forced in ((80, None), (24, None), (16, None), (11, None), (16, 48)):
        clear()
        if GPU:
            torch.cuda.set_per_process_memory_fraction(min(1.0, size / total))
        model = Endless(folder, PROMPT, "auto")
        rows = forced or rows_that_fit(model, FRAMES, settings, "auto")
        shown = [Picture(float(n), pixels) for n, pixels in enumerate(pictures(2 * rows))]
        tasks = [Task(n, shown[2 * n : 2 * n + FRAMES], torch.zeros(256)) for n in range(2 * rows)]
        short = settings.model_copy(update={"max_new_tokens": 40})
        answering = Answering(model, short, rows, FRAMES, Stopwatch())
        started = time.perf_counter()
        done = [generated for _, generated in answering.answers(iter(tasks))]
        pace = len(done) / (time.perf_counter() - started)
        print(
            f"| {size} | {rows}{' (forced)' if forced else ''} | {pace:.2f} | {answering.rows} | "
            f"{done.count(None)} | {peak():.1f} |",
            flush=True,
        )
        del model, answering, tasks, shown
    if GPU:
        torch.cuda.set_per_process_memory_fraction(1.0)


def measure_sameness(folder: Path) -> None:
    """Greedy answers of 32 rows against those of another order and of one row.

    Of random weights, whose likeliest tokens are nearly tied, and of the demo's trained
    model on generated matches, token by token.
    """
    trained = folder.parent / "demo-nf4"
    if not trained.exists():
        quantize(DEMO, trained)
    drawn = next(group for group in joined([windows_of(7, 64)]) if group.pixels.shape[1] == FRAMES)
    shown = [list(torch.from_numpy(pixels)) for pixels in drawn.pixels]
    noise = pictures(64)
    noise_windows = [noise[2 * n : 2 * n + FRAMES] for n in range(64)]
    for name, model, windows in (
        ("random weights", Endless(folder, PROMPT, "auto"), noise_windows),
        ("trained demo model", LlavaNextVideo(trained, PROMPT, "auto"), shown),
    ):
        many = greedy(model, windows, 32, reverse=False)
        for what, other in (
            ("32 rows in the other order", greedy(model, windows, 32, reverse=True)),
            ("1 row", greedy(model, windows, 1, reverse=False)),
        ):
            apart = sum(many[n] != other[n] for n in many)
            print(f"{name}: 32 rows against {what}: {apart} of {len(many)} answers differ")


def greedy(
    model: LlavaNextVideo, windows: list[list[torch.Tensor]], rows: int, reverse: bool
) -> dict[int, tuple[int, ...]]:
    """The tokens of each window's answer."""
    tasks = [
        Task(n, [Picture(float(k), square) for k, square in enumerate(window)], torch.zeros(40))
        for n, window in enumerate(windows)
    ]
    answering = Answering(model, GenerationSettings(max_new_tokens=40), rows, FRAMES, Stopwatch())
    done = answering.answers(iter(tasks[::-1] if reverse else tasks))
    return {task.index: generated.tokens for task, generated in done if generated}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", choices=("full", "small", "tiny"), default="full")
    parser.add_argument("--folder", type=Path, required=True, help="where the models are kept")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8, 16, 32, 64])
    parser.add_argument("--tokens", type=int, nargs="+", default=[2, 40, 256])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--parts",
        nargs="+",
        default=["load", "baseline", "nf4", "bfloat16", "memory", "sameness"],
    )
    options = parser.parse_args()
    source, folder = options.folder / f"{options.size}-16", options.folder / f"{options.size}-nf4"
    if not source.exists():
        with timed("making a checkpoint with random weights"):
            make_checkpoint(options.size, source)
    clear()
    if not folder.exists():
        with timed("quantizing the 16-bit checkpoint and saving it"):
            quantize(source, folder)
    clear()
    parts = {
        "load": lambda: measure_load(folder),
        "baseline": lambda: measure_baseline(options, folder),
        "nf4": lambda: measure_grid(options, folder, "nf4"),
        "bfloat16": lambda: measure_grid(options, source, "none"),
        "memory": lambda: measure_memory(folder),
        "sameness": lambda: measure_sameness(folder),
    }
    for name in options.parts:
        print(f"\n## {name}", flush=True)
        with timed(name):
            parts[name]()
        clear()


def measure_load(folder: Path) -> None:
    with timed("loading the saved 4-bit checkpoint"):
        model = Endless(folder, PROMPT, "auto")
    for what in ("first window, 40 tokens", "second window"):
        with timed(what):
            ours(model, pictures(1), 40, 1, Stopwatch())


if __name__ == "__main__":
    main()
