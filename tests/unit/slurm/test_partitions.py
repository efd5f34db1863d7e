"""Test the checks of a cluster and of its limits."""

from pathlib import Path

import pytest

from touchline.errors import InputError
from touchline.slurm.partitions import (
    Submission,
    check_cluster,
    early_failure_cause,
    failure_reason,
    has_accounting,
    longest_minutes,
)
from touchline.slurm.queue import results_mark, run_command


@pytest.mark.parametrize(
    ("kind", "there"),
    [("slurmdbd", True), ("none", False), ("", False)],
)
def test_accounting_is_detected_from_the_configuration(kind, there):
    line = f"AccountingStorageType   = accounting_storage/{kind}\n" if kind else ""
    assert has_accounting(f"AccountingStorageTRES   = cpu\n{line}") is there
    assert not has_accounting("AccountingStorageType   = (null)\n")


RESULTS = Path("results")
LIMITS = "cpu|7-00:00:00\ngpu*|1-00:00:00\nshort|10:00\nlong|infinite\n"


@pytest.mark.parametrize(
    ("partition", "minutes"),
    [
        (None, 1440),
        ("cpu", 7 * 1440),
        ("short", 10),
        ("short,gpu", 1440),
        ("short,long", None),
        ("long", None),
        ("unknown", None),
    ],
)
def test_longest_runtime_is_the_limit_of_the_job_s_partitions(partition, minutes):
    assert longest_minutes(LIMITS, partition) == minutes


@pytest.mark.parametrize("printed", ["", "gpu*", "gpu*|n/a", "PARTITION|TIMELIMIT"])
def test_unknown_time_limit_is_none(printed):
    assert longest_minutes(printed, None) is None


def test_array_jobs_and_groups_are_refused():
    with pytest.raises(InputError, match="slurm-array-jobs is refused"):
        check_cluster(Submission("all", {}, [], RESULTS), Path())
    with pytest.raises(InputError, match="share one GPU"):
        check_cluster(Submission(None, {"detect_slice": "a"}, [], RESULTS), Path())


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """Return a function that sets the output of `squeue`."""

    def printing(*lines):
        (tmp_path / "printed").write_text("".join(f"{line}\n" for line in lines))
        (tmp_path / "squeue").write_text(f"#!/bin/sh\ncat {tmp_path}/printed\n")
        (tmp_path / "squeue").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return printing


def test_jobs_with_the_folder_and_rules_of_this_run_are_listed_for_cancelling(squeue):
    lines = [
        "11|RUNNING|None|a|rule_detect_slice_wildcards_llava_0_3|/here/a|b",
        "12|RUNNING|None|a|rule_detect_slice_wildcards_llava_0_1|/elsewhere",
        "13|RUNNING|None|a|rule_of_thumb|/here/a|b",
        "14|RUNNING|None|a|(null)|/here/a|b",
        "15|PENDING|Resources|a|rule_quantize_model_wildcards_llava|/here/a|b",
        "16|CANCELLED|None|a|rule_detect_slice_wildcards_llava_0_2|/here/a|b",
        "nonsense",
    ]
    names = ["detect_slice", "quantize_model"]
    squeue(*lines)
    warning = check_cluster(Submission(None, {}, names, RESULTS), Path("/here/a|b"))
    assert warning
    assert warning.endswith("scancel 11 15")


def test_job_killed_for_memory_is_reported_as_out_of_memory():
    log = "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=4.0."
    assert failure_reason("FAILED", log) == "OUT_OF_MEMORY"
    assert failure_reason("FAILED", "some other end") == "FAILED"
    assert failure_reason("TIMEOUT", log) == "TIMEOUT"


def test_missing_or_failing_commands_return_none():
    assert run_command("touchline-has-no-such-command") is None
    assert run_command("false") is None


def test_warning_lists_jobs_of_an_earlier_run(tmp_path, squeue):
    squeue(f"17|RUNNING|None|a|rule_detect_slice_wildcards_llava|{tmp_path}")
    submission = Submission(None, {}, ["detect_slice"], RESULTS)
    warning = check_cluster(submission, tmp_path)
    assert warning
    assert warning.endswith("scancel 17")
    assert check_cluster(submission, tmp_path / "elsewhere") is None
    with pytest.raises(InputError, match="share one GPU"):
        check_cluster(Submission(None, {"detect_slice": "a"}, [], RESULTS), tmp_path)


def test_jobs_for_another_results_folder_are_not_listed_for_cancelling(tmp_path, squeue):
    marks = {name: results_mark(tmp_path / name) for name in ("results", "try")}
    about = f"rule_detect_slice|{tmp_path}"
    squeue(
        f"17|RUNNING|None|touchline_x_{marks['try']}|{about}",
        f"18|RUNNING|None|touchline_x_{marks['results']}|{about}",
        f"19|COMPLETING|None|touchline_x_{marks['results']}|{about}",
        f"20|SUSPENDED|None|touchline_x_{marks['results']}|{about}",
    )
    warning = check_cluster(Submission(None, {}, ["detect_slice"], RESULTS), tmp_path)
    assert warning
    assert warning.endswith("scancel 18 20")


# The end of SLURM's log of a job on a node without a home folder.
HOMELESS = """\
  File "/venv/lib/python3.11/site-packages/snakemake/sourcecache.py", line 791, in __init__
    os.makedirs(self.cache_path, exist_ok=True)

FileNotFoundError: [Errno 2] No such file or directory: '/home/user'

srun: error: node1: task 0: Exited with exit code 1
"""


def test_cause_of_an_early_failure_comes_from_slurm_s_log(tmp_path):
    log, own = tmp_path / "7.log", tmp_path / "slice.log"
    log.write_text(HOMELESS)
    cause = "FileNotFoundError: [Errno 2] No such file or directory: '/home/user'"
    assert early_failure_cause("FAILED", str(log), [str(own)]) == cause
    own.touch()
    assert early_failure_cause("FAILED", str(log), [str(own)]) == cause
    assert early_failure_cause("CANCELLED", str(log), [str(own)]) == ""
    assert early_failure_cause("FAILED", str(tmp_path / "none.log"), [str(own)]) == ""
    own.write_text("2026-01-01 10:00:00,000 ERROR match.mp4 cannot be read\n")
    assert early_failure_cause("FAILED", str(log), [str(own)]) == ""
