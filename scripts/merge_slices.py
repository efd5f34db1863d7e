"""Make predictions/…, events/… and coverage/… of a model's video from its slices."""

from touchline.core.files import read_json, read_record, write_json
from touchline.core.intervals import common, gaps, intervals_of, stretches
from touchline.core.logs import job_log, log
from touchline.core.records import Coverage, Manifest
from touchline.errors import InputError
from touchline.events.coverage import looked_at
from touchline.events.merge import Slice, merge_slices, read_ledger
from touchline.events.predictions import write_events_csv, write_predictions
from touchline.inputs.labels import Labels
from touchline.video.windows import slice_bounds


def check_partial(path, windows) -> None:
    """A partial and its ledger are of one attempt: as many answers as the ledger tells of."""
    told = sum(window.status in ("events", "unparsed") for window in windows)
    if len(read_json(path)) != told:
        raise InputError(
            f"{path} does not hold the {told} answers of its ledger; delete it and run again."
        )


def main(job) -> None:
    manifest = read_record(job.input.manifest, Manifest)
    slices = [
        Slice(*slice_bounds(manifest.duration, len(job.input.ledgers), i), read_ledger(path), path)
        for i, path in enumerate(job.input.ledgers)
    ]
    for path, part in zip(job.input.partials, slices, strict=True):
        check_partial(path, part.windows)
    merged = merge_slices(
        slices,
        manifest.duration,
        Labels.read(job.input.labels),
        job.params.window,
        job.params.keep,
    )
    counts = merged.counts
    log.info(
        "%d windows: %d none, %d unparsed, %d skipped; %d events in, %d duplicates, %d out",
        counts.answers,
        counts.none,
        counts.unparsed,
        counts.skipped,
        counts.events_in,
        counts.duplicates,
        counts.events_out,
    )
    shown = gaps(intervals_of(manifest.no_pictures), manifest.duration)
    looked = common(shown, looked_at(window for part in slices for window in part.windows))
    coverage = Coverage(
        duration=manifest.duration,
        clock_offset=manifest.clock_offset,
        looked_at=stretches(looked),
        no_pictures=manifest.no_pictures,
        likely_lost=[],
        counts=counts,
    )
    write_predictions(job.output.predictions, merged.events)
    write_events_csv(job.output.events, merged.events, manifest.video, *job.params.half)
    write_json(job.output.coverage, coverage.model_dump())


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(snakemake)
