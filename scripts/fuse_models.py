"""Make ensemble/final_predictions_ensemble_video_{video}.json and its events table."""

from typing import Any

from touchline.comparison.ensemble import fuse
from touchline.core.files import read_record
from touchline.core.jobs import recorded_job
from touchline.core.logs import log
from touchline.core.records import CalibrationReport
from touchline.evaluation.recalibration import recalibrate_all
from touchline.events.predictions import read_events_csv, write_events_csv, write_predictions
from touchline.inputs.videos import GameHalf


def main(job: Any) -> None:
    events_of = {
        model: read_events_csv(path)
        for model, path in zip(job.params.models, job.input.events, strict=True)
    }
    ensemble = job.params.ensemble
    if ensemble["calibrated"]:
        paths = zip(job.params.models, job.input.calibration, strict=False)
        reports = {model: read_record(path, CalibrationReport) for model, path in paths}
        scored = recalibrate_all(events_of, reports, job.params.game, job.params.others)
        if scored is None:
            log.warning(
                "Labels of other games were not shown to help, so events keep their scores."
            )
        events_of = scored or events_of
        ensemble = ensemble | {"calibrated": scored is not None}
    events = fuse(events_of, job.params.tolerance, **ensemble)
    write_predictions(job.output.predictions, events)
    half = GameHalf(**job.params.half)
    write_events_csv(job.output.events, events, int(job.wildcards.video), half.game, half.half)


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
