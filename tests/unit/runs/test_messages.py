"""Test the lines that a run prints."""

import pytest
from snakemake_log import emit, fail, run

from touchline.runs.messages import failure_lines, place, start_lines


def test_failed_job_is_reported_with_logs_and_next_step(events):
    run(events, 7, 2)
    fail(events, 7, "11", "TIMEOUT")
    run(events, 7, 2)
    fail(events, 7, "12", "CANCELLED")
    lines = failure_lines(events.final(), is_interrupted=False)
    assert lines[:3] == [
        "Failed: detect_slice of llava, video 3, slice 2 (SLURM job 12: CANCELLED)",
        "  log: own.log",
        "  log: slurm.log",
    ]
    assert "type the same command again" in lines[-1]


def test_job_that_failed_before_its_program_started_is_reported(events, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slurm.log").write_text(
        "OSError: [Errno 30] Read-only file system: '/home/user'\nsrun: error: n1: task 0: Exited\n"
    )
    run(events, 7, 2)
    fail(events, 7, "11", "FAILED")
    line = "  SLURM's log ends with: OSError: [Errno 30] Read-only file system: '/home/user'"
    assert line in failure_lines(events.final(), is_interrupted=False)


def test_only_ten_failures_are_named(events):
    for job in range(12):
        run(events, job, 0)
        fail(events, job, "1", "FAILED")
    lines = failure_lines(events.final(), is_interrupted=False)
    assert sum(line.startswith("Failed") for line in lines) == 10
    assert "… and 2 more." in lines


def test_first_lines_of_a_run_say_how_many_jobs_run_and_where(events):
    counts = {"detect_slice": 3, "merge_slices": 1, "all": 1, "total": 5}
    emit(events, "run_info", stats=counts)
    lines = start_lines(
        [4, 0, 1], ["llava"], 4, events.to_do, where="here", results="out", status="status.py"
    )
    assert lines[0] == "3 videos (0-1,4); results go to out/"
    assert lines[1] == "To detect: 3 of 12 slices, with llava; 9 are done already"
    assert lines[2] == "Also to do: 1 short step; here"
    assert lines[3].endswith(": status.py")


def test_first_lines_of_a_run_without_slices_do_not_say_where_slices_run(events):
    emit(events, "run_info", stats={"read_given": 60, "compare_models": 6, "all": 1, "total": 67})
    lines = start_lines(
        [0, 1],
        [],
        4,
        events.to_do,
        where="so slices run on its CPU",
        results="out",
        status="status.py",
    )
    assert lines == ["2 videos (0-1); results go to out/", "To do: 66 short steps"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((True, None, 0), "go to SLURM"),
        ((False, 4, 0), "no GPU, so slices run on its CPU"),
        ((False, None, 2), "add --resources gpu=2"),
        ((False, 1, 2), "2 GPUs; 1 run at once"),
    ],
)
def test_slices_run_on_slurm_or_the_cpu_or_the_gpus(arguments, words):
    assert words in place(*arguments)
