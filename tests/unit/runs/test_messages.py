"""What a run says names videos, slices, jobs, logs, and what to type next."""

import pytest
from snakemake_log import emit, fail, run

from touchline.runs.messages import at_failure, at_start, place


def test_what_failed_for_good_is_reported_with_its_logs_and_the_next_step(events):
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


def test_job_that_failed_before_its_program_is_reported_with_the_cause(
    events, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slurm.log").write_text(
        "OSError: [Errno 30] Read-only file system: '/home/user'\nsrun: error: n1: task 0: Exited\n"
    )
    run(events, 7, 2)
    fail(events, 7, "11", "FAILED")
    line = "  SLURM's log ends with: OSError: [Errno 30] Read-only file system: '/home/user'"
    assert line in at_failure(events.final(), is_interrupted=False)


def test_of_many_failures_ten_are_named(events):
    for job in range(12):
        run(events, job, 0)
        fail(events, job, "1", "FAILED")
    lines = at_failure(events.final(), is_interrupted=False)
    assert sum(line.startswith("Failed") for line in lines) == 10
    assert "… and 2 more." in lines


def test_the_start_says_what_is_to_do_and_where(events):
    counts = {"detect_slice": 3, "merge_slices": 1, "all": 1, "total": 5}
    emit(events, "run_info", stats=counts)
    lines = at_start(
        [4, 0, 1], ["llava"], 4, events.to_do, where="here", results="out", status="status.py"
    )
    assert lines[0] == "3 videos (0-1,4); results go to out/"
    assert lines[1] == "To watch: 3 of 12 slices, by llava; 9 are there already"
    assert lines[2] == "Beside that 1 short step; here"
    assert lines[3].endswith(": status.py")


def test_without_slices_the_start_says_nothing_of_where_they_run(events):
    emit(events, "run_info", stats={"read_given": 60, "compare_models": 6, "all": 1, "total": 67})
    lines = at_start(
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
        ((False, None, 2), "with --resources gpu=2"),
        ((False, 1, 2), "2 GPUs each, 1 at once"),
    ],
)
def test_where_slices_run(arguments, words):
    assert words in place(*arguments)
