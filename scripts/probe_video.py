"""Make videos/video_{video}.json: what a video file is, from the file itself."""

from touchline.core.files import write_json
from touchline.core.logs import job_log
from touchline.inputs.settings import read_settings
from touchline.inputs.videos import read_videos
from touchline.video.probe import probe

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        videos = read_videos(read_settings(snakemake.config).videos)
        manifest = probe(videos[int(snakemake.wildcards.video)], snakemake.params.max_duration)
        write_json(snakemake.output.manifest, manifest.model_dump())
