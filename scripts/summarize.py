"""Make summary/summary.csv and .txt: one row per video and model."""

from typing import Any

from touchline.comparison.records import ComparisonReport
from touchline.comparison.summary import read_rows, summary_table, write_summary_csv
from touchline.core.files import read_record, replace_file
from touchline.core.jobs import recorded_job
from touchline.inputs.labels import Labels
from touchline.runs.rule_params import SummarizeParams


def main(job: Any) -> None:
    params = SummarizeParams.read(job)
    rows = read_rows(
        params.rows,
        job.input.events,
        job.input.coverage,
        missing=params.missing,
        reports=[read_record(path, ComparisonReport) for path in job.input.comparisons],
    )
    labels = Labels.read(job.input.labels, params.taught)
    write_summary_csv(job.output.table, rows, labels)
    with replace_file(job.output.text) as file:
        file.write(summary_table(rows, labels) + "\n")


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
