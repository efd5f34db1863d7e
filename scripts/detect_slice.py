"""Make partials/…_gpu{slice}.json and windows/…_gpu{slice}.jsonl: a slice's answers.

With evidence, also make evidence/…_gpu{slice}.csv. With learning, also make
features/…_gpu{slice}.safetensors.
"""

import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from touchline.core import paths
from touchline.core.cpus import usable_threads
from touchline.core.files import read_record, read_text, write_json, write_json_lines
from touchline.core.jobs import recorded_job
from touchline.core.records import Manifest, Origin, ServerOrigin
from touchline.detection.earlier_answers import read_earlier_answers
from touchline.detection.feature_origin import feature_origin
from touchline.detection.worker import Question, Server, answer_windows
from touchline.events.partials import partial_answers
from touchline.evidence.features import write_features
from touchline.evidence.tables import Evidence, write_evidence
from touchline.inputs.fingerprint import check_fingerprint
from touchline.inputs.served import ServedModel
from touchline.inputs.settings import read_settings, read_table
from touchline.inputs.windows import list_windows, most_frames, slice_bounds, watched_parts
from touchline.runs.rule_params import DetectSliceParams
from touchline.weights.checkpoints import note_origin, remember_origin


def main(job: Any) -> None:
    params = DetectSliceParams.read(job)
    threads = usable_threads(job.threads)
    # Snakemake sets this variable to job.threads, and torch reads it at import.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    settings = read_settings(job.config)
    manifest = read_record(job.input.manifest, Manifest)
    path = read_table(job.config)[manifest.video].footage
    check_fingerprint(path, manifest)
    stretches = watched_parts(manifest.duration, params.window.halves, params.window)
    bounds = slice_bounds(stretches, params.slices, int(job.wildcards.slice))
    windows = list_windows(*bounds, stretches, params.window)
    model = params.model
    question = Question(
        prompt=read_text(job.input.prompt),
        checkpoint=model if isinstance(model, ServedModel) else Path(job.input.checkpoint),
        dtype="auto" if isinstance(model, ServedModel) else model,
        image=params.image,
        generation=params.generation,
        fps=params.window.fps,
        frames=most_frames(params.window),
        version=params.version,
        classes=tuple(params.classes),
        keeps_features=settings.has_features,
    )
    server = None
    if isinstance(question.checkpoint, ServedModel):
        name, note = question.checkpoint.name, model_note(job)
        access = settings.models[job.wildcards.model].access(settings.batch)
        server = Server(access, partial(remember_server, name, note))
    else:
        remember_origin(question.checkpoint, model_note(job))
    records = answer_windows(
        path,
        manifest,
        windows,
        question,
        journal_folder=Path(params.journal),
        batch=settings.batch,
        threads=threads,
        server=server,
        earlier_answers=partial(read_earlier_answers, results_folder(job), job.wildcards.model),
    )
    if question.generation.evidence:
        write_evidence(job.output.evidence, Evidence.of(records, question.classes))
    if question.keeps_features:
        assert isinstance(question.checkpoint, Path)
        named = settings.models[job.wildcards.model]
        origin = feature_origin(
            question.checkpoint, named, question.prompt, params.window, params.image
        )
        write_features(job.output.features, records, origin)
    lines = (record.ledger_line for record in records)
    write_json_lines(job.output.ledger, (line.model_dump() for line in lines))
    write_json(job.output.partial, [answer.model_dump() for answer in partial_answers(records)])


def remember_server(name: str, note: Path, server: ServerOrigin) -> None:
    """Store the model name that a server reports in the model's note."""
    note_origin(Origin(checkpoint=name, commit=None, server=server), note)


def model_note(job: Any) -> Path:
    """Return the file that names the model's checkpoint.

    The file is not an output of the rule, because all slices of the model write the same file.
    """
    return results_folder(job) / paths.MODEL.format(model=job.wildcards.model)


def results_folder(job: Any) -> Path:
    """Return the folder of the run's results."""
    return Path(job.output.ledger).parents[1]


if __name__ == "__main__":
    # A scheduler sends this signal before it kills. The journal has all answers.
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit("Stopped. The next attempt continues from here.")
    )
    with recorded_job(snakemake, [model_note(snakemake)]):
        main(snakemake)
