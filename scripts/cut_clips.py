"""Make clips/video_{video}/: one clip per event, one reel per class, a project of LosslessCut."""

from pathlib import Path
from typing import Any

from touchline.clips.cut import cut_video
from touchline.clips.plan import Moment, plan_clips
from touchline.core.files import read_record
from touchline.core.jobs import recorded_job
from touchline.core.logs import log
from touchline.core.records import Manifest
from touchline.evaluation.annotations import read_truth
from touchline.events.shortlist import read_shortlist
from touchline.inputs.fingerprint import check_fingerprint
from touchline.inputs.labels import Labels
from touchline.inputs.settings import read_table
from touchline.runs.rule_params import CutClipsParams


def main(job: Any) -> None:
    params = CutClipsParams.read(job)
    manifest = read_record(job.input.manifest[0], Manifest)
    path = read_table(job.config)[manifest.video].footage
    check_fingerprint(path, manifest)
    if job.input.truth:
        labels = Labels.read(job.input.labels, params.taught)
        truth = read_truth(job.input.truth[0], labels, of=params.name, duration=manifest.duration)
        for problem in truth.problems:
            log.warning("%s", problem)
        moments = [
            Moment(event.time_s, event.label, event.in_s, event.out_s)
            for event in truth.events
            if event.visible
        ]
        log.info("The clips show the visible events of %s: %d", job.input.truth[0], len(moments))
    else:
        moments = [
            Moment(event.time_s, event.label) for event in read_shortlist(job.input.shortlist[0])
        ]
        log.info("The events are the %d events of %s's shortlist.", len(moments), params.model)
    clips = plan_clips(
        moments,
        params.clips,
        name=params.name,
        video=manifest.video,
        duration=manifest.duration,
    )
    folder = Path(job.output.folder)
    listed = cut_video(manifest, path, clips, folder, exact=params.clips.exact, threads=job.threads)
    log.info("%d clips and %d reels are in %s", len(listed.clips), len(listed.reels), folder)


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
