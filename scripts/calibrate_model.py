"""Make calibration/calibration_{model}.json: which of a model's events can be trusted."""

from touchline.core.files import write_json
from touchline.core.jobs import recorded_job
from touchline.core.params import AnnotatedVideo
from touchline.evaluation.calibration import calibrate
from touchline.evaluation.outcomes import read_halves

if __name__ == "__main__":
    with recorded_job(snakemake):
        videos = [AnnotatedVideo(**video) for video in snakemake.params.videos]
        halves, _ = read_halves(
            videos, snakemake.input, snakemake.params.classes, snakemake.params.tolerance
        )
        model = snakemake.wildcards.model
        report = calibrate(halves, model, snakemake.params.tolerance, snakemake.params.classes)
        write_json(snakemake.output.report, report.model_dump())
