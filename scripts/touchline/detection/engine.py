"""Answers to many windows at a time, in smaller batches when memory runs out."""

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

# Of a window that does not fit into memory even when it is the only one.
_ATTEMPTS_ALONE = 2


class AnswersBatch(Protocol):
    """A batch of windows: `scheduler.Batch` for our families, `library_batch.LibraryBatch`."""

    def run(
        self, waiting: deque[Task], source: Iterator[Task]
    ) -> Iterator[tuple[Task, Generated | Failure]]:
        """Answer the tasks that wait, then those of the source.

        Raises:
            torch.OutOfMemoryError: Then `unfinished` has the tasks to do again.
        """

    def unfinished(self) -> list[Task]:
        """Return the tasks in work."""


class BatchedAnswering:
    """Answers tasks in batches, in smaller ones when memory runs out.

    Args:
        new_batch: makes a batch; its argument `rows` is the number of windows in work at a time.

    Attributes:
        rows: windows in work at a time, now.
    """

    def __init__(self, new_batch: Callable[..., AnswersBatch], rows: int) -> None:
        self._new_batch, self.rows = new_batch, rows

    def answers(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Generated | Failure]]:
        """Answer tasks; gives each when it is done, which may be out of order."""
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
            # Outside the except block, whose traceback keeps the tensors alive.
            del batch
            give_memory_back()
            waiting.extendleft(reversed(lost))
            if self.rows > 1:
                self.rows //= 2
                log.warning("Out of memory: going on with %d windows at a time.", self.rows)
                continue
            waiting[0].alone += 1
            if waiting[0].alone == _ATTEMPTS_ALONE:
                yield waiting.popleft(), "skipped_oom"


class Answering(BatchedAnswering):
    """Answers with a family of ours.

    Args:
        candidates: what is weighed before each answer, or instead of it.
        keeps_hidden: whether each answer comes with the hidden state behind its prompt.
    """

    def __init__(
        self,
        model: VideoLanguageModel,
        settings: GenerationSettings,
        *,
        rows: int,
        pictures: int,
        clock: Stopwatch,
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
            drafts=Drafts(),
            keeps_hidden=keeps_hidden,
        )
        super().__init__(new_batch, rows)


class LibraryAnswering(BatchedAnswering):
    """Answers with the library's own generate.

    Args:
        keeps_hidden: whether each answer comes with the hidden state behind its prompt.
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
