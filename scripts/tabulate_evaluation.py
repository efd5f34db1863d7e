"""Make evaluation/evaluation.csv and .txt: all models' figures side by side."""

from touchline.evaluation_tables import evaluation_text, write_evaluation_csv
from touchline.files import read_record, write_text
from touchline.logs import job_log
from touchline.records import EvaluationReport

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        reports = [read_record(path, EvaluationReport) for path in snakemake.input.reports]
        write_evaluation_csv(snakemake.output.table, reports)
        write_text(snakemake.output.text, evaluation_text(reports) + "\n")
