"""Compare the full-size model on a GPU with the predecessor, and with the shortest possible time.

    python benchmarks/gpu.py --folder /tmp/models

The model has LLaVA-NeXT-Video-7B's configuration and random weights, so times are valid and answers
are not. Answers end by themselves after 44 tokens on average and repeat like real ones
(answers.py). `max_new_tokens` is that of config.yaml. `--size tiny` is a trial.

Expected before measuring, on an H200: with one window per call, launching the kernels takes about
20 ms per token. Ours reads the weights once for all rows, and gives 2.3 tokens per step with
drafts. So decoding takes half of its time without drafts (4.6 of 12 s for 375 windows). Reading
prompts, 17 ms per window, is then two thirds of the time: 36 to 40 windows per second with 64 rows.
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

import pytest
import torch
from models import PROMPT, ROOT, make_checkpoint
from worker import (
    FOOTAGE,
    WEIGHED_HEAD,
    baseline,
    ours,
    pictures,
    pictures_per_window,
    show_weighed,
    stock_inputs,
    tree_of,
    weigh_in_turn,
    windows_of,
    without_lists,
)

from demo.training import tiny_llava, tiny_qwen
from demo.training.windows import joined
from demo.training.windows import windows_of as drawn_windows
from touchline.detection.batch_size import rows_that_fit
from touchline.detection.drafts import Drafts
from touchline.detection.engine import Answering
from touchline.detection.scheduler import Picture, Task
from touchline.detection.scoring import Generated
from touchline.detection.stopwatch import Stopwatch
from touchline.errors import InputError
from touchline.inputs.families import FAMILIES
from touchline.inputs.settings import GenerationSettings
from touchline.models import kv_cache
from touchline.models.families import family
from touchline.models.families.base import Dtype, Footage, VideoLanguageModel
from touchline.models.quantize import quantize
from touchline.weights.checkpoints import read_model_type

GPU = torch.cuda.is_available()
DEMOS: dict[str, Any] = {"llava": tiny_llava, "qwen": tiny_qwen}

# For one window with a prompt of 700 tokens and two new frames.
VISION_FLOP, PREFILL_FLOP = 2 * 0.39e12, 9.3e12
WEIGHT_BYTES = {"nf4": 3.6e9, "none": 13e9}
CACHE_BYTES = 0.5 * 2**20  # per token and row
TOKENS = 44  # of an answer, on average
MOST_TOKENS = GenerationSettings().max_new_tokens


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
    """Return the peak GPU memory since `clear`, in GB."""
    return torch.cuda.max_memory_allocated() / 2**30 if GPU else 0.0


def rates() -> tuple[float, float]:
    """Return FLOP/s of a large bfloat16 product, and bytes/s of a copy (read and written)."""
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


def floor(flops: float, bandwidth: float, precision: str, rows: int) -> float:
    """Return the windows per second that arithmetic and bandwidth allow at one token per step."""
    step = WEIGHT_BYTES[precision] + rows * CACHE_BYTES * (700 + TOKENS / 2)
    seconds = (VISION_FLOP + PREFILL_FLOP) / flops + TOKENS * step / bandwidth / rows
    return 1 / seconds


def load(folder: Path, dtype: Dtype = "auto", footage: Footage = FOOTAGE) -> Any:
    """Load a model whose answers are as long as real ones, see `without_lists`."""
    return without_lists(read_model_type(folder), folder, dtype, footage)


def measure_nf4(options: argparse.Namespace, folder: Path) -> None:
    """Measure 4-bit weights unpacked, as on a large card, and packed, as on a small one."""
    model = load(folder)
    measure_grid(options, model, "nf4", "packed")
    if GPU:
        profile(model, max(options.rows))
    with timed("unpacking"):
        model.unpack()
    measure_grid(options, model, "nf4", "unpacked")
    measure_match(model, max(options.rows))
    if GPU:
        profile(model, max(options.rows))


def measure_grid(
    options: argparse.Namespace, model: VideoLanguageModel, precision: str, how: str
) -> None:
    flops, bandwidth = rates()
    print(f"matrix product {flops / 1e12:.0f} TFLOP/s, copy {bandwidth / 1e12:.2f} TB/s")
    print("| weights | rows | windows/s | spread | of the floor | peak GB | time |")
    print("|---|---|---|---|---|---|---|")
    for rows in options.rows:
        clear()
        shown, clock = pictures(model, max(4, 4 * rows)), Stopwatch()
        try:
            ours(model, shown[:14], MOST_TOKENS, rows, Stopwatch())  # warm up
            found = [ours(model, shown, MOST_TOKENS, rows, clock) for _ in range(options.rounds)]
        except torch.OutOfMemoryError:
            print(f"| {precision}, {how} | {rows} | does not fit |")
            continue
        middle = statistics.median(found)
        share = middle / floor(flops, bandwidth, precision, rows)
        print(
            f"| {precision}, {how} | {rows} | {middle:.2f} | {min(found):.2f}-"
            f"{max(found):.2f} | {share:.0%} | {peak():.1f} | {clock} |",
            flush=True,
        )


def measure_match(model: VideoLanguageModel, rows: int) -> None:
    """Measure a match of 50 minutes: 1,500 windows."""
    clear()
    windows = 1500 if GPU else 8
    shown, clock = pictures(model, windows), Stopwatch()
    pace = ours(model, shown, MOST_TOKENS, rows, clock)
    print(f"{windows} windows: {windows / pace:.1f} s ({clock}), peak {peak():.1f} GB")


def profile(model: VideoLanguageModel, rows: int) -> None:
    """Print the GPU's share of the time of a decoding step, with and without a CUDA graph."""
    cache = model.new_cache(rows, pictures_per_window(model), MOST_TOKENS)
    tokens = torch.zeros((rows, 1 + cache.drafts), dtype=torch.long, device="cuda")
    cache.begin(range(rows), len(model.prompt(pictures_per_window(model)).ids), 0)
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
    shown = torch.stack(pictures(model, 2)[: pictures_per_window(model)])
    features = model.encode(shown)[None].repeat(len(prompts), 1, 1, 1)
    many = torch.stack(pictures(model, 32)[:32])
    for name, call in (
        ("step", lambda: model._step(tokens, cache)),
        (f"{len(prompts)} prompts", lambda: model.prefill(features, cache, prompts)),
        ("32 pictures", lambda: model.encode(many)),
    ):
        show(name, call)


def show(name: str, call: Callable[[], object]) -> None:
    """Print the GPU's work in a call, longest kernels first."""
    call()
    with torch.profiler.profile(acc_events=True) as seen, torch.inference_mode():
        call()
        torch.cuda.synchronize()
    # Kernels only, because the functions that launch them count their time again.
    rows = [row for row in seen.key_averages() if str(row.device_type).endswith("CUDA")]
    rows.sort(key=lambda row: -row.self_device_time_total)
    total = sum(row.self_device_time_total for row in rows)
    print(f"{name}: {total / 1000:.1f} ms on the GPU")
    for row in rows[:8]:
        print(f"  {row.self_device_time_total / 1000:7.2f} ms  {row.count:5d}  {row.key[:80]}")


def measure_baseline(options: argparse.Namespace, folder: Path) -> None:
    model = load(folder, "float16" if GPU else "auto")
    shown = pictures(model, 4)
    print("| generate | windows/s | spread | peak GB |\n|---|---|---|---|")

    def row(what: str, measure: Callable[[], float], rounds: int) -> None:
        clear()
        found = [measure() for _ in range(rounds)]
        spread = f"{min(found):.3f}-{max(found):.3f}"
        print(f"| {what} | {statistics.median(found):.3f} | {spread} | {peak():.1f} |", flush=True)

    answer = partial(baseline, model, shown, MOST_TOKENS, is_forced=False)
    row("a window a call", answer, options.rounds)
    if read_model_type(folder) == "llava_next_video":
        for cache in ("dynamic", "static"):
            row(f"16 a call, {cache} cache", partial(together, model, cache, 16), options.rounds)


def together(model: VideoLanguageModel, cache: str, windows: int) -> float:
    """Return the windows per second of one generate call for several windows."""
    each = [
        stock_inputs(model, torch.stack(list(window)))
        for window in windows_of(model, pictures(model, windows))
    ]
    inputs = {name: torch.cat([one[name] for one in each]) for name in each[0]}
    started = time.perf_counter()
    model.model.generate(
        **inputs,
        max_new_tokens=MOST_TOKENS,
        do_sample=False,
        cache_implementation=cache,
    )
    return windows / (time.perf_counter() - started)


def measure_windows(options: argparse.Namespace, folder: Path) -> None:
    """Measure the windows per second for different numbers of frames per window.

    The number of rows is automatic.

    Half of the frames are new. The weights are in 4 bits.
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
        rows = rows_that_fit(model, pictures_per_window(model), MOST_TOKENS, "auto")
        shown, clock = pictures(model, 2 * rows), Stopwatch()
        ours(model, shown[: 2 * pictures_per_window(model)], 4, rows, Stopwatch())  # warm up
        found = [ours(model, shown, MOST_TOKENS, rows, clock) for _ in range(options.rounds)]
        print(
            f"| {frames} | {len(model.prompt(pictures_per_window(model)).ids)} | {rows} | "
            f"{statistics.median(found):.2f} | {min(found):.2f}-{max(found):.2f} | {peak():.1f} | "
            f"{'packed' if model.unpacked_bytes() else 'unpacked'} | {clock} |",
            flush=True,
        )
        del model, shown


def measure_evidence(options: argparse.Namespace, folder: Path) -> None:
    """Measure the cost of evidence beside answers and alone, with unpacked 4-bit weights."""
    model = load(folder)
    model.unpack()
    print(WEIGHED_HEAD)
    found = weigh_in_turn(model, MOST_TOKENS, max(options.rows), options.rounds)
    show_weighed(options.family, MOST_TOKENS, found)


def measure_memory(folder: Path) -> None:
    """Measure the rows per batch that the engine chooses, with all and with parts of the memory.

    Then force more rows than fit.
    """
    total = torch.cuda.get_device_properties(0).total_memory / 2**30 if GPU else 0
    settings = GenerationSettings()
    print("| card, GB | rows | windows/s | rows at the end | skipped | peak GB |")
    print("|---|---|---|---|---|---|")
    for size, forced in ((80, None), (24, None), (16, None), (11, None), (16, 48)):
        clear()
        if GPU:
            torch.cuda.set_per_process_memory_fraction(min(1.0, size / total))
        model = load(folder)
        rows = rows_that_fit(
            model, pictures_per_window(model), settings.max_new_tokens, forced or "auto"
        )
        shown = [
            Picture((float(n),) * len(one), one) for n, one in enumerate(pictures(model, 2 * rows))
        ]
        tasks = [
            Task(n, list(window), torch.zeros(MOST_TOKENS))
            for n, window in enumerate(windows_of(model, shown))
        ]
        answering = Answering(
            model, settings, rows=rows, pictures=pictures_per_window(model), clock=Stopwatch()
        )
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
    """Count the answers that depend on rows, order, drafts or evidence.

    The demo's trained models answer five generated matches. The other model has random weights, so
    its likeliest tokens are often nearly tied.
    """
    print("| model | windows | way | other tokens | other log probabilities | widest gap |")
    print("|---|---|---|---|---|---|")
    for name, demo in DEMOS.items():
        trained = folder.parent / f"demo-{name}-nf4"
        if not trained.exists():
            quantize(ROOT / "demo" / f"model-{name}", trained)
        model: Any = family(read_model_type(trained))(trained, PROMPT, FOOTAGE)
        drawn = joined([drawn_windows(seed, 64, demo.pixels) for seed in range(5)])
        frames = next(group for group in drawn if group.pixels.shape[1] == FOOTAGE.frames).pixels
        windows = [
            list(window.unflatten(0, (-1, model.frames_per_picture)))
            for window in torch.from_numpy(frames)
        ]
        compare_ways(f"demo's {name}", model, windows)
    model = load(folder)
    windows = [list(window) for window in windows_of(model, pictures(model, 128))]
    compare_ways("random weights", model, windows)


def compare_ways(name: str, model: VideoLanguageModel, windows: list[list[torch.Tensor]]) -> None:
    """Compare the answers of several settings with those of the reference: 64 rows with drafts."""
    model.unpack()
    usual = greedy(model, windows, 64)
    ways = {
        "8 rows": greedy(model, windows, 8),
        "1 row": greedy(model, windows, 1),
        "the other order": greedy(model, windows, 64, is_reversed=True),
        "drafts from nothing": greedy(model, windows, 64, can_learn=False),
        "no drafts": greedy(model, windows, 64, drafts=0),
        "no drafts, 1 row": greedy(model, windows, 1, drafts=0),
        "evidence": greedy(model, windows, 64, has_evidence=True),
    }
    for way, found in ways.items():
        assert set(found) == set(usual)
        apart = [n for n in usual if found[n].tokens != usual[n].tokens]
        rounded = [n for n in usual if _rounded(found[n]) != _rounded(usual[n])]
        gap = max((_gap(found[n], usual[n]) for n in apart), default=0.0)
        counts = f"{len(apart)} | {len(rounded)} | {gap:.3f}"
        print(f"| {name} | {len(usual)} | {way} | {counts} |", flush=True)


def _rounded(answer: Generated) -> list[float]:
    return [round(number, 6) for number in answer.logprobs]


def _gap(one: Generated, other: Generated) -> float:
    """Return the difference in log probability of two tokens chosen at the same place."""
    pairs = zip(one.tokens, other.tokens, strict=False)
    place = next(k for k, (a, b) in enumerate(pairs) if a != b)
    return abs(one.logprobs[place] - other.logprobs[place])


def greedy(
    model: VideoLanguageModel,
    windows: list[list[torch.Tensor]],
    rows: int,
    *,
    is_reversed: bool = False,
    drafts: int = kv_cache.DRAFTS,
    can_learn: bool = True,
    has_evidence: bool = False,
) -> dict[int, Generated]:
    """Return each window's answer."""
    tasks = [
        Task(
            n,
            [Picture((float(k),) * len(one), one) for k, one in enumerate(window)],
            torch.zeros(MOST_TOKENS),
        )
        for n, window in enumerate(windows)
    ]
    settings = GenerationSettings(evidence=has_evidence)
    answering = Answering(
        model,
        settings,
        rows=rows,
        pictures=len(windows[0]),
        clock=Stopwatch(),
        candidates=tree_of(model) if has_evidence else None,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kv_cache, "DRAFTS", drafts)
        if not can_learn:
            patch.setattr(Drafts, "learn", lambda *_: None)
        done = list(answering.answers(iter(tasks[::-1] if is_reversed else tasks)))
    return {task.index: one for task, one in done if isinstance(one, Generated)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--family", choices=FAMILIES, default="llava_next_video")
    parser.add_argument("--size", choices=("full", "small", "tiny"), default="full")
    parser.add_argument("--folder", type=Path, required=True, help="folder for the models")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8, 16, 32, 64])
    parser.add_argument(
        "--frames",
        type=int,
        nargs="+",
        default=[4, 8, 16, 24, 30],
        help="frames per window, for --parts windows",
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
            make_checkpoint(options.size, source, options.family, has_answers=True)
    clear()
    if not folder.exists():
        with timed("quantizing the 16-bit checkpoint and saving it"):
            quantize(source, folder)
    clear()
    parts = {
        "load": lambda: measure_load(folder),
        "baseline": lambda: measure_baseline(options, folder),
        "nf4": lambda: measure_nf4(options, folder),
        "bfloat16": lambda: measure_grid(options, load(source), "none", "bfloat16"),
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
    for what in ("first window", "second window"):
        with timed(what):
            ours(model, pictures(model, 1), MOST_TOKENS, 1, Stopwatch())


if __name__ == "__main__":
    main()
