"""Make resources/models/{model}/checkpoint: download a checkpoint, or link to a local one."""

from pathlib import Path

from touchline.core.logs import job_log
from touchline.runs.rule_params import FetchModelParams
from touchline.weights.checkpoints import fetch

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        params = FetchModelParams.read(snakemake)
        folder = Path(snakemake.output.checkpoint)
        fetch(
            params.checkpoint,
            params.revision,
            params.family,
            folder,
            trust_code=params.trust_code,
        )
