"""Make resources/models/{model}/nf4: a checkpoint's 4-bit copy for all slices."""

from pathlib import Path

from rich.filesize import decimal

from touchline.core.gpu_lease import lease_gpu
from touchline.core.logs import job_log, log
from touchline.models.cuda import check_usable
from touchline.weights.checkpoints import weight_bytes

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        check_usable(lease_gpu())
        from touchline.models.quantize import quantize

        source, folder = Path(snakemake.input.checkpoint), Path(snakemake.output.quantized)
        log.info("Quantizing %s of weights.", decimal(weight_bytes(source)))
        quantize(source, folder)
        log.info(
            "The weights in 4 bits take %s on disk, in %s.", decimal(weight_bytes(folder)), folder
        )
