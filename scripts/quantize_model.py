"""Make resources/models/{model}/nf4: a checkpoint's 4-bit copy, which every slice loads."""

from pathlib import Path

from touchline.core.gpu_lease import lease_gpu
from touchline.core.logs import job_log
from touchline.models.cuda import check_usable

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        check_usable(lease_gpu())
        from touchline.models.quantize import quantize

        quantize(Path(snakemake.input.checkpoint), Path(snakemake.output.quantized))
