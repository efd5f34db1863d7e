"""Make run.json: versions, settings and hashes of the run."""

from pathlib import Path
from typing import Any

from touchline.core.files import write_json
from touchline.core.logs import job_log, log
from touchline.runs.inputs import find_inputs
from touchline.runs.plan import Plan
from touchline.runs.record import record_run
from touchline.runs.rule_params import RecordRunParams

PROJECT = Path(__file__).resolve().parents[1]


def main(job: Any) -> None:
    plan = Plan(find_inputs(job.config, PROJECT))
    results = RecordRunParams.read(job).results
    record = record_run(plan, job.config, results, PROJECT)
    write_json(job.output[0], record.model_dump())
    for name in record.changed:
        log.warning(
            "%s was changed after its job ended. To make it again, delete it and run again.",
            name,
        )
    log.info("Recorded %d results", len(record.results))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(snakemake)
