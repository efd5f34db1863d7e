"""Make videos/video_{video}.json: what a video file is, from the file itself."""

from touchline.core.files import write_json
from touchline.core.jobs import recorded_job
from touchline.inputs.settings import read_table
from touchline.video.probe import probe

if __name__ == "__main__":
    with recorded_job(snakemake):
        videos = read_table(snakemake.config)
        manifest = probe(videos[int(snakemake.wildcards.video)], snakemake.params.max_duration)
        write_json(snakemake.output.manifest, manifest.model_dump())
