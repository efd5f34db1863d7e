"""Make resources/models/{model}/nf4: a checkpoint's 4-bit copy, which every slice loads."""

from pathlib import Path

from touchline.cuda import check_usable
from touchline.gpus import leased_gpu
from touchline.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]), leased_gpu() as gpu:
        check_usable(gpu)
        from touchline.loading import quantize

        quantize(Path(snakemake.input.checkpoint), Path(snakemake.output.quantized))
