"""Answer batches of windows with the library's own `generate`, for models of the family generic.

A batch ends with its longest answer. Every call has the same number of windows. So the arithmetic
of an answer has the same shapes and rounding in every batch, and also after an interruption.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch

from touchline.answers.parsing import is_complete
from touchline.detection.sampling import choose
from touchline.detection.scheduler import Failure, Task, next_group, to_float16
from touchline.detection.scoring import Generated
from touchline.detection.stopwatch import Stopwatch
from touchline.inputs.settings import GenerationSettings

if TYPE_CHECKING:
    from touchline.models.families.generic import Generic, WrittenAnswer


class LibraryBatch:
    """Windows that are answered together. The next windows follow when all of them are done.

    Args:
        model: the loaded model.
        settings: settings of the answers.
        rows: number of windows at a time.
        clock: stopwatch for the steps.
        keeps_hidden: whether each answer is kept together with the hidden state after its prompt.
    """

    def __init__(
        self,
        model: Generic,
        settings: GenerationSettings,
        *,
        rows: int,
        clock: Stopwatch,
        keeps_hidden: bool = False,
    ) -> None:
        self._model, self._settings, self._clock = model, settings, clock
        self._keeps_hidden = keeps_hidden
        self._most = rows
        self._working: list[Task] = []

    def run(
        self, waiting: deque[Task], source: Iterator[Task]
    ) -> Iterator[tuple[Task, Generated | Failure]]:
        """Answer the waiting tasks, then the tasks of the source.

        Raises:
            torch.OutOfMemoryError: memory ran out. `unfinished` returns the tasks to repeat.
        """
        while True:
            self._working = next_group(waiting, source, self._most, self._clock)
            if not self._working:
                return
            for task in self._working:
                task.attempts += 1
            with self._clock.timing("generate"):
                written = self._answer(self._working)
            done, self._working = self._working, []
            for task, answer in zip(done, written, strict=False):
                yield task, self._generated(answer)

    def unfinished(self) -> list[Task]:
        """Return the tasks in progress."""
        return self._working

    def _answer(self, tasks: Sequence[Task]) -> list[WrittenAnswer]:
        """Answer tasks with the same number of frames, padded with repeats to the size of the
        batch.
        """
        padded = [*tasks, *[tasks[-1]] * (self._most - len(tasks))]
        uniforms = torch.stack([task.uniforms for task in padded]).to(self._model.device)
        return self._model.generate(
            [
                torch.cat([each.pixels for each in task.pictures if each.pixels is not None])
                for task in padded
            ],
            self._settings.max_new_tokens,
            choose=lambda logits, step: choose(logits, self._settings, uniforms[:, step]),
            is_complete=self._is_complete,
            keeps_hidden=self._keeps_hidden,
        )

    def _is_complete(self, tokens: Sequence[int]) -> bool:
        """Return whether the tokens are a complete list of events."""
        decode = self._model.decode
        return "]" in decode(tokens[-1:]) and is_complete(decode(tokens))

    def _generated(self, answer: WrittenAnswer) -> Generated | Failure:
        """Convert an answer, or return a failure if a probability is not finite."""
        if not all(map(math.isfinite, answer.logprobs)):
            return "not_finite"
        text = self._model.decode(answer.tokens)
        hidden = None if answer.hidden is None else to_float16(answer.hidden)
        return Generated(text, answer.tokens, answer.logprobs, hidden=hidden)
