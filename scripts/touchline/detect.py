"""One slice of a video through a model: every window in, a record of every window out."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from touchline.answers import parse_answer
from touchline.config import GenerationSettings, ImageSettings
from touchline.frames import Frame, sample_frames
from touchline.generated import Generated, mean_probability, score_events
from touchline.images import Fit
from touchline.records import Manifest, RawAnswer, Status, WindowRecord
from touchline.windows import Window

log = logging.getLogger(__name__)

_ATTEMPTS = 2  # a window that does not fit into memory is tried once more
_LOG_EVERY = 10.0  # seconds


class Answerer(Protocol):
    """What the detector needs of a loaded model."""

    def pixels(self, picture: torch.Tensor, fit: Fit) -> torch.Tensor: ...

    def answer(
        self,
        pixels: Sequence[torch.Tensor],
        prompt: str,
        settings: GenerationSettings,
        seed: int,
    ) -> Generated: ...

    def decode(self, tokens: Sequence[int]) -> str: ...


@dataclass(frozen=True)
class Question:
    """What is asked of every window."""

    prompt: str
    image: ImageSettings
    generation: GenerationSettings


@dataclass(frozen=True)
class _Shown:
    """A frame as the model sees it."""

    time: float
    pixels: torch.Tensor


def detect(
    path: Path,
    manifest: Manifest,
    windows: Sequence[Window],
    question: Question,
    model: Answerer,
) -> Iterator[WindowRecord]:
    """Ask the model about each window, in order, decoding the video once.

    Args:
        path: where the video is now.
        windows: of one slice.

    Yields:
        A record a window: also of those without an event, without frames, or skipped.
    """
    times = sorted({time for window in windows for time in window.times})
    frames = sample_frames(path, times, manifest.start_time, question.image.max_size)
    started, logged, events = time.monotonic(), time.monotonic(), 0
    for done, (window, shown) in enumerate(_with_frames(windows, frames, question, model), 1):
        record = _ask(window, shown, manifest.video, question, model)
        events += len(record.events)
        yield record
        if time.monotonic() - logged > _LOG_EVERY or done == len(windows):
            logged = time.monotonic()
            rate = done / (logged - started)
            log.info(
                "%d of %d windows, %.2f a second, %d s left, %d events",
                done,
                len(windows),
                rate,
                (len(windows) - done) / rate,
                events,
            )


def _with_frames(
    windows: Sequence[Window], frames: Iterator[Frame], question: Question, model: Answerer
) -> Iterator[tuple[Window, list[_Shown]]]:
    """Each window with its frames, each frame fitted to the model once and kept while needed."""
    ready: dict[float, _Shown] = {}
    upcoming = next(frames, None)
    for window in windows:
        ready = {wanted: shown for wanted, shown in ready.items() if wanted >= window.start}
        while upcoming is not None and upcoming.wanted < window.end:
            ready[upcoming.wanted] = _Shown(
                upcoming.time, model.pixels(upcoming.picture, question.image.fit)
            )
            upcoming = next(frames, None)
        yield window, [ready[wanted] for wanted in window.times if wanted in ready]


def _ask(
    window: Window, shown: Sequence[_Shown], video: int, question: Question, model: Answerer
) -> WindowRecord:
    started = time.monotonic()

    def record(status: Status, attempts: int, **answered: Any) -> WindowRecord:
        return WindowRecord(
            window=window.index,
            start=window.start,
            end=window.end,
            frame_times=[frame.time for frame in shown],
            status=status,
            attempts=attempts,
            seconds=round(time.monotonic() - started, 3),
            **answered,
        )

    if not shown:
        log.warning("Window %.3f-%.3f s: the video has no frame there.", window.start, window.end)
        return record("no_frames", 0)
    for attempt in range(1, _ATTEMPTS + 1):
        generated = _generate(window, shown, video, question, model)
        if generated is not None:
            answer = parse_answer(generated.text)
            return record(
                answer.status,
                attempt,
                text=generated.text,
                events=score_events(answer.events, generated, model.decode),
                score=mean_probability(generated.logprobs),
                tokens=len(generated.tokens),
            )
        # Outside the except block, whose traceback keeps the tensors alive.
        torch.cuda.empty_cache()
    log.warning("Window %.3f-%.3f s does not fit into memory: skipped.", window.start, window.end)
    return record("skipped_oom", _ATTEMPTS)


def _generate(
    window: Window, shown: Sequence[_Shown], video: int, question: Question, model: Answerer
) -> Generated | None:
    """The model's answer; None where memory ran out."""
    try:
        return model.answer(
            [frame.pixels for frame in shown],
            question.prompt,
            question.generation,
            window_seed(question.generation.seed, video, window.start),
        )
    except torch.OutOfMemoryError:
        return None


def window_seed(seed: int, video: int, start: float) -> int:
    """Random numbers of a window's own: the same in any slice, batch or attempt."""
    digest = hashlib.sha256(f"{seed} {video} {start:.3f}".encode()).digest()
    return int.from_bytes(digest[:8]) >> 1  # torch takes 63 bits


def partial_of(records: Sequence[WindowRecord]) -> list[RawAnswer]:
    """The answers that are not "none", as the partial file lists them."""
    return [
        RawAnswer(time=record.start, raw=record.text)
        for record in records
        if record.status in ("events", "unparsed")
    ]
