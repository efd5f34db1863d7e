"""Make learned/probabilities_… of a video with a learnt model. Spot its events."""

from typing import Any

from touchline.core.files import write_json
from touchline.core.jobs import recorded_job
from touchline.core.logs import log
from touchline.core.records import UNANSWERED, Counts
from touchline.events.coverage import coverage_of_slices
from touchline.events.predictions import write_events_csv, write_predictions
from touchline.evidence.peaks import spot_events
from touchline.evidence.tables import write_evidence
from touchline.inputs.settings import read_settings
from touchline.learning.model import LearntModel
from touchline.learning.note import check_learnt
from touchline.learning.reading import read_watched
from touchline.runs.rule_params import SpotLearnedParams


def main(job: Any) -> None:
    params = SpotLearnedParams.read(job)
    video = read_watched(
        job.input.manifest,
        job.input.features,
        job.input.ledgers,
        halves=params.half.halves,
        rule=read_settings(job.config).window,
    )
    model = LearntModel.read(job.input.model)
    check_learnt(job.input.model, model.note.origin, video.features.origin)
    found = model.probabilities(video.features, params.game, video.manifest.fingerprint)
    # Separate for each half, so that no half affects another.
    events = [
        event
        for stretch in video.stretches
        for event in spot_events(found.between(*stretch), params.window)
    ]
    counts = Counts(
        answers=len(video.windows),
        none=0,
        unparsed=0,
        skipped=sum(window.status in UNANSWERED for window in video.windows),
        events_in=len(events),
        events_out=len(events),
    )
    log.info(
        "%d windows, %d of them skipped; %d classes, %d events",
        counts.answers,
        counts.skipped,
        len(found.classes),
        counts.events_out,
    )
    coverage = coverage_of_slices(video.manifest, video.windows, counts)
    write_evidence(job.output.probabilities, found)
    write_predictions(job.output.predictions, events)
    write_events_csv(job.output.events, events, video=video.manifest.video, game_half=params.half)
    write_json(job.output.coverage, coverage.model_dump())


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
