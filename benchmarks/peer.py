"""The detection engine beside vLLM: the same model, prompt, frames and forced answer length.

    python benchmarks/peer.py --folder /tmp/peer --side make
    python benchmarks/peer.py --folder /tmp/peer --side vllm       # in a path that has vLLM
    python benchmarks/peer.py --folder /tmp/peer --side ours
    python benchmarks/peer.py --folder /tmp/peer --side ours --precision nf4
    python benchmarks/peer.py --folder /tmp/peer --side batching

`make` writes LLaVA-NeXT-Video-7B's configuration with random weights, with the files of a processor
for vLLM. Each other side is a process of its own and prints a line of JSON: seconds from its
start to a loaded model, and windows a second of two rounds, the first of them cold. Frames are
given ready, four of 336 x 336 a window, half of them those of the window before, as in a match;
vLLM normalizes them itself, as ours does. `batching` is transformers' continuous batching, which
ignores videos: it reads as many tokens of text, so it shows the most that this could reach.

Expected before measuring, on one H100: reading prompts is most of the time on all sides, so in
bfloat16 vLLM is within a third of ours either way; it encodes each frame twice and normalizes
on the CPU, but its kernels are fused. Its start-up takes three times ours or more.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()
FRAMES = 4
SIDE = 336  # pixels of a frame, as the vision tower takes it

# Of the real checkpoint, but for resizing and cropping: frames come in the tower's size.
PIXELS = {
    "do_resize": False,
    "do_center_crop": False,
    "do_rescale": True,
    "do_normalize": True,
    "do_convert_rgb": False,
    "size": {"shortest_edge": SIDE},
    "crop_size": {"height": SIDE, "width": SIDE},
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}


def make(options: argparse.Namespace) -> None:
    """Write the checkpoint, its 4-bit copy, the processor's files and the prompt."""
    from models import PROMPT, make_checkpoint

    from touchline.models.chat import prompt_text, read_tokenizer, token_ids
    from touchline.models.families.llava_next_video import LlavaNextVideo
    from touchline.models.quantize import quantize

    folder = options.folder / "16"
    if not folder.exists():
        make_checkpoint(options.size, folder)
    if not (options.folder / "nf4").exists():
        quantize(folder, options.folder / "nf4")
    video, template = LlavaNextVideo.video_token, LlavaNextVideo.template
    tokenizer = read_tokenizer(folder)
    text = prompt_text(tokenizer, folder, PROMPT.strip(), video, template)
    a_frame = (SIDE // 14 // 2) ** 2
    ids = token_ids(tokenizer, text.replace(video, video * (FRAMES * a_frame)))
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["architectures"] = ["LlamaForCausalLM"]  # vLLM asks for it
    files: dict[str, dict[str, Any]] = {
        "config.json": config,
        "prompt.json": {"text": text, "ids": ids},
        "preprocessor_config.json": PIXELS | {"image_processor_type": "LlavaNextImageProcessor"},
        "video_preprocessor_config.json": PIXELS
        | {"video_processor_type": "LlavaNextVideoVideoProcessor"},
        "processor_config.json": {
            "processor_class": "LlavaNextVideoProcessor",
            "patch_size": 14,
            "vision_feature_select_strategy": "default",
            "image_token": "<image>",
            "video_token": "<video>",
            "num_additional_image_tokens": 1,
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))


def report(
    options: argparse.Namespace, ready: float, run: Callable[[int], int], **more: Any
) -> None:
    """Time two rounds, each given its number; `run` gives how many windows it answered."""
    rounds = []
    for number in range(2):
        started = time.perf_counter()
        done = run(number)
        rounds.append(round(done / (time.perf_counter() - started), 2))
        assert done == options.windows, f"{done} of {options.windows} windows answered"
    found = {
        "side": options.side,
        "size": options.size,
        "windows": options.windows,
        "tokens": options.tokens,
        "ready_s": round(ready - STARTED, 1),
        "first_windows_a_s": rounds[0],
        "second_windows_a_s": rounds[1],
        "start_to_answers_s": round(ready - STARTED + options.windows / rounds[0], 1),
    }
    print(json.dumps(found | more), flush=True)


def vllm(options: argparse.Namespace) -> None:
    """vLLM's offline engine, given all windows at once; every round has other frames.

    A round's frames are others so that no answer comes out of a cache.
    """
    os.environ |= {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_USE_FLASHINFER_SAMPLER": "0",
    }
    import numpy as np
    from vllm import LLM, SamplingParams, __version__

    folder = options.folder / "16"
    model = LLM(
        model=str(folder),
        dtype="bfloat16",
        max_model_len=2048,
        limit_mm_per_prompt={"video": 1},
        mm_processor_cache_gb=0,
        gpu_memory_utilization=0.85,
        enforce_eager=options.eager,
    )
    ready = time.perf_counter()
    asked = json.loads((folder / "prompt.json").read_text())
    sampling = SamplingParams(
        temperature=0.0,
        ignore_eos=True,
        min_tokens=options.tokens,
        max_tokens=options.tokens,
        detokenize=False,
    )
    rounds = []
    for seed in range(2):
        drawn = np.random.default_rng(seed)
        shape = (2 * (options.windows + 1), SIDE, SIDE, 3)
        rounds.append(drawn.integers(256, size=shape, dtype=np.uint8))
    lengths: set[int] = set()

    def run(number: int) -> int:
        shown = rounds[number]
        asks: list[Any] = [
            {"prompt": asked["text"], "multi_modal_data": {"video": shown[first : first + FRAMES]}}
            for first in range(0, 2 * options.windows, 2)
        ]
        answers = model.generate(asks, sampling, use_tqdm=False)
        lengths.update(len(answer.prompt_token_ids or []) for answer in answers)
        return sum(len(answer.outputs[0].token_ids) == options.tokens for answer in answers)

    length = len(asked["ids"])
    report(options, ready, run, version=__version__, eager=options.eager, prompt=length)
    assert lengths == {length}, f"vLLM read {lengths} tokens, not {length}"


def ours(options: argparse.Namespace) -> None:
    """The project's engine, in rows of one batch."""
    import worker

    from touchline.detection.stopwatch import Stopwatch

    folder = options.folder / ("nf4" if options.precision == "nf4" else "16")
    model = worker.endless("llava_next_video", folder)
    if model.unpacked_bytes():
        model.unpack()
    ready = time.perf_counter()
    shown = worker.pictures(model, options.windows)

    def run(number: int) -> int:
        del number
        worker.ours(model, shown, options.tokens, options.rows, Stopwatch())
        return len(worker.windows_of(model, shown))

    length = len(model.prompt(FRAMES).ids)
    report(options, ready, run, precision=options.precision, rows=options.rows, prompt=length)


def batching(options: argparse.Namespace) -> None:
    """transformers' continuous batching of text alone; no two prompts begin alike."""
    import torch
    from transformers import AutoConfig, GenerationConfig, LlamaForCausalLM, __version__

    folder = options.folder / "16"
    config = AutoConfig.from_pretrained(folder).text_config
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = LlamaForCausalLM(config).eval()
    torch.set_default_dtype(torch.float32)
    ready = time.perf_counter()
    length = len(json.loads((folder / "prompt.json").read_text())["ids"])
    settings = GenerationConfig(
        max_new_tokens=options.tokens, do_sample=False, eos_token_id=-1, pad_token_id=0
    )

    def run(number: int) -> int:
        drawn = torch.Generator().manual_seed(number)
        shape = (options.windows, length)
        ids = torch.randint(config.vocab_size, shape, generator=drawn).tolist()
        answers = model.generate_batch(ids, generation_config=settings)
        return sum(len(one.generated_tokens) == options.tokens for one in answers.values())

    report(options, ready, run, version=__version__, prompt=length)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    sides = {"make": make, "vllm": vllm, "ours": ours, "batching": batching}
    parser.add_argument("--side", choices=sides, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where the models are kept")
    parser.add_argument("--size", choices=("full", "small", "tiny"), default="full")
    parser.add_argument("--precision", choices=("bfloat16", "nf4"), default="bfloat16")
    parser.add_argument("--windows", type=int, default=375)
    parser.add_argument("--tokens", type=int, default=40)
    parser.add_argument("--rows", type=int, default=64, help="of our batch")
    parser.add_argument("--eager", action="store_true", help="vLLM without compiling and graphs")
    options = parser.parse_args()
    sides[options.side](options)


if __name__ == "__main__":
    main()
