"""Test which jobs are reported as failed or repeated."""

import logging
import signal

import pytest
from snakemake_log import emit, fail, run

from touchline.runs.messages import end_lines, failure_lines
from touchline.runs.snakemake_events import shorten_reason


def test_repeated_attempts_are_reported_at_the_end(events):
    run(events, 7, 2)
    fail(events, 7, "11", "NODE_FAIL")
    emit(events, "job_finished", job_id=7)
    assert events.final() == []
    lines = end_lines("results", ["results/summary.txt"], events.repeated())
    assert lines[1] == "  results/summary.txt"
    assert lines[-1] == "  detect_slice of llava, video 3, slice 2 (SLURM job 11: NODE_FAIL)"


def test_failed_local_job_is_reported_without_a_job_number(events):
    emit(events, "job_info", jobid=1, rule_name="summarize", wildcards=None)
    emit(events, "job_error", jobid=1, rule_name="summarize", rule_msg=None, log=[], aux={})
    assert failure_lines(events.final(), is_interrupted=False)[0] == "Failed: summarize"


def test_interrupted_jobs_are_not_failures(events):
    run(events, 6, 1)
    fail(events, 6, "11", "OUT_OF_MEMORY")
    run(events, 7, 2)
    # A job on this machine may end before Snakemake handles the signal.
    emit(events, "job_error", jobid=8, rule_name="merge_slices", rule_msg=None, log=[], aux={})
    before = signal.getsignal(signal.SIGINT)
    events.listen_for(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    fail(events, 7, "12", "CANCELLED")
    assert failure_lines(events.final(), events.is_interrupted)[0::3] == [
        "Failed: detect_slice of llava, video 3, slice 1 (SLURM job 11: OUT_OF_MEMORY)",
        "Interrupted before everything was done.",
    ]
    assert failure_lines([], is_interrupted=True)[1:] == [
        "Type the same command again: finished jobs are kept, and slices resume where they stopped."
    ]


def test_failed_attempts_are_counted_by_job_and_reason(events):
    for number, status in [("11", "TIMEOUT"), ("12", "CANCELLED"), ("13", "TIMEOUT")]:
        run(events, 7, 2)
        fail(events, 7, number, status)
    run(events, 8, 3)
    fail(events, 8, "14", "TIMEOUT")
    slice_2 = {"model": "llava", "video": "3", "slice": "2"}
    assert events.ended_by("TIMEOUT", "detect_slice", slice_2) == 2
    assert events.ended_by("OUT_OF_MEMORY", "detect_slice", slice_2) == 0
    assert events.ended_by("TIMEOUT", "merge_slices", slice_2) == 0


def test_job_refused_by_slurm_is_reported_with_the_reason_and_advice(events):
    run(events, 7, 2)
    message = (
        "SLURM sbatch failed. The error message was 'sbatch: error: Batch job submission failed: "
        "Invalid qos specification'.\n    sbatch call:\n        sbatch --parsable\n"
    )
    emit(
        events, "job_error", jobid=7, rule_name="detect_slice", rule_msg=message, log=["a"], aux={}
    )
    assert failure_lines(events.final(), is_interrupted=False)[:3] == [
        "Failed: detect_slice of llava, video 3, slice 2",
        "  SLURM refuses the job: Invalid qos specification",
        "  correct: qos in profiles/slurm/config.yaml",
    ]


@pytest.mark.parametrize("count", [1, 200])
def test_reason_with_many_files_is_shortened(count):
    files = ", ".join(f"results/events/events_llava_video_{n}.csv" for n in range(count))
    reason = f"Input files updated by another job: {files}"
    record = logging.makeLogRecord({"reason": reason})
    assert shorten_reason(record)
    if count == 1:
        assert record.reason == reason
    else:
        assert len(record.reason) < 330
        named = record.reason.count("results/")
        assert record.reason.endswith(f"video_{named - 1}.csv and {count - named} more")
