"""Make ensemble/final_predictions_ensemble_video_{video}.json and its events table."""

from typing import Any

from touchline.comparison.ensemble import fuse
from touchline.core.files import read_record
from touchline.core.jobs import recorded_job
from touchline.core.logs import log
from touchline.evaluation.recalibration import recalibrate_models
from touchline.evaluation.records import CalibrationReport
from touchline.events.predictions import read_events_csv, write_events_csv, write_predictions
from touchline.runs.rule_params import FuseModelsParams


def main(job: Any) -> None:
    params = FuseModelsParams.read(job)
    events_of = {
        model: read_events_csv(path)
        for model, path in zip(params.models, job.input.events, strict=True)
    }
    rule = params.ensemble
    is_calibrated = rule.calibrated
    if is_calibrated:
        paths = zip(params.models, job.input.calibration, strict=False)
        reports = {model: read_record(path, CalibrationReport) for model, path in paths}
        scored = recalibrate_models(events_of, reports, params.game, params.others)
        if scored is None:
            log.warning(
                "Labels of other games do not improve the ranking, so events keep their scores."
            )
        events_of = scored or events_of
        is_calibrated = scored is not None
    events = fuse(
        events_of,
        params.tolerance,
        rule.method,
        weights=rule.weights,
        threshold=rule.threshold,
        calibrated=is_calibrated,
    )
    write_predictions(job.output.predictions, events)
    write_events_csv(
        job.output.events,
        events,
        video=int(job.wildcards.video),
        game_half=params.half,
    )


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
