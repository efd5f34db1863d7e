"""Which jobs failed for good, and which went on in another attempt."""

import signal

import pytest
from snakemake_log import emit, fail, run

from touchline.runs.messages import at_end, at_failure


def test_what_went_on_in_another_attempt_is_reported_at_the_end(events):
    run(events, 7, 2)
    fail(events, 7, "11", "NODE_FAIL")
    emit(events, "job_finished", job_id=7)
    assert events.final() == []
    lines = at_end("results", ["results/summary.txt"], events.repeated())
    assert lines[1] == "  results/summary.txt"
    assert lines[-1] == "  detect_slice of llava, video 3, slice 2 (SLURM job 11: NODE_FAIL)"


def test_a_job_of_this_machine_has_no_number(events):
    emit(events, "job_info", jobid=1, rule_name="summarize", wildcards=None)
    emit(events, "job_error", jobid=1, rule_name="summarize", rule_msg=None, log=[], aux={})
    assert at_failure(events.final(), is_interrupted=False)[0] == "Failed: summarize"


def test_what_an_interruption_ends_has_not_failed(events):
    run(events, 6, 1)
    fail(events, 6, "11", "OUT_OF_MEMORY")
    run(events, 7, 2)
    before = signal.getsignal(signal.SIGINT)
    events.listen_for(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    fail(events, 7, "12", "CANCELLED")
    assert at_failure(events.final(), events.is_interrupted)[0::3] == [
        "Failed: detect_slice of llava, video 3, slice 1 (SLURM job 11: OUT_OF_MEMORY)",
        "Interrupted before everything was done.",
    ]
    assert at_failure([], is_interrupted=True)[1:] == [
        "Type the same command again: what is done stays, and slices continue where they were."
    ]
