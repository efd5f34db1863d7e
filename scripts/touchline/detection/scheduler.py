"""Generate many answers at a time with one model, independently of each other.

Answers differ in length: "none" takes two tokens, an event takes forty. A batch that waits for its
longest answer wastes most of its work. Here each row of the batch is a slot. When the answer in a
row is complete, this row is free while the other rows continue. As soon as a quarter of the rows is
free, the next windows take these rows together (continuous batching; Orca, OSDI 2022).

A row's keys and values always lie at the same places of a cache with a fixed shape, and every call
has the same shape. Therefore an answer depends only on its own pictures, not on other rows. On a
CPU, the answer is the same to the last bit. On a GPU, a product may round differently in another
row, which matters only if two tokens are nearly tied (benchmarks/GPU.md).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch.nn.functional import pad

from touchline.answers.parsing import is_complete
from touchline.detection.drafts import Drafts
from touchline.detection.sampling import choose
from touchline.detection.scoring import Generated
from touchline.detection.stopwatch import Stopwatch
from touchline.inputs.settings import GenerationSettings
from touchline.models.candidate_tree import CandidateTree

if TYPE_CHECKING:
    from touchline.models.families.base import VideoLanguageModel

# Reasons why a window has no answer: it did not fit into memory even alone, or the model computed
# numbers that are not finite.
Failure = Literal["skipped_oom", "not_finite"]


@dataclass
class Picture:
    """The frames that the model encodes together.

    A picture is encoded once for all windows that show it.

    Attributes:
        times: presentation times of its frames in seconds.
        pixels: pixels of its frames, uint8 [frames, 3, h, w]; None once it is encoded.
        features: encoded features, [tokens, width]; None before it is encoded.
    """

    times: tuple[float, ...]
    pixels: torch.Tensor | None
    features: torch.Tensor | None = None


@dataclass
class Task:
    """A window that waits for its answer.

    Attributes:
        index: number of the window.
        pictures: pictures of the window.
        uniforms: random numbers for its tokens, [max_new_tokens].
        attempts: number of attempts so far.
        alone: number of times that the window by itself did not fit into memory.
    """

    index: int
    pictures: list[Picture]
    uniforms: torch.Tensor
    attempts: int = 0
    alone: int = 0


@dataclass
class _Row:
    """The window that a row of the batch works on."""

    task: Task
    evidence: tuple[float, ...]
    hidden: np.ndarray | None = None
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    learnt: int = 0  # number of tokens that the drafts have learnt


class Batch:
    """A batch of rows that answer windows. Free rows are given to the next windows in groups.

    Args:
        model: the loaded model.
        settings: settings of the answers.
        rows: number of windows at a time.
        pictures: largest number of pictures per window.
        clock: stopwatch for the steps.
        candidates: answers whose likelihood is computed before or instead of writing each answer;
            None if there are none.
        drafts: drafts of next tokens, which learn from the answers.
        keeps_hidden: whether each answer is kept together with the hidden state after its prompt.
    """

    def __init__(
        self,
        model: VideoLanguageModel,
        settings: GenerationSettings,
        *,
        rows: int,
        pictures: int,
        clock: Stopwatch,
        candidates: CandidateTree | None,
        drafts: Drafts,
        keeps_hidden: bool = False,
    ) -> None:
        self._model, self._settings, self._clock = model, settings, clock
        self._keeps_hidden = keeps_hidden
        self._candidates = candidates
        # Prompts are always read in groups of this size.
        self._group = max(1, rows // 4)
        self._rows: list[_Row | None] = [None] * rows
        self._admitting: list[Task] = []
        # Half of the pictures of overlapping windows are new. With little memory, encode fewer.
        new_pictures = max(1, self._group * pictures // 2)
        self._encoded_at_once = min(model.pictures_at_once, new_pictures)
        self._cache = model.new_cache(rows, pictures, settings.max_new_tokens)
        self._drafts = drafts
        self._closes_list = cache(lambda token: "]" in model.decode([token]))

    def run(
        self, waiting: deque[Task], source: Iterator[Task]
    ) -> Iterator[tuple[Task, Generated | Failure]]:
        """Answer the waiting tasks, then the tasks of the source.

        Yield each answer when it is done.

        Raises:
            torch.OutOfMemoryError: memory ran out. `unfinished` returns the tasks to repeat.
        """
        while True:
            yield from self._fill(waiting, source)
            if not any(self._rows):
                return
            yield from self._step()

    def unfinished(self) -> list[Task]:
        """Return the tasks in progress."""
        return [row.task for row in self._rows if row] + self._admitting

    def _fill(
        self, waiting: deque[Task], source: Iterator[Task]
    ) -> Iterator[tuple[Task, Generated | Failure]]:
        """Give free rows to the next tasks, as soon as a whole group fits."""
        while True:
            free = [number for number, row in enumerate(self._rows) if row is None]
            if len(free) < self._group and len(free) < len(self._rows):
                return
            tasks = next_group(waiting, source, self._group, self._clock)
            if not tasks:
                return
            yield from self._admit(tasks, free[: len(tasks)])

    def _admit(
        self, tasks: list[Task], numbers: list[int]
    ) -> Iterator[tuple[Task, Generated | Failure]]:
        """Read the prompts of some tasks into free rows, and generate their first tokens."""
        self._admitting = tasks
        for task in tasks:
            task.attempts += 1
        # Pad with repeats, so that every call has the same shape.
        padded = [*tasks, *[tasks[-1]] * (self._group - len(tasks))]
        with self._clock.timing("vision"):
            self._encode([picture for task in tasks for picture in task.pictures])
        with self._clock.timing("prefill"):
            features = torch.stack([torch.stack(_features(task)) for task in padded])
            odd = frames_in(tasks[0]) % self._model.frames_per_picture > 0
            logits, hidden = self._model.prefill(features, self._cache, numbers, odd)
            # If features are not finite, the model has not seen the pictures.
            seen = features.isfinite().flatten(1).all(1)
            logits = logits.masked_fill(~seen[:, None], math.nan)
        evidence = self._weigh(logits, padded, numbers, odd)
        if not self._settings.answers:
            self._admitting = []
            kept = self._kept(hidden)
            for task, weights, state in zip(tasks, evidence, kept, strict=False):
                yield task, Generated("", (), (), weights, state) if weights else "not_finite"
            return
        with self._clock.timing("prefill"):
            uniforms = torch.stack([task.uniforms[0] for task in padded])
            chosen = self._choose(logits, uniforms)
            # The GPU is idle now, so a copy delays nothing.
            kept = self._kept(hidden)
        self._admitting = []
        for task, number, weights, state, token, logprob in zip(
            tasks, numbers, evidence, kept, *chosen, strict=False
        ):
            self._rows[number] = _Row(task, weights, state)
            yield from self._take(number, [token], [logprob])

    def _kept(self, hidden: torch.Tensor) -> Sequence[np.ndarray | None]:
        """Return the hidden states to keep with the answers, [width] each."""
        return [*to_float16(hidden)] if self._keeps_hidden else [None] * len(hidden)

    def _weigh(
        self, logits: torch.Tensor, padded: list[Task], numbers: list[int], odd: bool
    ) -> list[tuple[float, ...]]:
        """Return the evidence of windows whose prompts were read.

        If a value is not finite, the evidence of the window is empty.
        """
        tree = self._candidates
        if tree is None:
            return [()] * len(padded)
        with self._clock.timing("evidence"):
            rows = [*numbers, *[numbers[-1]] * (len(padded) - len(numbers))]
            pictures = len(padded[0].pictures)
            steps = self._model.weigh(tree, logits, self._cache, rows, pictures, odd).tolist()
            found = [tree.likelihoods(row) for row in steps]
            return [each if all(map(math.isfinite, each)) else () for each in found]

    def _encode(self, pictures: Iterable[Picture]) -> None:
        """Encode the pictures that are not encoded yet, a fixed number at a time."""
        new = list({id(p): p for p in pictures if p.features is None}.values())
        at_once = self._encoded_at_once
        for first in range(0, len(new), at_once):
            some = new[first : first + at_once]
            pixels = [picture.pixels for picture in some if picture.pixels is not None]
            pixels += [pixels[-1]] * (at_once - len(pixels))
            for picture, features in zip(
                some, self._model.encode(torch.stack(pixels)), strict=False
            ):
                picture.features, picture.pixels = features, None

    def _step(self) -> Iterator[tuple[Task, Generated | Failure]]:
        """Read each row's last token and its draft, and keep the tokens that the model chooses.

        Empty rows are computed as well, but their results are ignored.
        """
        with self._clock.timing("decode"):
            count = self._cache.drafts
            nothing = [0] * (1 + count)
            read = [
                [row.tokens[-1], *self._drafts.next_tokens(row.tokens, count)] if row else nothing
                for row in self._rows
            ]
            logits = self._model.step(torch.tensor(read), self._cache)
            # Learn while the GPU works.
            for busy in filter(None, self._rows):
                self._drafts.learn(busy.tokens, busy.learnt)
                busy.learnt = len(busy.tokens)
            uniforms = torch.stack([self._uniforms(row) for row in self._rows])
            tokens, logprobs = self._choose(logits.flatten(0, 1), uniforms.flatten())
        kept = []
        for number, row in enumerate(self._rows):
            own = slice(number * (1 + count), (number + 1) * (1 + count))
            if row is not None:
                before = len(row.tokens)
                yield from self._take(number, tokens[own], logprobs[own], read[number][1:])
                kept.append(len(row.tokens) - before)
                continue
            kept.append(0)
            if not math.isfinite(logprobs[own][0]):
                self._cache.clear([number])
        self._cache.advance(kept)

    def _uniforms(self, row: _Row | None) -> torch.Tensor:
        """Return the random numbers for the tokens of one step, [1 + drafts]."""
        count = 1 + self._cache.drafts
        if row is None or not self._settings.do_sample:
            return torch.zeros(count)
        own = row.task.uniforms[len(row.tokens) :][:count]
        return pad(own, (0, count - len(own)))

    def _choose(
        self, logits: torch.Tensor, uniforms: torch.Tensor
    ) -> tuple[list[int], list[float]]:
        """Choose a token for each row. Return token ids and log probabilities as lists."""
        tokens, logprobs = choose(logits, self._settings, uniforms.to(logits.device))
        return tokens.tolist(), logprobs.tolist()

    def _take(
        self,
        number: int,
        tokens: Sequence[int],
        logprobs: Sequence[float],
        draft: Sequence[int] = (),
    ) -> Iterator[tuple[Task, Generated | Failure]]:
        """Add tokens to a row. If they complete the answer, yield it and free the row.

        A token after the first counts only if the model also chose the draft token before it. A
        token whose probability is not finite ends the window without an answer.
        """
        row = self._rows[number]
        assert row is not None
        for token, logprob, drafted in zip_longest(tokens, logprobs, draft):
            if not math.isfinite(logprob):
                self._rows[number] = None
                self._cache.clear([number])
                yield row.task, "not_finite"
                return
            row.tokens.append(token)
            row.logprobs.append(logprob)
            if self._is_complete(row.tokens):
                self._rows[number] = None
                self._drafts.learn(row.tokens, row.learnt)
                text = self._model.decode(row.tokens)
                written = tuple(row.tokens), tuple(row.logprobs)
                yield row.task, Generated(text, *written, row.evidence, row.hidden)
                return
            if token != drafted:
                return

    def _is_complete(self, tokens: list[int]) -> bool:
        """Return whether the tokens are a complete answer."""
        return (
            tokens[-1] in self._model.eos
            or len(tokens) == self._settings.max_new_tokens
            or (self._closes_list(tokens[-1]) and is_complete(self._model.decode(tokens)))
        )


def next_group(
    waiting: deque[Task], source: Iterator[Task], most: int, clock: Stopwatch
) -> list[Task]:
    """Take tasks with the same number of frames, and thus the same prompt, once their frames are
    decoded.

    Args:
        waiting: tasks that come first. If a task from the source has another number of frames, it
            is added to `waiting` for the next group.
        source: further tasks.
        most: largest number of tasks in a group.
        clock: stopwatch for the wait.
    """
    with clock.timing("waiting for frames"):
        waiting.extend(islice(source, max(0, most - len(waiting))))
    group: list[Task] = []
    while waiting and len(group) < most:
        if group and frames_in(waiting[0]) != frames_in(group[0]):
            break
        group.append(waiting.popleft())
    return group


def to_float16(hidden: torch.Tensor) -> np.ndarray:
    """Convert hidden states to float16 on the CPU. Clamp values beyond its range."""
    most = torch.finfo(torch.float16).max
    kept: np.ndarray = hidden.float().clamp(-most, most).to("cpu", torch.float16).numpy()
    return kept


def frames_in(task: Task) -> int:
    """Count the frames of a window."""
    return sum(len(picture.times) for picture in task.pictures)


def _features(task: Task) -> list[torch.Tensor]:
    """Return the features of a task's encoded pictures."""
    return [picture.features for picture in task.pictures if picture.features is not None]
