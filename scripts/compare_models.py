"""Make comparison/comparison_video_{video}.json and .csv: the models side by side."""

from typing import Any

from touchline.comparison.compare import Track, compare, write_comparison_csv
from touchline.core.files import read_record, write_json
from touchline.core.intervals import intervals_of
from touchline.core.logs import job_log, log
from touchline.core.records import Coverage
from touchline.events.predictions import read_events_csv


def main(job: Any) -> None:
    tracks = {
        model: Track(
            read_events_csv(events), intervals_of(read_record(coverage, Coverage).looked_at)
        )
        for model, events, coverage in zip(
            job.params.models, job.input.events, job.input.coverage, strict=True
        )
    }
    report, findings = compare(tracks, job.params.tolerance, job.params.shifts, job.params.seed)
    for pair in report.pairs:
        log.info(
            "%s and %s: %d found by both, %d with another label, %d and %d by one only",
            pair.model_a,
            pair.model_b,
            pair.both,
            pair.other_label,
            pair.only_a,
            pair.only_b,
        )
    video = int(job.wildcards.video)
    write_json(job.output.report, report.model_copy(update={"video": video}).model_dump())
    write_comparison_csv(job.output.table, findings, video)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(snakemake)
