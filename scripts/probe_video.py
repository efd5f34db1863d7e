"""Make videos/video_{video}.json: the manifest of a video file."""

from touchline.core.files import write_json
from touchline.core.jobs import recorded_job
from touchline.inputs.settings import read_table
from touchline.runs.rule_params import ProbeVideoParams
from touchline.video.probe import probe

if __name__ == "__main__":
    with recorded_job(snakemake):
        params = ProbeVideoParams.read(snakemake)
        videos = read_table(snakemake.config)
        manifest = probe(videos[int(snakemake.wildcards.video)], params.max_duration)
        write_json(snakemake.output.manifest, manifest.model_dump())
