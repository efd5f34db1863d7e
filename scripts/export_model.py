"""Make exports/{model}: a model's events of all videos in the formats of other tools."""

import logging
from pathlib import Path
from typing import Any

from touchline.core.files import read_record, write_json, write_text
from touchline.core.jobs import recorded_job
from touchline.core.records import Coverage
from touchline.errors import InputError
from touchline.events.exports import (
    group_by_game,
    osl_json,
    results_spotting,
    sportscode_xml,
    webvtt,
)
from touchline.events.predictions import read_events_csv
from touchline.inputs.labels import Labels
from touchline.inputs.settings import read_table
from touchline.runs.rule_params import ExportModelParams

log = logging.getLogger("touchline")


def main(job: Any) -> None:
    params = ExportModelParams.read(job)
    folder = Path(job.output.folder)
    table = read_table(job.config)
    videos = [
        (table[row.video], read_events_csv(path))
        for row, path in zip(params.videos, job.input.events, strict=True)
    ]
    for (video, events), coverage in zip(videos, job.input.coverage, strict=True):
        known = read_record(coverage, Coverage)
        clock = known.duration, known.clock_offset
        name = f"video_{video.video}"
        write_text(folder / "sportscode" / f"{name}.xml", sportscode_xml(events, *clock))
        write_text(folder / "webvtt" / f"{name}.vtt", webvtt(events, *clock))
    try:
        games = group_by_game(videos)
    except InputError as error:
        # Only some users need these files.
        log.warning("%s So there are no files for SoccerNet.", error)
        games = {}
    for game, halves in games.items():
        path = folder / "soccernet" / game / "results_spotting.json"
        write_json(path, results_spotting(game, halves))
    labels = Labels.read(job.input.labels, params.taught)
    write_json(folder / "osl.json", osl_json(job.wildcards.model, videos, labels))


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
