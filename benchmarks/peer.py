"""Compare the detection engine with vLLM: the same model, prompt, frames and ends of answers.

    python benchmarks/peer.py --folder /tmp/peer --side make
    python benchmarks/peer.py --folder /tmp/peer --side vllm       # needs vLLM
    python benchmarks/peer.py --folder /tmp/peer --side vllm --drafts ngram
    python benchmarks/peer.py --folder /tmp/peer --side ours
    python benchmarks/peer.py --folder /tmp/peer --side ours --precision nf4

`make` writes LLaVA-NeXT-Video-7B's configuration with random weights, and a half of 3,000 s at 720p
(see frames.py). Answers end by themselves after 44 tokens (answers.py). It also writes the files of
a processor for vLLM. `max_new_tokens` is that of config.yaml.

Each of the sides `vllm` and `ours` is a process and prints a line of JSON. The line has the seconds
from the start to a loaded model, and the windows per second of two rounds, from the video's file to
the answers. The first round is cold. A window shows four frames of 336 x 336, and shares half of
them with the window before. Each round has another part of the video. Both sides decode with this
project's sampler and normalize the frames separately. vLLM takes all windows in one call, so its
frames are decoded before. Ours are decoded meanwhile.

Expected before measuring, on one H200: without drafts, on an H100, vLLM was 14 % faster on the GPU
alone. Decoding was a quarter of the time on both sides. With drafts, our decoding takes half of
that, so our engine should be 1.05 to 1.15 times as fast as vLLM. Drafts from an answer's own prompt
(ngram) gain little, because an answer hardly repeats itself.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()
FRAMES = 4
SIDE = 336  # pixels of a frame, as the vision tower takes it
MAX_SIZE = 384  # of a decoded frame, pixels
FRAMES_AHEAD = 128  # threads, as for a worker
HALF = 3000.0  # seconds
DRAFTS: dict[str, dict[str, Any] | None] = {
    "none": None,
    "ngram": {
        "method": "ngram",
        "num_speculative_tokens": 5,
        "prompt_lookup_max": 4,
        "prompt_lookup_min": 2,
    },
    # Needs the package arctic-inference.
    "suffix": {"method": "suffix", "num_speculative_tokens": 5},
}

# Those of the real checkpoint, without resizing and cropping, because frames have the tower's size.
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
    """Write the video, the checkpoint, its 4-bit copy, the processor's files and the prompt."""
    from frames import RATE, make_video
    from models import PROMPT, make_checkpoint

    from touchline.models.chat import prompt_text, read_tokenizer, token_ids
    from touchline.models.families.llava_next_video import LlavaNextVideo
    from touchline.models.quantize import quantize

    options.folder.mkdir(parents=True, exist_ok=True)
    if not (options.folder / "720.mp4").exists():
        make_video(options.folder / "720.mp4", 720, 2 * RATE, HALF)
    folder = options.folder / "16"
    if not folder.exists():
        make_checkpoint(options.size, folder, has_answers=True)
        name_as_the_hub_does(folder)
    if not (options.folder / "nf4").exists():
        quantize(folder, options.folder / "nf4")
    video, template = LlavaNextVideo.video_token, LlavaNextVideo.template
    tokenizer = read_tokenizer(folder)
    text = prompt_text(tokenizer, folder, PROMPT.strip(), video, template)
    a_frame = (SIDE // 14 // 2) ** 2
    ids = token_ids(tokenizer, text.replace(video, video * (FRAMES * a_frame)))
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["architectures"] = ["LlamaForCausalLM"]  # vLLM needs it
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


def name_as_the_hub_does(folder: Path) -> None:
    """Give the vision tower's weights the names of the published file, because vLLM needs them."""
    from safetensors.torch import load_file, save_file

    for file in folder.glob("*.safetensors"):
        weights = {
            name.replace("vision_tower.", "vision_tower.vision_model."): values
            for name, values in load_file(file).items()
        }
        save_file(weights, file, metadata={"format": "pt"})


def decoded(options: argparse.Namespace, number: int) -> Iterator[Any]:
    """Decode one frame per second of a round's video in a thread, and resize it.

    Yields:
        uint8 tensors [3, SIDE, SIDE].
    """
    import torch

    from touchline.inputs.videos import Video
    from touchline.video.prefetch import start_first, work_ahead
    from touchline.video.probe import probe
    from touchline.video.sampler import Frame, read_frames
    from touchline.video.transforms import fit_to_square

    def fitted(frames: Iterator[Frame]) -> Iterator[torch.Tensor]:
        for frame in frames:
            square = fit_to_square(frame.picture, SIDE, "pad")
            # The half repeats a clip. vLLM would reuse its cache for repeated frames, and answers
            # would be the same.
            colour = torch.randint(128, (3, 1, 1), generator=colours, dtype=torch.uint8)
            yield square // 2 + colour

    torch.set_num_threads(1)
    colours = torch.Generator().manual_seed(number)
    seconds = 2 * (options.windows + 1)
    times = [float(number * seconds + second) for second in range(seconds)]
    path = options.folder / "720.mp4"
    manifest = probe(Video(video=0, path=path))
    shown = read_frames(manifest, path, times, max_size=MAX_SIZE, threads=options.threads)
    return start_first(work_ahead([shown], [fitted], FRAMES_AHEAD))


def report(
    options: argparse.Namespace, ready: float, run: Callable[[int], int], **more: Any
) -> None:
    """Measure two rounds. `run` gets the round's number and returns the answered windows."""
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
        "ready_s": round(ready - STARTED, 1),
        "first_windows_a_s": rounds[0],
        "second_windows_a_s": rounds[1],
        "start_to_answers_s": round(ready - STARTED + options.windows / rounds[0], 1),
    }
    found |= more
    found["tokens"] = round(statistics.mean(found["tokens"]), 1)  # of an answer
    print(json.dumps(found), flush=True)


def vllm(options: argparse.Namespace) -> None:
    """Run vLLM's offline engine with all windows in one call."""
    os.environ |= {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_USE_FLASHINFER_SAMPLER": "0",
    }
    import numpy as np
    from vllm import LLM, SamplingParams, __version__

    from touchline.inputs.settings import GenerationSettings

    folder = options.folder / "16"
    model = LLM(
        model=str(folder),
        dtype="bfloat16",
        max_model_len=2048,
        limit_mm_per_prompt={"video": 1},
        mm_processor_cache_gb=0,
        gpu_memory_utilization=0.85,
        enforce_eager=options.eager,
        speculative_config=DRAFTS[options.drafts],
    )
    ready = time.perf_counter()
    asked = json.loads((folder / "prompt.json").read_text())
    sampling = SamplingParams(
        temperature=0.0, max_tokens=GenerationSettings().max_new_tokens, detokenize=False
    )
    lengths: set[int] = set()
    tokens: list[int] = []
    decoding: list[float] = []

    def run(number: int) -> int:
        started = time.perf_counter()
        shown = np.stack([frame.permute(1, 2, 0).numpy() for frame in decoded(options, number)])
        decoding.append(round(time.perf_counter() - started, 1))
        asks: list[Any] = [
            {"prompt": asked["text"], "multi_modal_data": {"video": shown[first : first + FRAMES]}}
            for first in range(0, 2 * options.windows, 2)
        ]
        answers = model.generate(asks, sampling, use_tqdm=False)
        lengths.update(len(answer.prompt_token_ids or []) for answer in answers)
        tokens.extend(len(answer.outputs[0].token_ids) for answer in answers)
        return len(answers)

    length = len(asked["ids"])
    more = {"version": __version__, "eager": options.eager, "drafts": options.drafts}
    report(options, ready, run, **more, prompt=length, decoding_s=decoding, tokens=tokens)
    assert lengths == {length}, f"vLLM read {lengths} tokens, not {length}"


def ours(options: argparse.Namespace) -> None:
    """Run the project's engine with one batch of rows."""
    import torch
    import worker

    from touchline.detection.engine import Answering
    from touchline.detection.scheduler import Picture, Task
    from touchline.detection.scoring import Generated
    from touchline.detection.stopwatch import Stopwatch
    from touchline.inputs.settings import GenerationSettings

    folder = options.folder / ("nf4" if options.precision == "nf4" else "16")
    model = worker.without_lists("llava_next_video", folder)
    if model.unpacked_bytes():
        model.unpack()
    ready = time.perf_counter()
    settings = GenerationSettings()
    tokens: list[int] = []

    decoding: list[float] = []

    def tasks(number: int) -> Iterator[Task]:
        shown: list[Picture] = []
        frames = decoded(options, number)
        if options.decoded:
            started = time.perf_counter()
            frames = iter(list(frames))
            decoding.append(round(time.perf_counter() - started, 1))
        for frame in frames:
            shown.append(Picture((float(len(shown)),), frame[None]))
            if len(shown) >= FRAMES and len(shown) % 2 == 0:
                index = len(shown) // 2 - 2
                yield Task(index, shown[-FRAMES:], torch.zeros(settings.max_new_tokens))

    def run(number: int) -> int:
        answering = Answering(
            model, settings, rows=options.rows, pictures=FRAMES, clock=Stopwatch()
        )
        answers = answering.answers(tasks(number))
        given = [answer for _, answer in answers if isinstance(answer, Generated)]
        tokens.extend(len(answer.tokens) for answer in given)
        return len(given)

    more = {"precision": options.precision, "rows": options.rows, "decoding_s": decoding}
    report(options, ready, run, **more, prompt=len(model.prompt(FRAMES).ids), tokens=tokens)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    sides = {"make": make, "vllm": vllm, "ours": ours}
    parser.add_argument("--side", choices=sides, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="folder for the models")
    parser.add_argument("--size", choices=("full", "small", "tiny"), default="full")
    parser.add_argument("--precision", choices=("bfloat16", "nf4"), default="bfloat16")
    parser.add_argument("--windows", type=int, default=375)
    parser.add_argument("--rows", type=int, default=64, help="rows of our batch")
    parser.add_argument("--threads", type=int, default=8, help="decoding threads")
    parser.add_argument("--decoded", action="store_true", help="decode all frames before ours, too")
    parser.add_argument("--drafts", choices=DRAFTS, default="none", help="drafts of vLLM")
    parser.add_argument("--eager", action="store_true", help="vLLM without compiling and graphs")
    options = parser.parse_args()
    sides[options.side](options)


if __name__ == "__main__":
    main()
