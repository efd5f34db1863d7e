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
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from models import DEMO, PROMPT, make_checkpoint
from worker import (
    FOOTAGE,
    WEIGHED_HEAD,
    baseline,
    endless,
    ours,
    per,
    pictures,
    show_weighed,
    stock_inputs,
    weigh_in_turn,
    windows_of,
)

from demo.training import tiny_llava
from demo.training.windows import joined
from demo.training.windows import windows_of as drawn_windows
from touchline.detection.batch_size import rows_that_fit
from touchline.detection.engine import Answering
from touchline.detection.scheduler import Picture, Task
from touchline.detection.scoring import Generated
from touchline.detection.stopwatch import Stopwatch
from touchline.errors import InputError
from touchline.inputs.families import FAMILIES
from touchline.inputs.settings import GenerationSettings
from touchline.models.families.base import Dtype, Footage, VideoLanguageModel
from touchline.models.families.llava_next_video import LlavaNextVideo
from touchline.models.quantize import quantize
from touchline.weights.checkpoints import read_model_type

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
    calls: list[tuple[int, Callable[[], object]]] = [
        (2 * 8192**3, lambda: one @ one),
        (2 * 2**32, large.clone),
    ]
    for work, call in calls:
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


def load(folder: Path, dtype: Dtype = "auto", footage: Footage = FOOTAGE) -> Any:
    """A model that answers to a forced length, see `endless`."""
    return endless(read_model_type(folder), folder, dtype, footage)


def measure_nf4(options: argparse.Namespace, folder: Path) -> None:
    """4-bit weights as a large card has them, unpacked, and as a small one does."""
    model = load(folder)
    measure_grid(options, model, "nf4", "packed", [40])
    if GPU:
        profile(model, max(options.rows))
    with timed("unpacking"):
        model.unpack()
    measure_grid(options, model, "nf4", "unpacked", options.tokens)
    measure_match(model, max(options.rows))
    if GPU:
        profile(model, max(options.rows))


def measure_grid(
    options: argparse.Namespace,
    model: VideoLanguageModel,
    precision: str,
    how: str,
    lengths: list[int],
) -> None:
    flops, bandwidth = rates()
    print(f"matrix product {flops / 1e12:.0f} TFLOP/s, copy {bandwidth / 1e12:.2f} TB/s")
    print("| weights | tokens | rows | windows/s | spread | of the floor | peak GB | time |")
    print("|---|---|---|---|---|---|---|---|")
    for tokens in lengths:
        for rows in options.rows:
            clear()
            shown, clock = pictures(model, max(4, 2 * rows)), Stopwatch()
            try:
                ours(model, shown[:14], min(tokens, 4), rows, Stopwatch())  # warm up
                rounds = 1 if tokens > 100 else options.rounds
                found = [ours(model, shown, tokens, rows, clock) for _ in range(rounds)]
            except torch.OutOfMemoryError:
                print(f"| {precision}, {how} | {tokens} | {rows} | does not fit |")
                continue
            middle = statistics.median(found)
            share = middle / floor(flops, bandwidth, precision, rows, tokens)
            print(
                f"| {precision}, {how} | {tokens} | {rows} | {middle:.2f} | {min(found):.2f}-"
                f"{max(found):.2f} | {share:.0%} | {peak():.1f} | {clock} |",
                flush=True,
            )


def measure_match(model: VideoLanguageModel, rows: int) -> None:
    """A 50-minute match: 1,500 windows, answers of 40 tokens."""
    clear()
    windows = 1500 if GPU else 8
    shown, clock = pictures(model, windows), Stopwatch()
    pace = ours(model, shown, 40, rows, clock)
    print(f"{windows} windows of 40 tokens: {windows / pace:.1f} s ({clock}), peak {peak():.1f} GB")


def profile(model: VideoLanguageModel, rows: int) -> None:
    """How much of a decode step the GPU is at work, recorded as a graph and not."""
    cache = model.new_cache(rows, per(model), 64)
    tokens = torch.zeros(rows, dtype=torch.long, device="cuda")
    cache.lengths.fill_(len(model.prompt(per(model)).ids))
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
    prompts = list(range(rows // 4))
    shown = torch.stack(pictures(model, 2)[: per(model)])
    features = model.encode(shown)[None].repeat(len(prompts), 1, 1, 1)
    many = torch.stack(pictures(model, 32)[:32])
    for name, call in (
        ("step", lambda: model._step(tokens, cache)),
        (f"{len(prompts)} prompts", lambda: model.prefill(features, cache, prompts)),
        ("32 pictures", lambda: model.encode(many)),
    ):
        show(name, call)


def show(name: str, call: Callable[[], object]) -> None:
    """What the GPU does in a call, the longest first."""
    call()
    with torch.profiler.profile(acc_events=True) as seen, torch.inference_mode():
        call()
        torch.cuda.synchronize()
    # Kernels only: what launched them counts their time again.
    rows = [row for row in seen.key_averages() if str(row.device_type).endswith("CUDA")]
    rows.sort(key=lambda row: -row.self_device_time_total)
    total = sum(row.self_device_time_total for row in rows)
    print(f"{name}: {total / 1000:.1f} ms on the GPU")
    for row in rows[:8]:
        print(f"  {row.self_device_time_total / 1000:7.2f} ms  {row.count:5d}  {row.key[:80]}")


def measure_baseline(options: argparse.Namespace, folder: Path) -> None:
    model = load(folder, "float16" if GPU else "auto")
    baseline(model, pictures(model, 1), 4)
    print("| generate | tokens | windows/s | spread | peak GB |\n|---|---|---|---|---|")

    def row(what: str, tokens: int, measure: Callable[[], float], rounds: int) -> None:
        clear()
        found = [measure() for _ in range(rounds)]
        spread = f"{min(found):.3f}-{max(found):.3f}"
        print(
            f"| {what} | {tokens} | {statistics.median(found):.3f} | {spread} | {peak():.1f} |",
            flush=True,
        )

    shown = pictures(model, 1)
    for tokens in options.tokens:
        rounds = 5 if tokens < 100 else 3
        row("a window a call", tokens, partial(baseline, model, shown, tokens), rounds)
    if read_model_type(folder) == "llava_next_video":
        for cache in ("dynamic", "static"):
            row(f"16 a call, {cache} cache", 40, partial(together, model, cache, 16, 40), 3)


def together(model: VideoLanguageModel, cache: str, windows: int, tokens: int) -> float:
    """Windows a second of one generate call for several."""
    inputs = stock_inputs(model, torch.stack(pictures(model, 1)))
    inputs = {name: each.repeat(windows, *[1] * (each.dim() - 1)) for name, each in inputs.items()}
    started = time.perf_counter()
    model.model.generate(
        **inputs,
        max_new_tokens=tokens,
        min_new_tokens=tokens,
        do_sample=False,
        cache_implementation=cache,
    )
    return windows / (time.perf_counter() - started)


def measure_windows(options: argparse.Namespace, folder: Path) -> None:
    """Windows a second by the frames of a window, with the automatic number of rows.

    Half of the frames are new; 4-bit weights, answers of 40 tokens.
    """
    print("| frames | tokens of a prompt | rows | windows/s | spread | peak GB | weights | time |")
    print("|---|---|---|---|---|---|---|---|")
    for frames in options.frames:
        clear()
        try:
            model = load(folder, footage=replace(FOOTAGE, frames=frames))
        except InputError as error:
            print(f"| {frames} | {error} |")
            continue
        rows = rows_that_fit(model, per(model), 256, "auto")
        shown, clock = pictures(model, 2 * rows), Stopwatch()
        ours(model, shown[: 2 * per(model)], 4, rows, Stopwatch())  # warm up
        found = [ours(model, shown, 40, rows, clock) for _ in range(options.rounds)]
        print(
            f"| {frames} | {len(model.prompt(per(model)).ids)} | {rows} | "
            f"{statistics.median(found):.2f} | {min(found):.2f}-{max(found):.2f} | {peak():.1f} | "
            f"{'packed' if model.unpacked_bytes() else 'unpacked'} | {clock} |",
            flush=True,
        )
        del model, shown


def measure_evidence(options: argparse.Namespace, folder: Path) -> None:
    """What evidence costs beside answers, and alone; 4-bit weights, unpacked."""
    model = load(folder)
    model.unpack()
    print(WEIGHED_HEAD)
    for tokens in options.tokens:
        found = weigh_in_turn(model, tokens, max(options.rows), options.rounds)
        show_weighed(options.family, tokens, found)


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
        model = load(folder)
        rows = rows_that_fit(model, per(model), settings.max_new_tokens, forced or "auto")
        shown = [
            Picture((float(n),) * len(one), one) for n, one in enumerate(pictures(model, 2 * rows))
        ]
        tasks = [
            Task(n, list(window), torch.zeros(256))
            for n, window in enumerate(windows_of(model, shown))
        ]
        short = settings.model_copy(update={"max_new_tokens": 40})
        answering = Answering(model, short, rows=rows, pictures=per(model), clock=Stopwatch())
        started = time.perf_counter()
        done = [generated for _, generated in answering.answers(iter(tasks))]
        pace = len(done) / (time.perf_counter() - started)
        print(
            f"| {size} | {rows}{' (forced)' if forced else ''} | {pace:.2f} | {answering.rows} | "
            f"{sum(isinstance(one, str) for one in done)} | {peak():.1f} |",
            flush=True,
        )
        packed = "packed" if model.unpacked_bytes() else "unpacked"
        print(f"  weights {packed}", flush=True)
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
    drawn = next(
        group
        for group in joined([drawn_windows(7, 64, tiny_llava.pixels)])
        if group.pixels.shape[1] == FOOTAGE.frames
    )
    random_weights = load(folder)
    for name, model, windows in (
        (
            "random weights",
            random_weights,
            [list(window) for window in windows_of(random_weights, pictures(random_weights, 64))],
        ),
        (
            "trained demo model",
            LlavaNextVideo(trained, PROMPT, FOOTAGE),
            [[frame[None] for frame in window] for window in torch.from_numpy(drawn.pixels)],
        ),
    ):
        model.unpack()
        many = greedy(model, windows, 32, reverse=False)
        for what, other in (
            ("32 rows in the other order", greedy(model, windows, 32, reverse=True)),
            ("1 row", greedy(model, windows, 1, reverse=False)),
        ):
            apart = sum(many[n] != other[n] for n in many)
            print(f"{name}: 32 rows against {what}: {apart} of {len(many)} answers differ")


def greedy(
    model: VideoLanguageModel, windows: list[list[torch.Tensor]], rows: int, reverse: bool
) -> dict[int, tuple[int, ...]]:
    """The tokens of each window's answer."""
    tasks = [
        Task(
            n,
            [Picture((float(k),) * len(one), one) for k, one in enumerate(window)],
            torch.zeros(40),
        )
        for n, window in enumerate(windows)
    ]
    settings = GenerationSettings(max_new_tokens=40)
    answering = Answering(model, settings, rows=rows, pictures=len(windows[0]), clock=Stopwatch())
    done = answering.answers(iter(tasks[::-1] if reverse else tasks))
    return {task.index: one.tokens for task, one in done if isinstance(one, Generated)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--family", choices=FAMILIES, default="llava_next_video")
    parser.add_argument("--size", choices=("full", "small", "tiny"), default="full")
    parser.add_argument("--folder", type=Path, required=True, help="where the models are kept")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8, 16, 32, 64])
    parser.add_argument("--tokens", type=int, nargs="+", default=[2, 40, 256])
    parser.add_argument(
        "--frames", type=int, nargs="+", default=[4, 8, 16, 24, 30], help="of a window, for windows"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--parts",
        nargs="+",
        default=[
            "load",
            "baseline",
            "nf4",
            "bfloat16",
            "memory",
            "sameness",
            "evidence",
            "windows",
        ],
    )
    options = parser.parse_args()
    source = options.folder / f"{options.family}-{options.size}-16"
    folder = options.folder / f"{options.family}-{options.size}-nf4"
    if not source.exists():
        with timed("making a checkpoint with random weights"):
            make_checkpoint(options.size, source, options.family)
    clear()
    if not folder.exists():
        with timed("quantizing the 16-bit checkpoint and saving it"):
            quantize(source, folder)
    clear()
    parts = {
        "load": lambda: measure_load(folder),
        "baseline": lambda: measure_baseline(options, folder),
        "nf4": lambda: measure_nf4(options, folder),
        "bfloat16": lambda: measure_grid(options, load(source), "none", "bfloat16", options.tokens),
        "memory": lambda: measure_memory(folder),
        "sameness": lambda: measure_sameness(folder),
        "evidence": lambda: measure_evidence(options, folder),
        "windows": lambda: measure_windows(options, folder),
    }
    for name in options.parts:
        print(f"\n## {name}", flush=True)
        with timed(name):
            parts[name]()
        clear()


def measure_load(folder: Path) -> None:
    with timed("loading the saved 4-bit checkpoint"):
        model = load(folder)
    with timed("unpacking it"):
        model.unpack()
    for what in ("first window, 40 tokens", "second window"):
        with timed(what):
            ours(model, pictures(model, 1), 40, 1, Stopwatch())


if __name__ == "__main__":
    main()
