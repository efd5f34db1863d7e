"""Ask a model about every window of a slice, and record the outcome of each window."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from touchline.answers.asked import PromptContent
from touchline.answers.parsing import parse_answer
from touchline.core.records import UNANSWERED, Status, WindowOutcome
from touchline.detection.batch_size import peak_memory
from touchline.detection.engine import BatchedAnswering
from touchline.detection.sampling import random_numbers
from touchline.detection.scheduler import Failure, Picture, Task
from touchline.detection.scoring import Generated, mean_probability, score_events
from touchline.inputs.settings import GenerationSettings
from touchline.inputs.windows import Window
from touchline.video.sampler import Frame

if TYPE_CHECKING:
    from touchline.detection.server import ServerAnswering
    from touchline.models.families.base import AnsweringModel

log = logging.getLogger(__name__)

_REASONS: dict[Failure, str] = {
    "skipped_oom": "does not fit into memory",
    "not_finite": "has no finite answer, because the numbers are too large for the model's "
    "arithmetic (float16 holds up to 65,504; set dtype: float32)",
}


def detect(
    windows: Sequence[Window],
    frames: Iterator[Frame],
    model: AnsweringModel,
    *,
    answering: BatchedAnswering,
    settings: GenerationSettings,
    video: int,
    asked: PromptContent,
    candidates: Sequence[str] = (),
) -> Iterator[WindowOutcome]:
    """Ask a model about windows.

    Args:
        windows: windows of one slice, by time.
        frames: frames of the windows, by time, already fitted for the model.
        model: the loaded model.
        answering: the batches that answer the windows.
        settings: settings of the answers.
        video: number of the video. A window's random numbers depend on it.
        asked: content of the prompt.
        candidates: names of the candidates for evidence, in their order.

    Yields:
        One outcome per window, as soon as it is known and possibly out of order. Skipped windows
        and windows without events or frames have outcomes, too.
    """
    most_tokens = settings.max_new_tokens
    unseen: list[WindowOutcome] = []
    shown: dict[int, Window] = {}

    def tasks() -> Iterator[Task]:
        """Yield a task per window with frames, and note windows without frames."""
        for window, pictures in _with_pictures(windows, frames, model):
            if pictures:
                shown[window.index] = window
                numbers = random_numbers(settings.seed, video, window.start, most_tokens)
                yield Task(window.index, pictures, numbers)
            else:
                unseen.append(_record(window, [], "no_frames", 0))

    for task, generated in answering.answers(tasks()):
        window = shown.pop(task.index)
        times = [time for picture in task.pictures for time in picture.times]
        if isinstance(generated, Generated):
            status, found = _parse_generated(generated, model, asked, most_tokens)
            weights = zip(candidates, generated.evidence, strict=False)
            found["evidence"] = {name: round(weight, 6) for name, weight in weights}
            if generated.hidden is not None:
                found["features"] = generated.hidden.tobytes()
            yield _record(window, times, status, task.attempts, **found)
        else:
            log.warning(
                "Window %d (%.3f-%.3f s) %s. It is skipped.",
                window.index,
                window.start,
                window.end,
                _REASONS[generated],
            )
            yield _record(window, times, generated, task.attempts)
    if unseen:
        log.warning(
            "%d windows have no frames. The first starts at %.3f s, the last at %.3f s.",
            len(unseen),
            unseen[0].start,
            unseen[-1].start,
        )
    yield from unseen


def _with_pictures(
    windows: Sequence[Window], frames: Iterator[Frame], model: AnsweringModel
) -> Iterator[tuple[Window, list[Picture]]]:
    """Yield each window with its pictures. Overlapping windows share pictures."""
    # Frames that later windows may show, and pictures made of these frames, by requested time.
    kept: dict[float, Frame] = {}
    ready: dict[tuple[float, ...], Picture] = {}
    upcoming = next(frames, None)
    for window in windows:
        kept = {wanted: frame for wanted, frame in kept.items() if wanted >= window.start}
        ready = {wanted: picture for wanted, picture in ready.items() if wanted[0] >= window.start}
        while upcoming is not None and upcoming.wanted < window.end:
            kept[upcoming.wanted] = upcoming
            upcoming = next(frames, None)
        shown = [wanted for wanted in window.times if wanted in kept]
        groups = [
            tuple(shown[first : first + model.frames_per_picture])
            for first in range(0, len(shown), model.frames_per_picture)
        ]
        for group in groups:
            if group not in ready:
                ready[group] = _picture([kept[wanted] for wanted in group], model)
        yield window, [ready[group] for group in groups]


def _picture(frames: list[Frame], model: AnsweringModel) -> Picture:
    """Combine frames into one picture for the model."""
    pixels = [frame.picture for frame in frames]
    # Pair the last odd frame with a copy of itself.
    missing = model.frames_per_picture - len(frames)
    times = tuple(frame.time for frame in frames)
    return Picture(times, torch.stack([*pixels, *[pixels[-1]] * missing]))


def _parse_generated(
    generated: Generated, model: AnsweringModel, asked: PromptContent, most_tokens: int
) -> tuple[Status, dict[str, Any]]:
    """Parse an answer. Return the status of the window and the fields of its record."""
    if not generated.tokens:
        return "weighed", {}
    answer = parse_answer(generated.text, asked, len(generated.tokens) == most_tokens)
    return answer.status, {
        "text": generated.text,
        "events": score_events(answer.events, generated, model.decode),
        "score": mean_probability(generated.logprobs),
        "tokens": len(generated.tokens),
    }


def _record(
    window: Window, times: list[float], status: Status, attempts: int, **found: Any
) -> WindowOutcome:
    """Return the record of a window."""
    return WindowOutcome(
        window=window.index,
        start=window.start,
        end=window.end,
        frame_times=times,
        status=status,
        attempts=attempts,
        **found,
    )


def _format_duration(seconds: float) -> str:
    """Format a duration in a convenient unit."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"


class SliceProgress:
    """A logger that writes a slice's progress every few seconds.

    Without a GPU, it also estimates the remaining time once.

    Args:
        total: number of windows in the slice.
        done: number of windows that an earlier attempt answered.
        every: seconds between two log lines.
    """

    def __init__(self, total: int, done: int, every: float = 10.0) -> None:
        self._total, self._earlier, self._every = total, done, every
        self._done = self._events = self._skipped = 0
        self._started = self._logged = time.monotonic()
        self._estimated = torch.cuda.is_available()

    def count(self, record: WindowOutcome, answering: BatchedAnswering | ServerAnswering) -> None:
        """Count a finished window, and log the progress if a line is due."""
        self._done += 1
        self._events += len(record.events)
        self._skipped += record.status in UNANSWERED
        now, left = time.monotonic(), self._total - self._earlier - self._done
        rate = self._done / max(now - self._started, 1e-9)
        # The first batch finishes at about one time, so there is no rate before its end.
        if left and not self._estimated and self._done >= answering.rows:
            self._estimated = True
            time_left = _format_duration(left / rate)
            log.info("The remaining %d windows will take about %s.", left, time_left)
        if now - self._logged < self._every and left:
            return
        self._logged = now
        log.info(
            "%d of %d windows, %.2f per second, %.0f s left, %d events, %d skipped, %d at a time, "
            "peak %.1f GB of %s",
            self._earlier + self._done,
            self._total,
            rate,
            left / rate,
            self._events,
            self._skipped,
            answering.rows,
            *peak_memory(),
        )
