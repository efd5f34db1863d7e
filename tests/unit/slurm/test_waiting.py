"""Test the times and texts of lines about waiting jobs."""

import time

import pytest

from touchline.slurm.queue import read_queue
from touchline.slurm.waiting import WaitingReport

# As `squeue` of SLURM 22.05 printed it.
QUEUE = """\
6|PENDING|Priority|touchline|rule_detect_slice_wildcards_llava_0_0|/here
7|PENDING|Priority|touchline|rule_detect_slice_wildcards_llava_0_1|/here
8|PENDING|job requeued in held state|touchline|rule_detect_slice_wildcards_llava_0_2|/here
9|COMPLETING|None|touchline|rule_detect_slice_wildcards_llava_0_3|/here
10|SUSPENDED|None|touchline|rule_detect_slice_wildcards_llava_1_0|/here
11|RUNNING|None|touchline|rule_detect_slice_wildcards_llava_1_1|/here
12|COMPLETED|None|touchline|rule_detect_slice_wildcards_llava_1_2|/here
"""
JOBS = read_queue(QUEUE.splitlines())


@pytest.fixture
def clock(monkeypatch):
    """Return a function that sets the time."""

    def at(seconds):
        monkeypatch.setattr(time, "monotonic", lambda: 1000.0 + seconds)

    return at


def lines_at(report, clock, times, jobs=JOBS, refused=0):
    """Return the times at which a line is due."""
    found = []
    for seconds in times:
        clock(seconds)
        if report.line(jobs, refused):
            found.append(seconds)
    return found


def test_line_counts_waiting_jobs_by_state_and_reason(clock):
    report = WaitingReport()
    clock(0)
    assert report.line(JOBS, 3) is None
    clock(180)
    assert report.line(JOBS, 3) == (
        "Waiting jobs: 2 PENDING (Priority), 1 PENDING (job requeued in held state), "
        "1 COMPLETING, 1 SUSPENDED, 3 refused by SLURM so far."
    )


def test_pause_between_lines_doubles_up_to_ten_minutes(clock):
    times = range(0, 3600, 10)
    assert lines_at(WaitingReport(), clock, times) == [60, 180, 420, 900, 1500, 2100, 2700, 3300]


def test_refused_jobs_count_as_waiting(clock):
    assert lines_at(WaitingReport(), clock, [0, 60, 70], jobs=[], refused=1) == [60]


def test_no_line_while_all_jobs_run(clock):
    report = WaitingReport()
    running = [job for job in JOBS if job.state in ("RUNNING", "COMPLETED")]
    assert lines_at(report, clock, range(0, 3600, 10), jobs=running) == []


def test_timer_restarts_after_all_jobs_ran(clock):
    report = WaitingReport()
    assert lines_at(report, clock, [0, 50]) == []
    assert lines_at(report, clock, [55], jobs=[]) == []
    assert lines_at(report, clock, [57, 100, 117]) == [117]
