"""The supply of training batches: many processes draw windows, and the device stores them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count
from multiprocessing import get_context

import torch

from demo.training.windows import FRAMES, View, Windows, joined, windows_of

PER_MATCH = 24  # windows per match


class Painters:
    """Processes that draw the windows of generated matches, whose seeds are `first`, `first` + 1, …

    Start them first. They are forked and must not inherit a GPU or threads.
    """

    def __init__(self, workers: int, first: int, view: View) -> None:
        self._view = view
        self._seeds = count(first)
        self._ahead = 3 * workers
        self._executor = ProcessPoolExecutor(
            workers, mp_context=get_context("fork"), initializer=_be_one_quiet_thread
        )
        self._pending: set[Future[dict[int, Windows]]] = set()

    def held_out(self, seeds: range) -> list[Windows]:
        """Return the windows of other matches, one group per number of frames."""
        drawn = self._executor.map(
            windows_of, seeds, [PER_MATCH] * len(seeds), [self._view] * len(seeds)
        )
        self._fill()
        return joined(drawn)

    def ready(self, block: bool = False) -> Iterator[Windows]:
        """Return the windows drawn since the last call.

        With `block`, wait until the windows of one match are drawn.
        """
        self._fill()
        done, self._pending = wait(self._pending, None if block else 0, return_when=FIRST_COMPLETED)
        for job in done:
            yield from job.result().values()

    def _fill(self) -> None:
        while len(self._pending) < self._ahead:
            job = self._executor.submit(windows_of, next(self._seeds), PER_MATCH, self._view)
            self._pending.add(job)

    def stop(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)


def _be_one_quiet_thread() -> None:
    torch.set_num_threads(1)
    os.nice(5)


class Pool:
    """The most recent windows, on the device. A new window replaces the oldest one.

    Args:
        picture: shape of a frame.

    Attributes:
        drawn: number of all windows that were ever added.
    """

    def __init__(
        self,
        capacity: int,
        picture: tuple[int, ...],
        answer_length: int,
        device: torch.device,
    ) -> None:
        self.drawn = 0
        self._capacity = capacity
        # Most windows have all frames. The others need less memory.
        self._room = {n: capacity if n == max(FRAMES) else capacity // 4 for n in FRAMES}
        self._count = dict.fromkeys(FRAMES, 0)
        self._pixels = {
            n: torch.empty((room, n, *picture), dtype=torch.uint8, device=device)
            for n, room in self._room.items()
        }
        self._answers = {
            n: torch.empty((room, answer_length), dtype=torch.long, device=device)
            for n, room in self._room.items()
        }

    def put(self, pixels: torch.Tensor, answers: torch.Tensor) -> None:
        """Add windows: uint8 [windows, frames, 3, H, W] and token ids [windows, length]."""
        frames = pixels.shape[1]
        device = self._pixels[frames].device
        start, room = self._count[frames], self._room[frames]
        places = (torch.arange(start, start + len(pixels)) % room).to(device)
        self._pixels[frames][places] = pixels.to(device)
        self._answers[frames][places] = answers.to(device)
        self._count[frames] += len(pixels)
        self.drawn += len(pixels)

    def has_all(self) -> bool:
        """Return whether there are windows of every number of frames."""
        return all(self._count.values())

    def draw(self, frames: int, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the pixels and answers of a random batch."""
        pixels, answers = self._pixels[frames], self._answers[frames]
        filled = min(self._count[frames], self._room[frames])
        chosen = torch.randint(filled, (batch,), device=pixels.device)
        return pixels[chosen], answers[chosen]
