"""Make calibration/calibration_{model}.json:

how often a model's events are correct, for each signal of confidence.
"""

from touchline.core.files import write_json
from touchline.core.jobs import recorded_job
from touchline.evaluation.calibration import calibrate
from touchline.evaluation.outcomes import read_halves
from touchline.runs.rule_params import CalibrateModelParams

if __name__ == "__main__":
    with recorded_job(snakemake):
        params = CalibrateModelParams.read(snakemake)
        halves, _ = read_halves(
            params.videos, snakemake.input, params.classes, params.tolerance, params.taught
        )
        model = snakemake.wildcards.model
        report = calibrate(halves, model, params.tolerance, params.classes)
        write_json(snakemake.output.report, report.model_dump())
