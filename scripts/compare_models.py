"""Make comparison/comparison_video_{video}.json and .csv: a comparison of the models."""

from typing import Any

from touchline.comparison.compare import Track, compare, write_comparison_csv
from touchline.core.files import read_record, write_json
from touchline.core.jobs import recorded_job
from touchline.core.logs import log
from touchline.core.records import Coverage
from touchline.events.coverage import close_open_ends
from touchline.events.predictions import read_events_csv
from touchline.runs.rule_params import CompareModelsParams


def main(job: Any) -> None:
    params = CompareModelsParams.read(job)
    events = [read_events_csv(path) for path in job.input.events]
    coverages = [read_record(path, Coverage) for path in job.input.coverage]
    looked_at = close_open_ends(coverages, (one.time_s for some in events for one in some))
    tracks = dict(zip(params.models, map(Track, events, looked_at), strict=True))
    report, findings = compare(tracks, params.tolerance, shifts=params.shifts, seed=params.seed)
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
    with recorded_job(snakemake):
        main(snakemake)
