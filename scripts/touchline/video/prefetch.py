"""Work that threads do ahead of whoever takes the results, in order and within bounds."""

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
    """Closes the results of a job, with the error that ended it if one did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(
    jobs: Iterable[Job], workers: Sequence[Callable[[Job], Iterator[Result]]], bound: int
) -> Iterator[Result]:
    """The results of every job, in the order of the jobs, made by one thread a worker.

    The threads start with the first result that is asked for. They are then ahead by one
    job a worker and one more, and by `bound` results in each. Closing the iterator early
    ends the threads; it waits for the results that they are at.

    Args:
        jobs: taken one by one, as they come near.
        workers: what turns a job into results; each runs in a thread of its own.
        bound: results of one job that may wait to be taken, at least 2.

    Raises:
        Exception: what a worker raises, in the place of the result that it did not give.
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

    # Daemons: an interpreter that ends with this iterator unfinished must not wait for them.
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
        # A thread may wait for room: for the result it has in hand, then for the end mark.
        for results in pending:
            _empty(results)
        for thread in threads:
            thread.join()


def begun(results: Iterator[Result]) -> Iterator[Result]:
    """The same results, the first of which a thread has been asked for by now."""
    executor = ThreadPoolExecutor(1)
    first = executor.submit(lambda: list(islice(results, 1)))
    executor.shutdown(wait=False)

    def all_of_them() -> Iterator[Result]:
        yield from first.result()
        yield from results

    return all_of_them()


def _empty(queue: SimpleQueue[Result] | Queue[Result]) -> None:
    with suppress(Empty):
        while True:
            queue.get_nowait()
