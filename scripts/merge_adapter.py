"""Make resources/models/{model}/merged: a checkpoint with an adapter merged into its weights."""

from pathlib import Path

from touchline.core.logs import job_log
from touchline.models.merge_adapter import merge

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        source, adapter = Path(snakemake.input.checkpoint), Path(snakemake.input.adapter)
        merge(source, adapter, Path(snakemake.output.merged))
