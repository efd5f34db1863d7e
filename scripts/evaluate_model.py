"""Make evaluation/evaluation_{model}.json, outcomes_{model}.csv and curves_{model}.csv."""

from typing import Any

from touchline.core.files import read_record, write_json
from touchline.core.jobs import recorded_job
from touchline.core.logs import log
from touchline.evaluation.average_map import compute_average_maps
from touchline.evaluation.evaluate import evaluate, write_curves_csv
from touchline.evaluation.outcomes import (
    annotated_classes,
    outcomes,
    read_halves,
    write_outcomes_csv,
)
from touchline.evaluation.ranking import learnt_scores
from touchline.evaluation.records import CalibrationReport
from touchline.runs.rule_params import EvaluateModelParams


def main(job: Any) -> None:
    params = EvaluateModelParams.read(job)
    halves, problems = read_halves(
        params.videos, job.input, params.classes, params.tolerance, params.taught
    )
    for problem in problems:
        log.warning("%s", problem)
    report, curves = evaluate(
        halves,
        job.wildcards.model,
        params.tolerances,
        shifts=params.shifts,
        resamples=params.resamples,
        seed=params.seed,
        classes=params.classes,
        calibrated=learnt_scores(halves, read_record(job.input.calibration, CalibrationReport)),
    )
    maps = compute_average_maps(
        halves, shifts=params.shifts, resamples=params.resamples, seed=params.seed
    )
    report = report.model_copy(update={"soccernet": maps, "problems": problems})
    found = outcomes(halves, annotated_classes(halves, params.classes), params.tolerance)
    write_json(job.output.report, report.model_dump())
    write_outcomes_csv(job.output.outcomes, found)
    write_curves_csv(job.output.curves, curves)


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
