"""Train one of the demo's tiny models on generated matches and write its checkpoint.

    python demo/train.py llava
    python demo/train.py qwen

The learning rate follows a cosine that ends with `--steps` or `--minutes`, whichever comes first.
Windows arrive from the worker processes in no fixed order, so two runs give similar but different
models.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections import Counter
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers.utils.logging import disable_progress_bar

from demo.scene.match import LABELS, TEAMS, details
from demo.training import tiny, tiny_llava, tiny_qwen
from demo.training.nf4 import Rounding
from demo.training.pool import Painters, Pool
from demo.training.windows import FRAMES, Windows
from touchline.models.preprocessing import Normalization, normalized

HERE = Path(__file__).resolve().parent
# The models, their training times and seeds. The second is trained less and makes other mistakes.
MODELS = {"llava": (tiny_llava, 14_000, 0), "qwen": (tiny_qwen, 2_200, 1)}
PROMPT = HERE.parent / "prompts" / "soccer_events.txt"
TRAINING_SEEDS = 1_000_000  # every match from here on may have been trained on
HELD_OUT_SEEDS = 900_000
FRAME_SHARES = (1, 1, 1, 7)  # of batches with 1, 2, 3 and 4 frames
PIXELS = Normalization(tiny.MEAN, tiny.STD)
ANSWER_LENGTH = 80  # tokens; two events take about 60
TESTED_TOGETHER = 512  # windows
IGNORED = -100


def main() -> None:
    options = _options()
    disable_progress_bar()
    began = time.monotonic()
    kind = MODELS[options.model][0]
    painters = Painters(options.workers, TRAINING_SEEDS + options.seed * 10_000_000, kind.pixels)
    matches = range(HELD_OUT_SEEDS, HELD_OUT_SEEDS + options.held_out)
    held_out = painters.held_out(matches)
    print(f"{sum(len(w.answers) for w in held_out)} held-out windows drawn", flush=True)

    trainer = Trainer(kind, options)
    try:
        trainer.fit(painters, held_out, began)
    finally:
        painters.stop()
    trainer.save()
    trainer.report(held_out)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("model", choices=MODELS)
    add("--steps", type=int, help="default: as the checkpoint in demo/ was made")
    add("--minutes", type=float, default=8.0, help="minutes of training, without the final test")
    add("--batch", type=int, default=256, help="windows a step")
    add("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    add("--rate", type=float, default=1e-3, help="highest learning rate")
    add("--pool", type=int, default=60_000, help="windows kept; 150 kB each")
    add("--held-out", type=int, help="matches to test on, 24 windows each (default: 1 to 60)")
    add("--test-every", type=int, default=2000, help="steps")
    add("--nf4-noise", action=argparse.BooleanOptionalAction, default=True)
    add("--seed", type=int, help="default: as the checkpoint in demo/ was made")
    add("--device", default="auto")
    add("--out", type=Path, help="default: demo/model-MODEL")
    options = parser.parse_args()
    _, steps, seed = MODELS[options.model]
    options.steps = options.steps or steps
    options.seed = seed if options.seed is None else options.seed
    options.out = options.out or HERE / f"model-{options.model}"
    if options.held_out is None:
        # A short trial of the script gets a short test.
        options.held_out = min(60, 1 + options.steps // 100)
    return options


class Trainer:
    """The model, its optimizer and the pool of training windows."""

    def __init__(self, kind: ModuleType, options: argparse.Namespace) -> None:
        self.kind, self.options = kind, options
        name = options.device
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(name)
        torch.manual_seed(options.seed)
        self.prompt = PROMPT.read_text(encoding="utf-8")
        self.tokenizer = kind.new_tokenizer([self.prompt, *_answers()])
        self.model = kind.new_model(self.tokenizer).to(self.device)
        self.rounding = Rounding(self.model.model.language_model)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=options.rate,
            betas=(0.9, 0.98),
            weight_decay=0.05,
            fused=self.device.type == "cuda",
        )
        picture = kind.pixels(torch.zeros((3, 216, 384), dtype=torch.uint8)).shape
        self.pool = Pool(options.pool, picture, ANSWER_LENGTH, self.device)
        self.prompts = {frames: self._prompt(frames) for frames in FRAMES}

    def _prompt(self, frames: int) -> list[int]:
        """Return the token ids of the workflow's prompt for a number of frames."""
        family = self.kind.Family
        pictures = math.ceil(frames / family.frames_per_picture)
        video = family.video_token * (pictures * self.kind.TOKENS_PER_PICTURE)
        text = family.template.format(video=video, prompt=self.prompt.strip())
        ids: list[int] = self.tokenizer(text)["input_ids"]
        return ids

    def fit(self, painters: Painters, held_out: list[Windows], began: float) -> None:
        """Train until the steps or the minutes are used up."""
        options, rng = self.options, Random(self.options.seed)
        while not (self.pool.has_all() and self.pool.drawn >= 8 * options.batch):
            self._take(painters, block=True)
        start, losses = time.monotonic(), []
        limit = max(1.0, options.minutes * 60 - (start - began))
        step = 0
        while (done := max(step / options.steps, (time.monotonic() - start) / limit)) < 1:
            self._take(painters)
            # The first part trains exact weights, and the last part rounded weights.
            self.rounding.active = options.nf4_noise and done > 0.6
            frames = rng.choices(FRAMES, FRAME_SHARES)[0]
            losses.append(self._step(frames, _rate(done) * options.rate))
            step += 1
            if step % min(100, options.test_every) == 0:
                pace = step / (time.monotonic() - start)
                left = min((options.steps - step) / pace, limit * (1 - done))
                loss = torch.stack(losses).mean().item()
                losses.clear()
                print(
                    f"step {step}  loss {loss:.4f}  {pace:.1f} steps/s  "
                    f"{self.pool.drawn} windows drawn  {left:.0f} s left",
                    flush=True,
                )
            if step % options.test_every == 0:
                # During training, the windows with all frames are enough.
                some = held_out[-1:]
                plain, nf4 = (self._share_right(some, rounded) for rounded in (False, True))
                print(f"step {step}  exactly right: {plain:.1%}, in NF4 {nf4:.1%}", flush=True)
                self.save()

    def save(self) -> None:
        self.kind.save(self.model, self.tokenizer, self.options.out)

    def report(self, held_out: list[Windows]) -> None:
        """Print the shares of right answers and, for NF4, a table of the classes."""
        for rounded in (False, True):
            share = self._share_right(held_out, rounded)
            print(f"exactly right {'in NF4' if rounded else 'as trained'}: {share:.2%}")
        true, predicted, hit = Counter[str](), Counter[str](), Counter[str]()
        for windows in held_out:
            for text, truth in zip(self._answer(windows), windows.answers, strict=True):
                right, found = _events(truth), _events(text)
                true.update(label for label, _ in right)
                predicted.update(label for label, _ in found)
                hit.update(label for label, _ in right & found)
        print(f"{'label and team':20} {'true':>5} {'found':>5} {'precision':>9} {'recall':>6}")
        for label in LABELS:
            precision, recall = (
                hit[label] / max(1, predicted[label]),
                hit[label] / max(1, true[label]),
            )
            print(
                f"{label:20} {true[label]:5} {predicted[label]:5} {precision:9.1%} {recall:6.1%}",
                flush=True,
            )

    def _take(self, painters: Painters, block: bool = False) -> None:
        for windows in painters.ready(block):
            ids = [[*self._tokens(a), self.tokenizer.eos_token_id] for a in windows.answers]
            padded = [row + [IGNORED] * (ANSWER_LENGTH - len(row)) for row in ids]
            self.pool.put(torch.from_numpy(windows.pixels), torch.tensor(padded))

    def _tokens(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _step(self, frames: int, rate: float) -> torch.Tensor:
        """Do one step of the optimizer and return the loss of the answers' tokens."""
        self.model.train()
        pixels, answers = self.pool.draw(frames, self.options.batch)
        given = answers.masked_fill(answers == IGNORED, self.tokenizer.pad_token_id)
        prompt = torch.tensor(self.prompts[frames], device=self.device)
        ids = torch.cat([prompt.expand(len(answers), -1), given], dim=1)
        with self._autocast():
            logits = self.model(
                input_ids=ids,
                **self.kind.model_inputs(self.model, ids, normalized(_varied(pixels), PIXELS)),
                use_cache=False,
                logits_to_keep=ANSWER_LENGTH + 1,
            ).logits[:, :-1]
        loss = cross_entropy(logits.flatten(0, 1).float(), answers.flatten(), ignore_index=IGNORED)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def _autocast(self) -> torch.autocast:
        cuda = self.device.type == "cuda"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=cuda)

    def _share_right(self, held_out: list[Windows], rounded: bool) -> float:
        self.rounding.active = rounded
        right = total = 0
        for windows in held_out:
            answers = self._answer(windows)
            right += sum(a == b for a, b in zip(answers, windows.answers, strict=True))
            total += len(answers)
        return right / total

    @torch.no_grad()
    def _answer(self, windows: Windows) -> list[str]:
        """Return the model's answers to windows with the same number of frames."""
        self.model.eval()
        texts: list[str] = []
        for pixels in torch.split(torch.from_numpy(windows.pixels), TESTED_TOGETHER):
            prompt = torch.tensor(self.prompts[pixels.shape[1]], device=self.device)
            ids = prompt.repeat(len(pixels), 1)
            frames = normalized(pixels.to(self.device), PIXELS)
            with self._autocast():
                made: Any = self.model.generate(
                    input_ids=ids,
                    attention_mask=torch.ones_like(ids),
                    **self.kind.model_inputs(self.model, ids, frames),
                    max_new_tokens=ANSWER_LENGTH,
                )
            texts += self.tokenizer.batch_decode(made[:, len(prompt) :], skip_special_tokens=True)
        return texts


def _answers() -> list[str]:
    """Return all answers with at most one event. The tokenizer is made for them."""
    one = {"confidence": 0.9}
    events = [
        [{"label": label, "team": team, **one, "details": details(label, team)}]
        for label in LABELS
        for team in TEAMS
    ]
    return ["none", *map(json.dumps, events)]


def _events(answer: str) -> set[tuple[str, str]]:
    """Return label and team of each event in an answer, or nothing if it cannot be read."""
    try:
        return {(event["label"], event["team"]) for event in json.loads(answer)}
    except (ValueError, TypeError, KeyError):
        return set()


def _rate(done: float) -> float:
    """Return the learning rate, as a share of the highest, after a share `done` of training."""
    warm = 0.04
    if done < warm:
        return max(done / warm, 0.01)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - warm) / (1 - warm)))


def _varied(pixels: torch.Tensor) -> torch.Tensor:
    """Brighten, shift and mirror each window at random, in the same way for all its frames.

    Black stays black, because the letterbox is black. Takes and returns [windows, frames, 3, H, W]
    from 0 to 255.
    """
    shape = (len(pixels), 1, 1, 1, 1)
    gamma = torch.empty(shape, device=pixels.device).uniform_(0.85, 1.18)
    gain = torch.empty(shape, device=pixels.device).uniform_(0.85, 1.12)
    light = (pixels.float() / 255) ** gamma * gain
    shift = torch.randint(-2, 3, (2,)).tolist()
    moved = light.roll(shift, dims=(-2, -1)).clamp(max=1) * 255
    mirrored = torch.rand(shape, device=pixels.device) < 0.5
    return torch.where(mirrored, moved.flip(-1), moved)


if __name__ == "__main__":
    main()
