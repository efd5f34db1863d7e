"""A worker: one slice of a video from its journal, through a GPU, to records of all windows."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from touchline.answers.parsing import parse_prompt
from touchline.core.gpu_lease import lease_gpu, release_gpu
from touchline.core.records import Manifest, ServerOrigin, WindowOutcome
from touchline.detection.journal import Journal, journal_key
from touchline.detection.stopwatch import Stopwatch
from touchline.errors import InputError, plain
from touchline.inputs.candidates import Candidate, make_candidates
from touchline.inputs.fingerprint import fingerprint
from touchline.inputs.served import Access, ServedModel, estimate_prompt_tokens
from touchline.inputs.settings import BatchSettings, GenerationSettings, ImageSettings
from touchline.inputs.windows import Window
from touchline.models.cuda import check_usable, give_memory_back, has_room_beside
from touchline.models.lean_imports import without_collecting
from touchline.weights.checkpoints import begin_reading, checkpoint_files, read_family

if TYPE_CHECKING:
    from touchline.models.families.base import AnsweringModel, Footage
    from touchline.models.families.generic import Generic
    from touchline.video.sampler import Frame

log = logging.getLogger(__name__)

# The fields of a manifest that decide what a model is shown.
_SHAPING = {
    *("video", "fingerprint", "start_time", "stream", "restarts", "no_pictures", "pixel_aspect")
}

# Frames that wait to be shown to the model: some seconds of a GPU's work.
_FITTED_AHEAD = 128


@dataclass(frozen=True)
class Question:
    """What a model is asked about every window, and how it answers.

    Attributes:
        checkpoint: folder of the model, or the model of a server.
        classes: that are weighed, beside "none"; empty without `generation.evidence`.
        fps: frames a second of a window.
        frames: most that a window has.
        version: raised by the user to have everything answered again.
        keeps_features: whether the hidden state behind each prompt is kept, to learn from.
    """

    prompt: str
    checkpoint: Path | ServedModel
    dtype: Literal["auto", "bfloat16", "float16", "float32"]
    image: ImageSettings
    generation: GenerationSettings
    fps: float
    frames: int
    version: int
    classes: tuple[str, ...] = ()
    keeps_features: bool = False

    @property
    def candidates(self) -> list[Candidate]:
        """What is weighed in every window."""
        return make_candidates(self.prompt, self.classes) if self.generation.evidence else []


@dataclass(frozen=True)
class Server:
    """The server of a model, and what is done once it names what it runs.

    Attributes:
        on_report: called with that name, and again if it changes.
    """

    access: Access
    on_report: Callable[[ServerOrigin], None]


def answer_windows(
    path: Path,
    manifest: Manifest,
    windows: Sequence[Window],
    question: Question,
    *,
    journal_folder: Path,
    batch: BatchSettings,
    threads: int,
    server: Server | None = None,
) -> list[WindowOutcome]:
    """Answer the windows of a slice, going on from where an earlier attempt ended.

    Each answer is in the journal as soon as it is known. Once the caller has written the
    records, `journal_folder` can go.

    Args:
        path: where the video is now.
        threads: for decoding, and for arithmetic on the CPU.
        server: of a model that a server runs.

    Returns:
        one record for each window, in their order.
    """
    journal = Journal(journal_folder, _key(manifest, windows, question))
    records = journal.read(with_features=question.keeps_features)
    missing = [window for window in windows if window.index not in records]
    if records:
        log.info("%d of %d windows are already answered.", len(records), len(windows))
    if missing:
        total = len(windows)
        if server is not None:
            answered = _asked(
                path, manifest, missing, question, server=server, threads=threads, total=total
            )
        else:
            answered = _answered(
                path, manifest, missing, question, batch=batch, threads=threads, total=total
            )
        with journal.writing() as writer, closing(answered):
            for record in answered:
                writer.add(record)
                records[record.window] = record
        give_memory_back()
        release_gpu()
    return [records[window.index] for window in windows]


def _answered(
    path: Path,
    manifest: Manifest,
    windows: Sequence[Window],
    question: Question,
    *,
    batch: BatchSettings,
    threads: int,
    total: int,
) -> Generator[WindowOutcome]:
    """Answer windows; what needs no GPU is done before one is leased, beside its last worker.

    Args:
        total: windows of the slice, those too that are answered already.
    """
    clock, generation, checkpoint = Stopwatch(), question.generation, question.checkpoint
    assert isinstance(checkpoint, Path)
    # On a CPU an answer must not depend on where in memory its row lies.
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
    begin_reading(checkpoint)
    with clock.timing("imports"), without_collecting():
        import torch

        from touchline.detection.batch_size import rows_that_fit
        from touchline.detection.detect import SliceProgress, detect
        from touchline.detection.engine import Answering, BatchedAnswering, LibraryAnswering
        from touchline.models.families import family
        from touchline.video.prefetch import ahead, begun

        # Decoding begins while the model loads.
        frames = _frames(path, manifest, windows, question, threads)
        kind = family(read_family(checkpoint))
        from touchline.models.families.base import VideoLanguageModel

    def load() -> AnsweringModel:
        return kind(
            checkpoint,
            question.prompt,
            _footage(manifest, question),
            question.dtype,
            generation.max_new_tokens,
        )

    def fitted(frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            yield replace(frame, picture=model.pixels(frame.picture, question.image.fit))

    def load_early(gpu: str) -> None:
        try:
            check_usable(gpu)
            if has_room_beside(checkpoint):
                early.append(load())
        # Another worker holds the GPU. It may refuse to share it, or leave no room on it. A fault
        # that lasts is reported once this worker holds the lease.
        except (InputError, RuntimeError) as error:
            log.info("The model is loaded when the GPU is leased: %s", plain(error))

    early: list[AnsweringModel] = []
    with clock.timing("waiting for a GPU"):
        gpu = lease_gpu(get_ready=load_early)
    with clock.timing("load"):
        check_usable(gpu)
        model = early.pop() if early else load()
        # Beside a GPU torch only fits frames, one by one: its threads would crowd out the decoders.
        torch.set_num_threads(threads if model.device.type == "cpu" else 1)
        ready = begun(ahead([frames], [fitted], _FITTED_AHEAD))
        most = math.ceil(max(len(w.times) for w in windows) / kind.frames_per_picture)
        rows = rows_that_fit(model, most, generation.max_new_tokens, batch.windows)
        rows, candidates = min(total, rows), question.candidates
        answering: BatchedAnswering
        if isinstance(model, VideoLanguageModel):
            tree = None
            if candidates:
                tree = model.tree_of((each.text, each.decided) for each in candidates)
            answering = Answering(
                model,
                generation,
                rows=rows,
                pictures=most,
                clock=clock,
                candidates=tree,
                keeps_hidden=question.keeps_features,
            )
        else:
            answering = LibraryAnswering(
                cast("Generic", model),
                generation,
                rows=rows,
                clock=clock,
                keeps_hidden=question.keeps_features,
            )

    progress = SliceProgress(total, total - len(windows))
    for record in detect(
        windows,
        ready,
        model,
        answering=answering,
        settings=generation,
        video=manifest.video,
        asked=parse_prompt(question.prompt),
        candidates=[candidate.name for candidate in candidates],
    ):
        yield record
        progress.count(record, answering)
    log.info("Time: %s.", clock)


def _asked(
    path: Path,
    manifest: Manifest,
    windows: Sequence[Window],
    question: Question,
    *,
    server: Server,
    threads: int,
    total: int,
) -> Generator[WindowOutcome]:
    """Ask a server about windows.

    Args:
        total: windows of the slice, those too that are answered already.
    """
    assert isinstance(question.checkpoint, ServedModel)
    with without_collecting():
        from touchline.detection.detect import SliceProgress
        from touchline.detection.server import ServerAnswering

        frames = _frames(path, manifest, windows, question, threads)
    answering = ServerAnswering(
        question.checkpoint, server.access, question.generation, question.prompt, server.on_report
    )
    each = estimate_prompt_tokens(question.prompt, question.frames, *_size(manifest, question))
    log.info(
        "To send to %s: %d requests of about %d tokens each, %d in all.",
        server.access.host,
        len(windows),
        each,
        each * len(windows),
    )
    progress = SliceProgress(total, total - len(windows))
    for record in answering.outcomes(windows, frames, parse_prompt(question.prompt)):
        yield record
        progress.count(record, answering)
    log.info(
        "Tokens, as the server counts: %d sent, %d received.",
        answering.prompt_tokens,
        answering.answer_tokens,
    )


def _frames(
    path: Path, manifest: Manifest, windows: Sequence[Window], question: Question, threads: int
) -> Iterator[Frame]:
    """Begin to decode the frames of all windows, by time."""
    from touchline.video.prefetch import begun
    from touchline.video.sampler import frames_of

    times = sorted({time for window in windows for time in window.times})
    return begun(
        frames_of(manifest, path, times, max_size=question.image.max_size, threads=threads)
    )


def _footage(manifest: Manifest, question: Question) -> Footage:
    """What the model is shown, as the sampler gives it."""
    from touchline.models.families.base import Footage

    return Footage(*_size(manifest, question), question.fps, question.frames)


def _size(manifest: Manifest, question: Question) -> tuple[int, int]:
    """Width and height of a frame as the sampler gives it."""
    from touchline.video.transforms import capped

    width, height = capped(
        manifest.width, manifest.height, question.image.max_size, manifest.pixel_aspect
    )
    return (height, width) if manifest.rotation % 180 else (width, height)


def _key(manifest: Manifest, windows: Sequence[Window], question: Question) -> str:
    """The journal key: all that an answer depends on."""
    # Only where there is evidence, so that slices without it go on from journals of before.
    evidence = {"classes": question.classes} if question.generation.evidence else {}
    # Likewise, so that journals of most videos keep their key.
    rare = {"has_dependent_keyframes", "packet_times", "sections"} & manifest.model_dump(
        exclude_defaults=True
    ).keys()
    return journal_key(
        video=manifest.model_dump(include=_SHAPING | rare),
        windows=[asdict(window) for window in windows],
        prompt=question.prompt,
        checkpoint=_identity(question.checkpoint),
        dtype=question.dtype,
        image=question.image.model_dump(),
        generation=question.generation.shaping,
        frames=question.frames,
        version=question.version,
        **evidence,
    )


def _identity(checkpoint: Path | ServedModel) -> Any:
    """What tells a model from others: its files, or a server's name of it."""
    if isinstance(checkpoint, ServedModel):
        return asdict(checkpoint)
    return [fingerprint(path) for path in checkpoint_files(checkpoint)]
