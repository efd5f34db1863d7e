"""Make learned/learned_{model}.safetensors and learning_{model}.json from features and labels."""

from typing import Any

from touchline.core.files import write_json
from touchline.core.jobs import recorded_job
from touchline.core.logs import log
from touchline.inputs.settings import read_settings
from touchline.learning.curve import Judging, learning_curve
from touchline.learning.model import LearntModel
from touchline.learning.reading import read_labelled
from touchline.learning.report import learning_report
from touchline.learning.training import Learner
from touchline.runs.rule_params import LearnModelParams


def main(job: Any) -> None:
    params = LearnModelParams.read(job)
    settings = read_settings(job.config)
    found = read_labelled(
        params.videos,
        job.input,
        slices=params.slices,
        rule=settings.window,
        classes=params.classes,
        taught=params.taught,
    )
    for problem in found.problems:
        log.warning("%s", problem)
    learner = Learner(found.videos, found.classes)
    whole = learner.fit_all()
    others = [(group, learner.fit_without(group)) for group in learner.groups]
    LearntModel.of(found.origin, found.games, [((), whole), *others], found.width).write(
        job.output.model
    )
    curve = learning_curve(
        learner,
        others,
        Judging(params.radius, params.tolerance, params.resamples, params.seed),
    )
    report = learning_report(
        job.wildcards.model,
        learner,
        whole,
        tolerance=params.tolerance,
        curve=curve,
        problems=found.problems,
    )
    write_json(job.output.report, report.model_dump())
    log.info("%s", report.summary)
    if report.left_out:
        log.warning("%s", report.left_out)


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
