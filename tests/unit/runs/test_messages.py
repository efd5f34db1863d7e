"""What a run says names videos, slices, jobs, logs, and what to type next."""

import logging
import signal

import pytest

from touchline.runs.messages import at_end, at_failure, at_start, place
from touchline.runs.snakemake_events import RunEvents


@pytest.fixture
def events():
    return RunEvents()


def tell(events, event, **fields):
    """As Snakemake's logger does."""
    record = logging.LogRecord("snakemake", logging.INFO, "", 0, "", (), None)
    vars(record).update(fields, event=event)
    events.handle(record)


def run(events, job, slice):
    wildcards = {"model": "llava", "video": "3", "slice": str(slice)}
    tell(events, "job_info", jobid=job, rule_name="detect_slice", wildcards=wildcards)


def fail(events, job, number, status, log="own.log"):
    tell(
        events,
        "job_error",
        jobid=job,
        rule_name="detect_slice",
        rule_msg=f"SLURM-job '{number}' failed, SLURM status is: '{status}'. …",
        log=[f"{log} (check log file(s) for error details)", "slurm.log"],
        aux={"external_jobid": number},
    )


def test_what_failed_for_good_is_told_with_its_logs_and_the_next_step(events):
    run(events, 7, 2)
    fail(events, 7, "11", "TIMEOUT")
    run(events, 7, 2)
    fail(events, 7, "12", "CANCELLED")
    lines = at_failure(events.final(), is_interrupted=False)
    assert lines[:3] == [
        "Failed: detect_slice of llava, video 3, slice 2 (SLURM job 12: CANCELLED)",
        "  log: own.log",
        "  log: slurm.log",
    ]
    assert "type the same command again" in lines[-1]


def test_what_went_on_in_another_attempt_is_told_at_the_end(events):
    run(events, 7, 2)
    fail(events, 7, "11", "NODE_FAIL")
    tell(events, "job_finished", job_id=7)
    assert events.final() == []
    lines = at_end("results", ["results/summary.txt"], events.repeated())
    assert lines[1] == "  results/summary.txt"
    assert lines[-1] == "  detect_slice of llava, video 3, slice 2 (SLURM job 11: NODE_FAIL)"


def test_a_job_of_this_machine_has_no_number(events):
    tell(events, "job_info", jobid=1, rule_name="summarize", wildcards=None)
    tell(events, "job_error", jobid=1, rule_name="summarize", rule_msg=None, log=[], aux={})
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
        "Type the same command again: what is done stays, and slices go on where they were."
    ]


def test_of_many_failures_ten_are_told(events):
    for job in range(12):
        run(events, job, 0)
        fail(events, job, "1", "FAILED")
    lines = at_failure(events.final(), is_interrupted=False)
    assert sum(line.startswith("Failed") for line in lines) == 10
    assert "… and 2 more." in lines


def test_the_start_says_what_is_to_do_and_where(events):
    counts = {"detect_slice": 3, "merge_slices": 1, "all": 1, "total": 5}
    tell(events, "run_info", stats=counts)
    lines = at_start([4, 0, 1], ["llava"], 4, events.to_do, "here", "out", "status.py")
    assert lines[0] == "3 videos (0-1,4); results go to out/"
    assert lines[1] == "To watch: 3 of 12 slices, by llava; 9 are there already"
    assert lines[2] == "Beside that 1 short step; here"
    assert lines[3].endswith(": status.py")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((True, None, []), "go to SLURM"),
        ((False, 4, []), "no GPU, so slices run on its CPU"),
        ((False, None, ["0", "1"]), "with --resources gpu=2"),
        ((False, 1, ["0", "1"]), "2 GPUs each, 1 at once"),
    ],
)
def test_where_slices_run(arguments, words):
    assert words in place(*arguments)
