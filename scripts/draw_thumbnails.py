"""Make thumbnails/thumbnails_video_{video}.json: small pictures of the moments to judge."""

from touchline.config import read_settings
from touchline.errors import InputError
from touchline.files import read_record, write_json
from touchline.fingerprint import check_fingerprint
from touchline.logs import job_log, log
from touchline.records import Manifest
from touchline.report.match import moment_in_view, read_match
from touchline.report.thumbnails import pictured, thumbnails
from touchline.videos import read_videos


def main(job) -> None:
    manifest = read_record(job.input.manifest[0], Manifest)
    match = read_match(manifest.video, job.params.models, manifest.half, job.input)
    moments = pictured(match.moments(job.params.tolerance))
    times = [
        (moment.time_s, moment_in_view(moment, job.params.window, manifest.duration))
        for moment in moments
    ]
    path = read_videos(read_settings(job.config).videos)[manifest.video].path
    try:
        check_fingerprint(path, manifest)
        pictures = thumbnails(manifest, path, times, job.threads)
    except InputError as error:
        # The page is whole without pictures; deleting this file asks for them again.
        log.warning("There are no pictures: %s", error)
        pictures = []
    log.info("%d moments, %d pictures", len(moments), len(pictures))
    write_json(job.output.pictures, [picture.model_dump() for picture in pictures])


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(snakemake)
