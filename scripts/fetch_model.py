"""Make resources/models/{model}/checkpoint: a checkpoint from the hub, or links to one on disk."""

from pathlib import Path

from touchline.checkpoints import fetch
from touchline.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        params = snakemake.params
        folder = Path(snakemake.output.checkpoint)
        fetch(params.checkpoint, params.revision, params.family, folder)
