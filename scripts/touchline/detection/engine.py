"""Answer many windows at a time, in smaller batches if memory runs out."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Protocol

import torch

from touchline.detection.drafts import Drafts
from touchline.detection.library_batch import LibraryBatch
from touchline.detection.scheduler import Batch, Failure, Task
from touchline.detection.scoring import Generated
from touchline.detection.stopwatch import Stopwatch
from touchline.inputs.settings import GenerationSettings
from touchline.models.candidate_tree import CandidateTree
from touchline.models.cuda import give_memory_back

if TYPE_CHECKING:
    from touchline.models.families.base import VideoLanguageModel
    from touchline.models.families.generic import Generic

log = logging.getLogger(__name__)

# Attempts for a window that does not fit into memory alone.
_ATTEMPTS_ALONE = 2


class AnswersBatch(Protocol):
    """A batch of windows.

    It is a `scheduler.Batch`, or a `library_batch.LibraryBatch` for generic models.
    """

    def run(
        self, waiting: deque[Task], source: Iterator[Task]
    ) -> Iterator[tuple[Task, Generated | Failure]]:
        """Answer the waiting tasks, then the tasks of the source.

        Raises:
            torch.OutOfMemoryError: Memory ran out. `unfinished` returns the tasks to repeat.
        """

    def unfinished(self) -> list[Task]:
        """Return the tasks in progress."""


class BatchedAnswering:
    """Batched answering of tasks, in smaller batches if memory runs out.

    Args:
        new_batch: function that makes a batch; its argument `rows` is the number of windows at a
            time.
        rows: number of windows at a time.

    Attributes:
        rows: current number of windows at a time.
    """

    def __init__(self, new_batch: Callable[..., AnswersBatch], rows: int) -> None:
        self._new_batch, self.rows = new_batch, rows

    def answers(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Generated | Failure]]:
        """Answer tasks.

        Yield each task with its answer as soon as it is done, possibly out of order.
        """
        waiting: deque[Task] = deque()
        source = iter(tasks)
        while True:
            waiting.extend(islice(source, max(0, 1 - len(waiting))))
            if not waiting:
                return
            batch, lost = None, []
            try:
                batch = self._new_batch(rows=self.rows)
                yield from batch.run(waiting, source)
            except torch.OutOfMemoryError:
                lost = batch.unfinished() if batch else []
            else:
                return
            # Run this outside the except block, because its traceback keeps the tensors alive.
            del batch
            give_memory_back()
            waiting.extendleft(reversed(lost))
            if self.rows > 1:
                self.rows //= 2
                log.warning("Out of memory. Continuing with %d windows at a time.", self.rows)
                continue
            waiting[0].alone += 1
            if waiting[0].alone == _ATTEMPTS_ALONE:
                yield waiting.popleft(), "skipped_oom"


class Answering(BatchedAnswering):
    """Batched answering with this project's own implementation of a model family.

    Args:
        model: the loaded model.
        settings: settings of the answers.
        rows: number of windows at a time.
        pictures: largest number of pictures per window.
        clock: stopwatch for the steps.
        drafts: drafts of next tokens, which learn from the answers; None to begin without examples.
        candidates: candidate answers whose likelihood is computed as evidence; None for no
            evidence.
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
        drafts: Drafts | None = None,
        candidates: CandidateTree | None = None,
        keeps_hidden: bool = False,
    ) -> None:
        new_batch = partial(
            Batch,
            model,
            settings,
            pictures=pictures,
            clock=clock,
            candidates=candidates,
            drafts=drafts or Drafts(),
            keeps_hidden=keeps_hidden,
        )
        super().__init__(new_batch, rows)


class LibraryAnswering(BatchedAnswering):
    """Batched answering with the transformers library's own `generate`.

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
        new_batch = partial(LibraryBatch, model, settings, clock=clock, keeps_hidden=keeps_hidden)
        super().__init__(new_batch, rows)
