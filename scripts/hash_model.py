"""Make models/files_{model}.json: the SHA-256 of each file that slices load."""

from pathlib import Path
from typing import Any

from touchline.core.files import write_json
from touchline.core.jobs import recorded_job
from touchline.core.records import ModelFiles
from touchline.runs.record import hashed_folder, packages
from touchline.weights.checkpoints import read_origin


def main(job: Any) -> None:
    folder = Path(job.input.checkpoint)
    record = ModelFiles(
        origin=read_origin(folder), packages=packages(), files=hashed_folder(folder)
    )
    write_json(job.output[0], record.model_dump())


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
