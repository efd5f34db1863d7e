"""Make evaluation/evaluation.csv and .txt: the metrics of all models side by side."""

from touchline.core.files import read_record, write_text
from touchline.core.jobs import recorded_job
from touchline.evaluation.records import EvaluationReport
from touchline.evaluation.tables import evaluation_text, write_evaluation_csv

if __name__ == "__main__":
    with recorded_job(snakemake):
        reports = [read_record(path, EvaluationReport) for path in snakemake.input.reports]
        write_evaluation_csv(snakemake.output.table, reports)
        write_text(snakemake.output.text, evaluation_text(reports) + "\n")
