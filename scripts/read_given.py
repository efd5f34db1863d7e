"""Make events/… and coverage/… of a video from given predictions."""

from typing import Any

from touchline.core.files import read_record, write_json
from touchline.core.intervals import from_records
from touchline.core.jobs import recorded_job
from touchline.core.logs import log
from touchline.core.records import Manifest
from touchline.events.context import score_by_half
from touchline.events.coverage import coverage_of_given, coverage_of_spotter
from touchline.events.given import read_given
from touchline.events.merge import merge_given
from touchline.events.predictions import write_events_csv
from touchline.events.timing import locate
from touchline.inputs.labels import Labels
from touchline.inputs.settings import read_table
from touchline.inputs.windows import windows_at
from touchline.runs.rule_params import ReadGivenParams


def main(job: Any) -> None:
    params = ReadGivenParams.read(job)
    labels = Labels.read(job.input.labels)
    # A video without footage has no manifest.
    manifest = next((read_record(path, Manifest) for path in job.input.manifest), None)
    duration = manifest.duration if manifest else None
    video = int(job.wildcards.video)
    row = read_table(job.config).get(video)
    given = read_given(job.input.predictions, video, row, labels, duration=duration)
    for problem in given.problems:
        log.warning("%s", problem)
    merged = merge_given(given, params.merge)
    log.info(
        "%d items, %d of them invalid: %d events read, %d duplicates dropped, %d events kept",
        merged.counts.answers,
        merged.counts.invalid,
        merged.counts.events_in,
        merged.counts.duplicates,
        merged.counts.events_out,
    )
    rule = params.window
    if given.exact:
        coverage = coverage_of_spotter(given.times, merged.counts, manifest, params.half)
    else:
        others = [read_given(path, video, row, labels) for path in job.input.others]
        reached = max((other.reach(rule.seconds) for other in others), default=0.0)
        coverage = coverage_of_given(
            given.times,
            merged.counts,
            manifest,
            game_half=params.half,
            reached=reached,
            window=rule.seconds,
        )
    for lost in coverage.likely_lost:
        log.warning(
            "%s has no items from %g to %g s. That slice was probably lost.",
            job.input.predictions,
            lost.start,
            lost.end,
        )
    events = merged.events
    if not given.exact:
        windows = windows_at(given.times, duration, rule)
        shown = ((window.start, window.end, window.times) for window in windows)
        looked_at = from_records(coverage.looked_at)
        events = locate(events, merged.hits, shown)
        spans = params.half.spans(duration)
        events = score_by_half(
            events, merged.hits, looked_at, spans=spans, labels=labels, rule=params.context
        )
    write_events_csv(
        job.output.events,
        events,
        video=video,
        game_half=params.half,
    )
    write_json(job.output.coverage, coverage.model_dump())


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
