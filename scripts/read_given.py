"""Make events/… and coverage/… of a video from predictions that were given."""

from touchline.core.files import read_record, write_json
from touchline.core.intervals import common, gaps, intervals_of, stretches
from touchline.core.logs import job_log, log
from touchline.core.records import Coverage, Manifest
from touchline.events.coverage import likely_lost, looked_at_by
from touchline.events.predictions import read_predictions, write_events_csv
from touchline.inputs.labels import Labels


def main(job) -> None:
    labels = Labels.read(job.input.labels)
    # Without footage there is none.
    manifest = next((read_record(path, Manifest) for path in job.input.manifest), None)
    given = read_predictions(
        job.input.predictions, labels, duration=manifest.duration if manifest else None
    )
    for problem in given.problems:
        log.warning("%s", problem)
    if manifest:
        duration = manifest.duration
    else:
        others = [read_predictions(path, labels).times for path in job.input.others]
        duration = max((time for times in others for time in times), default=0.0)
    lost = stretches(likely_lost(given.times, duration))
    for stretch in lost:
        log.warning(
            "%s has nothing from %g to %g s; that slice was likely lost.",
            job.input.predictions,
            stretch.start,
            stretch.end,
        )
    unseen = manifest.no_pictures if manifest else []
    looked = common(gaps(intervals_of(unseen), duration), looked_at_by(given.times, duration))
    coverage = Coverage(
        duration=manifest.duration if manifest else None,
        clock_offset=manifest.clock_offset if manifest else 0.0,
        looked_at=stretches(looked),
        no_pictures=unseen,
        likely_lost=lost,
        counts=given.counts,
    )
    write_events_csv(
        job.output.events,
        given.events,
        int(job.wildcards.video),
        *job.params.half,
    )
    write_json(job.output.coverage, coverage.model_dump())


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(snakemake)
