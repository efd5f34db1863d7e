"""Answer the windows of one slice: read its journal, lease a GPU or ask a server,
return records.
"""

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

# The fields of a manifest that determine the frames for the model.
_SHAPING = {
    *("video", "fingerprint", "start_time", "stream", "restarts", "no_pictures", "pixel_aspect")
}

# Most frames that wait for the model, enough for some seconds of a GPU's work.
_FITTED_AHEAD = 128


@dataclass(frozen=True)
class Question:
    """The prompt and everything else that determines a model's answers.

    Attributes:
        prompt: text of the prompt.
        checkpoint: folder of the model, or the model on a server.
        dtype: data type of the model.
        image: settings of the images.
        generation: settings of the answers.
        fps: frames per second in a window.
        frames: largest number of frames per window.
        version: number that the user raises to repeat all answers.
        classes: classes whose likelihood is computed besides that of "none"; empty without
            `generation.evidence`.
        keeps_features: whether to keep the hidden state after each prompt, for learning.
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
        """Return the candidates whose likelihood is computed in every window."""
        return make_candidates(self.prompt, self.classes) if self.generation.evidence else []


@dataclass(frozen=True)
class Server:
    """The server of a model.

    Attributes:
        access: address and limits of the server.
        on_report: function to call with the model's name that the server reports, and again if the
            name changes.
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
    earlier_answers: Callable[[], list[str]] = list,
) -> list[WindowOutcome]:
    """Answer the windows of a slice, and resume where an earlier attempt stopped.

    Each answer is in the journal as soon as it is known. The caller may delete `journal_folder`
    after writing the records.

    Args:
        path: current path of the video.
        manifest: manifest of the video.
        windows: windows of the slice.
        question: the prompt and everything else that determines the answers.
        journal_folder: folder of the slice's journal.
        batch: settings of the batches.
        threads: number of threads for decoding, and for arithmetic on the CPU.
        server: server of the model; None for a local model.
        earlier_answers: function that reads answers to similar windows. They save time and never
            change an answer.

    Returns:
        One record per window, in their order.
    """
    journal = Journal(journal_folder, _key(manifest, windows, question))
    records = journal.read(with_features=question.keeps_features)
    missing = [window for window in windows if window.index not in records]
    if records:
        log.info("%d of %d windows are already answered.", len(records), len(windows))
    if missing:
        total = len(windows)
        if server is not None:
            answered = _ask_server(
                path, manifest, missing, question, server=server, threads=threads, total=total
            )
        else:
            own = [record.text for record in records.values()]
            answered = _answer_locally(
                path,
                manifest,
                missing,
                question,
                batch=batch,
                threads=threads,
                total=total,
                earlier_answers=lambda: [*earlier_answers(), *own],
            )
        with journal.writing() as writer, closing(answered):
            for record in answered:
                writer.add(record)
                records[record.window] = record
        give_memory_back()
        release_gpu()
    return [records[window.index] for window in windows]


def _answer_locally(
    path: Path,
    manifest: Manifest,
    windows: Sequence[Window],
    question: Question,
    *,
    batch: BatchSettings,
    threads: int,
    total: int,
    earlier_answers: Callable[[], list[str]],
) -> Generator[WindowOutcome]:
    """Answer windows with a local model.

    Everything that needs no GPU is done before a GPU is leased, while another worker may still use
    the GPU.

    Args:
        total: number of windows in the slice, including answered ones.
        earlier_answers: function that reads answers to similar windows. It is called once the model
            is loaded, when another slice may just have ended.
    """
    clock, generation, checkpoint = Stopwatch(), question.generation, question.checkpoint
    assert isinstance(checkpoint, Path)
    # On a CPU, an answer must not depend on the address of its row in memory.
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
    begin_reading(checkpoint)
    with clock.timing("imports"), without_collecting():
        import torch

        from touchline.detection.batch_size import rows_that_fit
        from touchline.detection.detect import SliceProgress, detect
        from touchline.detection.drafts import Drafts
        from touchline.detection.engine import Answering, BatchedAnswering, LibraryAnswering
        from touchline.models.families import family
        from touchline.video.prefetch import start_first, work_ahead

        # Decoding begins while the model loads.
        frames = _frames(path, manifest, windows, question, threads)
        kind = family(read_family(checkpoint))
        from touchline.models.families.base import VideoLanguageModel

    def load() -> AnsweringModel:
        """Load the model."""
        return kind(
            checkpoint,
            question.prompt,
            _footage(manifest, question),
            question.dtype,
            generation.max_new_tokens,
        )

    def fitted(frames: Iterator[Frame]) -> Iterator[Frame]:
        """Scale and crop each frame as the model expects it."""
        for frame in frames:
            yield replace(frame, picture=model.pixels(frame.picture, question.image.fit))

    def load_early(gpu: str) -> None:
        """Load the model before the GPU is leased, if it fits beside another worker's model."""
        try:
            check_usable(gpu)
            if has_room_beside(checkpoint):
                early.append(load())
        # Another worker holds the GPU, so sharing may fail or memory may be short. A permanent
        # fault is reported once this worker holds the lease.
        except (InputError, RuntimeError) as error:
            log.info("The model is loaded after the GPU is leased, because %s", plain(error))

    early: list[AnsweringModel] = []
    with clock.timing("waiting for a GPU"):
        gpu = lease_gpu(get_ready=load_early)
    with clock.timing("load"):
        check_usable(gpu)
        model = early.pop() if early else load()
        # With a GPU, torch only fits single frames here. Its threads would slow down the decoders.
        torch.set_num_threads(threads if model.device.type == "cpu" else 1)
        ready = start_first(work_ahead([frames], [fitted], _FITTED_AHEAD))
        most = math.ceil(max(len(w.times) for w in windows) / kind.frames_per_picture)
        rows = rows_that_fit(model, most, generation.max_new_tokens, batch.windows)
        rows, candidates = min(total, rows), question.candidates
        answering: BatchedAnswering
        if isinstance(model, VideoLanguageModel):
            tree, drafts, earlier = None, Drafts(), earlier_answers()
            for text in (question.prompt, *earlier):
                drafts.learn(model.encode_text(text))
            log.info("The first drafts come from the prompt and %d answers.", len(earlier))
            if candidates:
                tree = model.build_tree((each.text, each.decided) for each in candidates)
            answering = Answering(
                model,
                generation,
                rows=rows,
                pictures=most,
                clock=clock,
                drafts=drafts,
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


def _ask_server(
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
        total: number of windows in the slice, including answered ones.
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
        "%s will get %d requests of about %d tokens each, %d tokens in all.",
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
        "The server counted %d tokens sent and %d tokens received.",
        answering.prompt_tokens,
        answering.answer_tokens,
    )


def _frames(
    path: Path, manifest: Manifest, windows: Sequence[Window], question: Question, threads: int
) -> Iterator[Frame]:
    """Start to decode the frames of all windows, by time."""
    from touchline.video.prefetch import start_first
    from touchline.video.sampler import read_frames

    times = sorted({time for window in windows for time in window.times})
    return start_first(
        read_frames(manifest, path, times, max_size=question.image.max_size, threads=threads)
    )


def _footage(manifest: Manifest, question: Question) -> Footage:
    """Return the size and rate of the frames that the model sees."""
    from touchline.models.families.base import Footage

    return Footage(*_size(manifest, question), question.fps, question.frames)


def _size(manifest: Manifest, question: Question) -> tuple[int, int]:
    """Return the width and height of a sampled frame."""
    from touchline.video.transforms import cap_size

    width, height = cap_size(
        manifest.width, manifest.height, question.image.max_size, manifest.pixel_aspect
    )
    return (height, width) if manifest.rotation % 180 else (width, height)


def _key(manifest: Manifest, windows: Sequence[Window], question: Question) -> str:
    """Return the journal key, from everything that affects an answer."""
    # Add classes only with evidence, so that other slices resume from journals of earlier versions.
    evidence = {"classes": question.classes} if question.generation.evidence else {}
    # Add rare fields only if they are set, so that journals of most videos keep their key.
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
    """Return values that identify a model: fingerprints of its files, or its name on the server."""
    if isinstance(checkpoint, ServedModel):
        return asdict(checkpoint)
    return [fingerprint(path) for path in checkpoint_files(checkpoint)]
