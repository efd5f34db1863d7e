"""Events of a run, in the form in which Snakemake passes them to its loggers."""

import logging


def emit(events, event, **fields):
    """Pass an event to a handler, as Snakemake's logger does."""
    record = logging.LogRecord("snakemake", logging.INFO, "", 0, "", (), None)
    vars(record).update(fields, event=event)
    events.handle(record)


def run(events, job, slice):
    """Report that a job of a slice has started."""
    wildcards = {"model": "llava", "video": "3", "slice": str(slice)}
    emit(events, "job_info", jobid=job, rule_name="detect_slice", wildcards=wildcards)


def fail(events, job, number, status, log="own.log"):
    """Report that SLURM ended a job of a slice."""
    emit(
        events,
        "job_error",
        jobid=job,
        rule_name="detect_slice",
        rule_msg=f"SLURM-job '{number}' failed, SLURM status is: '{status}'. …",
        log=[f"{log} (check log file(s) for error details)", "slurm.log"],
        aux={"external_jobid": number},
    )
