"""A run's events, as Snakemake gives them to its loggers."""

import logging


def emit(events, event, **fields):
    """As Snakemake's logger does."""
    record = logging.LogRecord("snakemake", logging.INFO, "", 0, "", (), None)
    vars(record).update(fields, event=event)
    events.handle(record)


def run(events, job, slice):
    wildcards = {"model": "llava", "video": "3", "slice": str(slice)}
    emit(events, "job_info", jobid=job, rule_name="detect_slice", wildcards=wildcards)


def fail(events, job, number, status, log="own.log"):
    emit(
        events,
        "job_error",
        jobid=job,
        rule_name="detect_slice",
        rule_msg=f"SLURM-job '{number}' failed, SLURM status is: '{status}'. …",
        log=[f"{log} (check log file(s) for error details)", "slurm.log"],
        aux={"external_jobid": number},
    )
