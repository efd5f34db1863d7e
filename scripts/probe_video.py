"""Make videos/video_{video}.json: what a video file is, from the file itself."""

from touchline.config import read_settings
from touchline.files import write_json
from touchline.logs import job_log
from touchline.probe import probe
from touchline.videos import read_videos

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        videos = read_videos(read_settings(snakemake.config).videos)
        manifest = probe(videos[int(snakemake.wildcards.video)], snakemake.params.max_duration)
        write_json(snakemake.output.manifest, manifest.model_dump())
