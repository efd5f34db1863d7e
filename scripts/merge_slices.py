"""Merge a video's slices into a model's predictions/…, events/… and coverage/…."""

from typing import Any

from touchline.core.files import read_record, write_json
from touchline.core.intervals import from_records
from touchline.core.jobs import recorded_job
from touchline.core.logs import log
from touchline.core.records import Manifest
from touchline.events.context import score_by_half
from touchline.events.coverage import coverage_of_slices
from touchline.events.merge import merge_slices, read_slices
from touchline.events.partials import check_partial
from touchline.events.predictions import write_events_csv, write_predictions
from touchline.events.timing import locate
from touchline.inputs.labels import Labels
from touchline.inputs.settings import read_settings
from touchline.inputs.windows import watched_parts
from touchline.runs.rule_params import MergeSlicesParams


def main(job: Any) -> None:
    params = MergeSlicesParams.read(job)
    manifest = read_record(job.input.manifest, Manifest)
    labels = Labels.read(job.input.labels)
    # Not a parameter: with keep_partials: false, its change would detect everything again.
    rule = read_settings(job.config).window
    stretches = watched_parts(manifest.duration, params.half.halves, rule)
    slices = read_slices(job.input.ledgers, stretches)
    for path, part in zip(job.input.partials, slices, strict=True):
        check_partial(path, part.windows)
    merged = merge_slices(slices, stretches, rule=rule, labels=labels, merge=params.merge)
    counts = merged.counts
    log.info(
        "%d windows: %d none, %d unparsed, %d skipped; %d events read, %d duplicates dropped, "
        "%d events kept",
        counts.answers,
        counts.none,
        counts.unparsed,
        counts.skipped,
        counts.events_in,
        counts.duplicates,
        counts.events_out,
    )
    windows = [window for part in slices for window in part.windows]
    coverage = coverage_of_slices(manifest, windows, counts)
    looked_at = from_records(coverage.looked_at)
    shown = ((window.start, window.end, window.frame_times) for window in windows)
    events = locate(merged.events, merged.hits, shown)
    spans = params.half.spans(manifest.duration)
    events = score_by_half(
        events, merged.hits, looked_at, spans=spans, labels=labels, rule=params.context
    )
    write_predictions(job.output.predictions, merged.events)
    write_events_csv(
        job.output.events,
        events,
        video=manifest.video,
        game_half=params.half,
    )
    write_json(job.output.coverage, coverage.model_dump())


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
