"""Merge slices into evidence/… of a model's video. Spot events in the evidence."""

from typing import Any

from touchline.core.files import read_record, write_json
from touchline.core.jobs import recorded_job
from touchline.core.logs import log
from touchline.core.records import UNANSWERED, Counts, Manifest
from touchline.events.coverage import coverage_of_slices
from touchline.events.merge import check_slices, read_slices
from touchline.events.predictions import write_events_csv, write_predictions
from touchline.evidence.peaks import spot_events
from touchline.evidence.tables import join_slices, read_evidence, write_evidence
from touchline.inputs.settings import read_settings
from touchline.inputs.windows import watched_parts
from touchline.runs.rule_params import SpotEvidenceParams


def main(job: Any) -> None:
    params = SpotEvidenceParams.read(job)
    manifest = read_record(job.input.manifest, Manifest)
    rule = read_settings(job.config).window
    stretches = watched_parts(manifest.duration, params.half.halves, rule)
    slices = read_slices(job.input.ledgers, stretches)
    check_slices(slices, stretches, rule)
    evidence = join_slices(
        [
            (read_evidence(path, params.classes), part.windows, path)
            for path, part in zip(job.input.slices, slices, strict=True)
        ]
    )
    # Separate for each half, so that no half affects another.
    events = [
        event
        for stretch in stretches
        for event in spot_events(evidence.between(*stretch), params.window)
    ]
    windows = [window for part in slices for window in part.windows]
    counts = Counts(
        answers=len(windows),
        none=0,
        unparsed=0,
        skipped=sum(window.status in UNANSWERED for window in windows),
        events_in=len(events),
        events_out=len(events),
    )
    log.info(
        "%d windows: %d weighed, %d skipped; %d events",
        counts.answers,
        int(evidence.weighed.sum()),
        counts.skipped,
        counts.events_out,
    )
    write_evidence(job.output.evidence, evidence)
    write_predictions(job.output.predictions, events)
    write_events_csv(
        job.output.events,
        events,
        video=manifest.video,
        game_half=params.half,
    )
    write_json(job.output.coverage, coverage_of_slices(manifest, windows, counts).model_dump())


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
