"""Make resources/models/{model}/adapter: an adapter from the hub, or links to one on disk."""

from pathlib import Path

from touchline.core.logs import job_log
from touchline.runs.rule_params import FetchAdapterParams
from touchline.weights.adapters import fetch

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        params = FetchAdapterParams.read(snakemake)
        fetch(params.adapter, params.revision, Path(snakemake.output.adapter))
