"""Make summary/summary.csv and .txt: one row a video and model."""

from touchline.files import read_record, replacing
from touchline.labels import Labels
from touchline.logs import job_log
from touchline.predictions import read_events_csv
from touchline.records import ComparisonReport, Coverage
from touchline.summary import Row, agreement_of, summary_table, write_summary_csv


def main(job) -> None:
    reports = {
        report.video: report
        for report in (read_record(path, ComparisonReport) for path in job.input.comparisons)
    }
    there = [
        Row(
            video=video,
            model=model,
            events=read_events_csv(events),
            coverage=read_record(coverage, Coverage),
            agreement=agreement_of(model, reports[video]) if video in reports else {},
        )
        for (video, model), events, coverage in zip(
            job.params.rows, job.input.events, job.input.coverage, strict=True
        )
    ]
    absent = [
        Row(video=video, model=model, missing=[path]) for video, model, path in job.params.missing
    ]
    rows = sorted(there + absent, key=lambda row: row.video)
    labels = Labels.read(job.input.labels)
    write_summary_csv(job.output.table, rows, labels)
    with replacing(job.output.text) as file:
        file.write(summary_table(rows, labels) + "\n")


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(snakemake)
