"""Make events/… and coverage/… of a video from predictions that were given."""

from typing import Any

from touchline.core.files import read_record, write_json
from touchline.core.logs import job_log, log
from touchline.core.records import Manifest
from touchline.events.coverage import coverage_of_given
from touchline.events.predictions import read_predictions, write_events_csv
from touchline.inputs.labels import Labels
from touchline.inputs.videos import GameHalf


def main(job: Any) -> None:
    labels = Labels.read(job.input.labels)
    # Without footage there is none.
    manifest = next((read_record(path, Manifest) for path in job.input.manifest), None)
    duration = manifest.duration if manifest else None
    given = read_predictions(job.input.predictions, labels, duration)
    for problem in given.problems:
        log.warning("%s", problem)
    others = [read_predictions(path, labels).times for path in job.input.others]
    coverage = coverage_of_given(given.times, given.counts, manifest, others)
    for lost in coverage.likely_lost:
        log.warning(
            "%s has nothing from %g to %g s; that slice was likely lost.",
            job.input.predictions,
            lost.start,
            lost.end,
        )
    half = GameHalf(**job.params.half)
    video = int(job.wildcards.video)
    write_events_csv(job.output.events, given.events, video, half.game, half.half)
    write_json(job.output.coverage, coverage.model_dump())


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(snakemake)
