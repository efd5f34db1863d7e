"""Computation in threads ahead of the consumer, in order and with bounded memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from queue import Empty, Queue, SimpleQueue
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class _Done:
    """Mark of the end of a job's results, with the error that ended the job, if any."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def work_ahead(
    jobs: Iterable[Job], workers: Sequence[Callable[[Job], Iterator[Result]]], bound: int
) -> Iterator[Result]:
    """Yield the results of all jobs, in the order of the jobs, from one thread per worker.

    The threads start when the first result is requested. They then work on up to `len(workers) + 1`
    jobs ahead of the caller, with up to `bound` waiting results per job. Closing the iterator early
    ends the threads, after the results that they are computing.

    Args:
        jobs: the jobs. Each job is taken only shortly before it starts.
        workers: functions that turn a job into results. Each runs in its own thread.
        bound: maximum number of waiting results per job, at least 2.

    Raises:
        Exception: an error of a worker, in place of the missing result.
    """
    tasks: SimpleQueue[tuple[Job, Queue[Result | _Done]] | None] = SimpleQueue()
    closed = threading.Event()

    def serve(work: Callable[[Job], Iterator[Result]]) -> None:
        while (task := tasks.get()) is not None:
            job, results = task
            done = _Done()
            try:
                for result in work(job):
                    if closed.is_set():
                        break
                    results.put(result)
            except BaseException as error:
                done = _Done(error)
            results.put(done)

    # The threads are daemons, so that the interpreter can end while this iterator is unfinished.
    threads = [threading.Thread(target=serve, args=(work,), daemon=True) for work in workers]
    pending: deque[Queue[Result | _Done]] = deque()

    def submit(count: int) -> None:
        for job in islice(upcoming, count):
            pending.append(Queue(bound))
            tasks.put((job, pending[-1]))

    upcoming = iter(jobs)
    for thread in threads:
        thread.start()
    try:
        submit(len(workers) + 1)
        while pending:
            submit(1)
            while not isinstance(result := pending[0].get(), _Done):
                yield result
            if result.error is not None:
                raise result.error
            pending.popleft()
    finally:
        closed.set()
        _empty(tasks)
        for _ in threads:
            tasks.put(None)
        # A thread may wait for room in its queue: first for its result, then for the end mark.
        for results in pending:
            _empty(results)
        for thread in threads:
            thread.join()


def start_first(results: Iterator[Result]) -> Iterator[Result]:
    """Return the same results, with the first one already being computed in a thread."""
    executor = ThreadPoolExecutor(1)
    first = executor.submit(lambda: list(islice(results, 1)))
    executor.shutdown(wait=False)

    def all_results() -> Iterator[Result]:
        yield from first.result()
        yield from results

    return all_results()


def _empty(queue: SimpleQueue[Result] | Queue[Result]) -> None:
    """Remove all items from a queue."""
    with suppress(Empty):
        while True:
            queue.get_nowait()
