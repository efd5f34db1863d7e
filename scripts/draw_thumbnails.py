"""Make thumbnails/thumbnails_video_{video}.json: small pictures of the moments to review."""

from typing import Any

from touchline.core.files import read_record, write_json
from touchline.core.jobs import recorded_job
from touchline.core.logs import log
from touchline.core.records import Manifest
from touchline.errors import InputError
from touchline.events.shortlist import shortlist
from touchline.inputs.fingerprint import check_fingerprint
from touchline.inputs.settings import read_table
from touchline.report.match_page import moment_in_view, read_match
from touchline.report.thumbnails import moments_with_pictures, thumbnails
from touchline.runs.rule_params import DrawThumbnailsParams


def main(job: Any) -> None:
    params = DrawThumbnailsParams.read(job)
    manifest = read_record(job.input.manifest[0], Manifest)
    match = read_match(
        manifest.video,
        params.models,
        job.input,
        of=params.half,
        classes=params.classes,
        taught=params.taught,
    )
    # Ranked by score, because a ranking learnt from new labels would draw all pictures again.
    listed = {
        track.events[place]
        for track in match.tracks.values()
        for place in shortlist(track.events, match.labels.classes, params.per_class)
    }
    moments = moments_with_pictures(match.moments(params.tolerance), listed)
    times = [
        (moment.time_s, moment_in_view(moment, params.window, manifest.duration))
        for moment in moments
    ]
    path = read_table(job.config)[manifest.video].footage
    try:
        check_fingerprint(path, manifest)
        pictures = thumbnails(manifest, path, times, job.threads)
    except InputError as error:
        # The page works without pictures. Deleting this file draws them.
        log.warning("There are no pictures: %s", error)
        pictures = []
    log.info("%d moments, %d pictures", len(moments), len(pictures))
    write_json(job.output.pictures, [picture.model_dump() for picture in pictures])


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
