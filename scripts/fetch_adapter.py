"""Make resources/models/{model}/adapter: download an adapter, or link to a local one."""

from pathlib import Path

from touchline.core.logs import job_log
from touchline.runs.rule_params import FetchAdapterParams
from touchline.weights.adapters import fetch

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        params = FetchAdapterParams.read(snakemake)
        fetch(params.adapter, params.revision, Path(snakemake.output.adapter))
