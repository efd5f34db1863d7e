"""Compare the detection engine with vLLM: the same model, prompt, frames and ends of answers.

    python benchmarks/peer.py --folder /tmp/peer --side make
    python benchmarks/peer.py --folder /tmp/peer --side vllm       # needs vLLM
    python benchmarks/peer.py --folder /tmp/peer --side vllm --drafts ngram
    python benchmarks/peer.py --folder /tmp/peer --side ours
    python benchmarks/peer.py --folder /tmp/peer --side ours --precision nf4
    python benchmarks/peer.py --folder /tmp/peer3 --family qwen3_vl --side make    # and so on

`make` writes the configuration of LLaVA-NeXT-Video-7B or Qwen3-VL-8B with random weights, and a
half of 3,000 s at 720p (see frames.py). Each family needs its own folder. Answers end by themselves
after about 44 tokens (answers.py). `make` also writes the files of a processor for vLLM.
`max_new_tokens` is that of config.yaml.

Each of the sides `vllm` and `ours` is a process and prints a line of JSON. The line has the seconds
from the start to a loaded model, and the windows per second of two rounds, from the video's file to
the answers. The first round is cold. A window shows four frames of 336 x 336 (LLaVA-NeXT-Video) or
384 x 224 (Qwen3-VL), and shares half of them with the window before. Each round has another part of
the video. Both sides decode with this project's sampler and normalize the frames separately. vLLM
takes all windows in one call, so its frames are decoded before. Ours are decoded meanwhile. Both
sides read the same prompt tokens. Our line also has the seconds of the engine's parts.

With `--prepared`, both sides finish their work on the CPU before they answer. For our side, that is
decoding. For vLLM, it is decoding and its processor, which normalizes one window after another.
Each line has the seconds before the answers, and the windows per second without these seconds.

Expected before measuring, on one H200: without drafts, on an H100, vLLM was 14 % faster on the GPU
alone. Decoding was a quarter of the time on both sides. With drafts, our decoding takes half of
that, so our engine should be 1.05 to 1.15 times as fast as vLLM. In the second round, drafts from
the first round's answers save a quarter of the steps, which gives 1.1 to 1.2. Drafts from an
answer's own prompt (ngram) gain little, because an answer hardly repeats itself. vLLM's suffix
drafting also knows earlier answers, and should come close to our engine.

Expected for Qwen3-VL before measuring, on one H200: a prompt has 376 tokens, half of
LLaVA-NeXT-Video's 768. So decoding is a third or more of the time, and drafts save more. Our engine
should be 1.1 to 1.3 times as fast as vLLM.

Expected with `--prepared` before measuring, on one H200: vLLM's processor no longer counts, so the
ratios should be lower. For the first and second round, they should be 1.0 and 1.1 for
LLaVA-NeXT-Video, and 0.95 and 1.15 for Qwen3-VL.
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
# Width and height of a frame in pixels, as the vision tower takes it.
SIZES = {"llava_next_video": (336, 336), "qwen3_vl": (384, 224)}
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

# vLLM writes the times of Qwen3-VL's frames into the prompt. In each window, they begin with 0.
TIMES = {
    "fps": 1.0,
    "frames_indices": list(range(FRAMES)),
    "total_num_frames": FRAMES,
    "duration": float(FRAMES),
    "do_sample_frames": False,
}

# Those of the real checkpoint, without resizing and cropping, because frames have the tower's size.
LLAVA_PIXELS = {
    "do_resize": False,
    "do_center_crop": False,
    "do_rescale": True,
    "do_normalize": True,
    "do_convert_rgb": False,
    "size": {"shortest_edge": 336},
    "crop_size": {"height": 336, "width": 336},
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
# Those of the real checkpoint, but with lower limits on pixels, so that vLLM's largest video fits
# into its context. A window stays within the limits, so neither side resizes it.
QWEN_PIXELS = {
    "size": {"shortest_edge": 4096, "longest_edge": 768 * 32 * 32},
    "patch_size": 16,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
# The files of each family's processor, which vLLM needs.
PROCESSOR_FILES: dict[str, dict[str, dict[str, Any]]] = {
    "llava_next_video": {
        "preprocessor_config.json": LLAVA_PIXELS
        | {"image_processor_type": "LlavaNextImageProcessor"},
        "video_preprocessor_config.json": LLAVA_PIXELS
        | {"video_processor_type": "LlavaNextVideoVideoProcessor"},
        "processor_config.json": {
            "processor_class": "LlavaNextVideoProcessor",
            "patch_size": 14,
            "vision_feature_select_strategy": "default",
            "image_token": "<image>",
            "video_token": "<video>",
            "num_additional_image_tokens": 1,
        },
    },
    "qwen3_vl": {
        "preprocessor_config.json": QWEN_PIXELS | {"image_processor_type": "Qwen2VLImageProcessor"},
        "video_preprocessor_config.json": QWEN_PIXELS
        | {"video_processor_type": "Qwen3VLVideoProcessor"},
        "processor_config.json": {"processor_class": "Qwen3VLProcessor"},
    },
}


def make(options: argparse.Namespace) -> None:
    """Write the video, the checkpoint, the processor's files, the prompt and the 4-bit copy."""
    from frames import RATE, make_video
    from models import make_checkpoint

    from touchline.models.quantize import quantize

    options.folder.mkdir(parents=True, exist_ok=True)
    if not (options.folder / "720.mp4").exists():
        make_video(options.folder / "720.mp4", 720, 2 * RATE, HALF)
    folder = options.folder / "16"
    if not folder.exists():
        make_checkpoint(options.size, folder, options.family, has_answers=True)
        if options.family == "llava_next_video":
            name_as_the_hub_does(folder)
    for name, content in PROCESSOR_FILES[options.family].items():
        (folder / name).write_text(json.dumps(content))
    (folder / "prompt.json").write_text(json.dumps(prompt(options.family, folder)))
    if not (options.folder / "nf4").exists():
        quantize(folder, options.folder / "nf4")


def prompt(name: str, folder: Path) -> dict[str, Any]:
    """Return the prompt as a text for vLLM and as the token ids that both sides should read."""
    import worker
    from models import PROMPT

    from touchline.models.families import family

    kind: Any = family(name)
    unloaded = kind.__new__(kind)  # The prompt does not depend on the weights.
    unloaded._read_files(folder, PROMPT, worker.FOOTAGE)
    text, video = unloaded._text, unloaded.video_token
    if name == "qwen3_vl":
        assert unloaded.size == SIZES[name]
        # vLLM removes the marks around the token. Our side keeps them around the whole video.
        text = text.replace(video, f"<|vision_start|>{video}<|vision_end|>")
    ids = unloaded._token_ids(FRAMES // unloaded.frames_per_picture, False)
    return {"text": text, "ids": ids}


def name_as_the_hub_does(folder: Path) -> None:
    """Give the vision tower's weights the names of the published file, and name the language
    model's class, because vLLM needs both.
    """
    from safetensors.torch import load_file, save_file

    for file in folder.glob("*.safetensors"):
        weights = {
            name.replace("vision_tower.", "vision_tower.vision_model."): values
            for name, values in load_file(file).items()
        }
        save_file(weights, file, metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["architectures"] = ["LlamaForCausalLM"]
    (folder / "config.json").write_text(json.dumps(config))


def decoded(options: argparse.Namespace, number: int) -> Iterator[Any]:
    """Decode one frame per second of a round's video in a thread, and resize it.

    Yields:
        uint8 tensors [3, height, width], of the family's size.
    """
    import torch

    from touchline.inputs.videos import Video
    from touchline.video.prefetch import start_first, work_ahead
    from touchline.video.probe import probe
    from touchline.video.sampler import Frame, read_frames
    from touchline.video.transforms import fit_to_square, resize

    def fitted(frames: Iterator[Frame]) -> Iterator[torch.Tensor]:
        for frame in frames:
            if width == height:
                shown = fit_to_square(frame.picture, width, "pad")
            else:
                shown = resize(frame.picture, width, height)
            # The half repeats a clip. vLLM would reuse its cache for repeated frames, and answers
            # would be the same.
            colour = torch.randint(128, (3, 1, 1), generator=colours, dtype=torch.uint8)
            yield shown // 2 + colour

    torch.set_num_threads(1)
    width, height = SIZES[options.family]
    colours = torch.Generator().manual_seed(number)
    seconds = 2 * (options.windows + 1)
    times = [float(number * seconds + second) for second in range(seconds)]
    path = options.folder / "720.mp4"
    manifest = probe(Video(video=0, path=path))
    shown = read_frames(manifest, path, times, max_size=MAX_SIZE, threads=options.threads)
    return start_first(work_ahead([shown], [fitted], FRAMES_AHEAD))


def report(
    options: argparse.Namespace,
    ready: float,
    run: Callable[[int], tuple[int, float]],
    **more: Any,
) -> None:
    """Measure two rounds.

    Args:
        run: gets the round's number. Returns the number of answered windows, and the seconds of
            work before the first answer.
    """
    rounds, rest, before = [], [], []
    for number in range(2):
        started = time.perf_counter()
        done, seconds = run(number)
        took = time.perf_counter() - started
        rounds.append(round(done / took, 2))
        rest.append(round(done / (took - seconds), 2))
        before.append(round(seconds, 2))
        assert done == options.windows, f"{done} of {options.windows} windows answered"
    found = {
        "side": options.side,
        "family": options.family,
        "size": options.size,
        "windows": options.windows,
        "ready_s": round(ready - STARTED, 1),
        "first_windows_a_s": rounds[0],
        "second_windows_a_s": rounds[1],
        "start_to_answers_s": round(ready - STARTED + options.windows / rounds[0], 1),
        "prepared": options.prepared,
        "before_s": before,
        "windows_a_s_without_it": rest,
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
    from vllm.sampling_params import RequestOutputKind

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
        temperature=0.0,
        max_tokens=GenerationSettings().max_new_tokens,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,  # as `generate` sets it
    )
    engine = model.llm_engine
    prompts: set[tuple[int, ...]] = set()
    tokens: list[int] = []

    def run(number: int) -> tuple[int, float]:
        started = time.perf_counter()
        shown = np.stack([frame.permute(1, 2, 0).numpy() for frame in decoded(options, number)])
        videos: list[Any] = [
            shown[first : first + FRAMES] for first in range(0, 2 * options.windows, 2)
        ]
        if options.family == "qwen3_vl":
            videos = [(video, TIMES) for video in videos]
        asks: list[Any] = [
            {"prompt": asked["text"], "multi_modal_data": {"video": video}} for video in videos
        ]
        if options.prepared:
            asks = [processed for ask in asks for processed in model.renderer.render_cmpl([ask])]
        before = time.perf_counter() - started
        if options.prepared:
            for index, ask in enumerate(asks):
                engine.add_request(f"{number}-{index}", ask, sampling)
            answers = []
            while engine.has_unfinished_requests():
                answers += [answer for answer in engine.step() if answer.finished]
        else:
            answers = model.generate(asks, sampling, use_tqdm=False)
        prompts.update(tuple(answer.prompt_token_ids or []) for answer in answers)
        tokens.extend(len(answer.outputs[0].token_ids) for answer in answers)
        return len(answers), before

    ids = asked["ids"]
    more = {"version": __version__, "eager": options.eager, "drafts": options.drafts}
    report(options, ready, run, **more, prompt=len(ids), tokens=tokens)
    lengths = {len(each) for each in prompts}
    assert prompts == {tuple(ids)}, f"vLLM read other prompts: {lengths} tokens, ours {len(ids)}"


def ours(options: argparse.Namespace) -> None:
    """Run the project's engine with one batch of rows."""
    import torch
    import worker

    from touchline.detection.drafts import Drafts
    from touchline.detection.engine import Answering
    from touchline.detection.scheduler import Picture, Task
    from touchline.detection.scoring import Generated
    from touchline.detection.stopwatch import Stopwatch
    from touchline.inputs.settings import GenerationSettings

    folder = options.folder / ("nf4" if options.precision == "nf4" else "16")
    model = worker.without_lists(options.family, folder)
    if model.unpacked_bytes():
        model.unpack()
    ready = time.perf_counter()
    settings = GenerationSettings()
    pictures = FRAMES // model.frames_per_picture
    tokens: list[int] = []
    clocks: list[str] = []
    drafts = Drafts()  # The second round drafts from the answers of the first, as later slices do.

    def tasks(frames: Iterator[Any]) -> Iterator[Task]:
        shown: list[Picture] = []
        numbered = enumerate(frames)
        for some in zip(*[numbered] * model.frames_per_picture, strict=True):
            seconds, pixels = zip(*some, strict=True)
            shown.append(Picture(tuple(map(float, seconds)), torch.stack(pixels)))
            index, is_between = divmod(len(shown) - pictures, pictures // 2)
            if index >= 0 and not is_between:
                yield Task(index, shown[-pictures:], torch.zeros(settings.max_new_tokens))

    def run(number: int) -> tuple[int, float]:
        started = time.perf_counter()
        frames = decoded(options, number)
        if options.prepared:
            frames = iter(list(frames))
        before = time.perf_counter() - started if options.prepared else 0.0
        clock = Stopwatch()
        answering = Answering(
            model, settings, rows=options.rows, pictures=pictures, clock=clock, drafts=drafts
        )
        answers = answering.answers(tasks(frames))
        given = [answer for _, answer in answers if isinstance(answer, Generated)]
        tokens.extend(len(answer.tokens) for answer in given)
        clocks.append(str(clock))
        return len(given), before

    more = {"precision": options.precision, "rows": options.rows}
    length = len(model.prompt(pictures).ids)
    report(options, ready, run, **more, prompt=length, tokens=tokens, time=clocks)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    sides = {"make": make, "vllm": vllm, "ours": ours}
    parser.add_argument("--side", choices=sides, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="folder for the models")
    parser.add_argument("--family", choices=SIZES, default="llava_next_video")
    parser.add_argument("--size", choices=("full", "small", "tiny"), default="full")
    parser.add_argument("--precision", choices=("bfloat16", "nf4"), default="bfloat16")
    parser.add_argument("--windows", type=int, default=375)
    parser.add_argument("--rows", type=int, default=64, help="rows of our batch")
    parser.add_argument("--threads", type=int, default=8, help="decoding threads")
    parser.add_argument("--prepared", action="store_true", help="do the work on the CPU before")
    parser.add_argument("--drafts", choices=DRAFTS, default="none", help="drafts of vLLM")
    parser.add_argument("--eager", action="store_true", help="vLLM without compiling and graphs")
    options = parser.parse_args()
    sides[options.side](options)


if __name__ == "__main__":
    main()
