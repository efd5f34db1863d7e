"""A worker: one slice of a video from its journal, through a GPU, to records of all windows."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from touchline.core.records import Manifest, WindowRecord
from touchline.detection.journal import Journal, journal_key
from touchline.detection.stopwatch import Stopwatch
from touchline.events.parsing import asked_by
from touchline.inputs.fingerprint import fingerprint
from touchline.inputs.settings import BatchSettings, GenerationSettings, ImageSettings
from touchline.models.checkpoints import checkpoint_files, read_model_type
from touchline.models.cuda import check_usable
from touchline.models.gpu_lease import leased_gpu
from touchline.video.windows import Window

if TYPE_CHECKING:
    from touchline.models.families.base import Footage

log = logging.getLogger(__name__)

# The fields of a manifest that decide what a model is shown.
_SHAPING = {
    *("video", "fingerprint", "start_time", "stream", "restarts", "no_pictures", "pixel_aspect")
}


@dataclass(frozen=True)
class Question:
    """What a model is asked about every window, and how it answers.

    Attributes:
        checkpoint: folder of the model.
        fps: frames a second of a window.
        version: raised by the user to have everything answered again.
    """

    prompt: str
    checkpoint: Path
    dtype: Literal["auto", "bfloat16", "float16", "float32"]
    image: ImageSettings
    generation: GenerationSettings
    fps: float
    version: int


def answer_windows(
    path: Path,
    manifest: Manifest,
    windows: Sequence[Window],
    question: Question,
    journal_folder: Path,
    batch: BatchSettings,
    threads: int,
) -> list[WindowRecord]:
    """Answer the windows of a slice, going on from where an earlier attempt ended.

    Each answer is in the journal as soon as it is known. Once the caller has written the
    records, `journal_folder` can go.

    Args:
        path: where the video is now.
        threads: for decoding, and for arithmetic on the CPU.

    Returns:
        one record for each window, in their order.
    """
    journal = Journal(journal_folder, _key(manifest, windows, question))
    records = journal.read()
    missing = [window for window in windows if window.index not in records]
    if records:
        log.info("%d of %d windows are already answered.", len(records), len(windows))
    if missing:
        with leased_gpu() as gpu, journal.writing() as writer:
            # On a CPU an answer must not depend on where in memory its row lies.
            os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
            # Imported with the GPU in hand: torch looks at CUDA_VISIBLE_DEVICES once.
            import torch

            from touchline.detection.batch_size import rows_that_fit
            from touchline.detection.detect import Draw, SliceProgress, detect
            from touchline.detection.engine import Answering
            from touchline.models.families import family
            from touchline.video.prefetch import begun
            from touchline.video.sampler import frames_of

            check_usable(gpu)
            torch.set_num_threads(threads)
            clock, generation = Stopwatch(), question.generation
            times = sorted({time for window in missing for time in window.times})
            # Decoding begins while the model loads.
            frames = begun(frames_of(manifest, path, times, question.image.max_size, threads))
            with clock.timing("load"):
                kind = family(read_model_type(question.checkpoint))
                footage = _footage(manifest, question)
                model = kind(question.checkpoint, question.prompt, footage, question.dtype)
                most = math.ceil(max(len(w.times) for w in windows) / kind.frames_per_picture)
                rows = rows_that_fit(model, most, generation.max_new_tokens, batch.windows)
            answering = Answering(model, generation, min(len(windows), rows), most, clock)
            draw = Draw(generation.seed, manifest.video, generation.max_new_tokens)
            progress = SliceProgress(len(windows), len(records))
            asked = asked_by(question.prompt)
            fit = question.image.fit
            for record in detect(missing, frames, fit, model, answering, draw, asked):
                writer.add(record)
                records[record.window] = record
                progress.count(record, answering)
        log.info("Time: %s.", clock)
    return [records[window.index] for window in windows]


def _footage(manifest: Manifest, question: Question) -> Footage:
    """What the model is shown, as the sampler gives it."""
    from touchline.models.families.base import Footage
    from touchline.video.transforms import capped

    width, height = capped(
        manifest.width, manifest.height, question.image.max_size, manifest.pixel_aspect
    )
    if manifest.rotation % 180:
        width, height = height, width
    return Footage(width, height, question.fps)


def _key(manifest: Manifest, windows: Sequence[Window], question: Question) -> str:
    """The journal key: all that an answer depends on."""
    return journal_key(
        video=manifest.model_dump(include=_SHAPING),
        windows=[asdict(window) for window in windows],
        prompt=question.prompt,
        checkpoint=[fingerprint(path) for path in checkpoint_files(question.checkpoint)],
        dtype=question.dtype,
        image=question.image.model_dump(),
        generation=question.generation.model_dump(),
        version=question.version,
    )
