"""What would wait for ever, or do work twice, is refused before it starts."""

from pathlib import Path

import pytest

from touchline.errors import InputError
from touchline.runs.slurm import (
    Submission,
    check_cluster,
    check_polling,
    check_refused,
    earlier_jobs,
    output_of,
    reason_of,
)


def configuration(accounting, age):
    return f"AccountingStorageType   = {accounting}\nMinJobAge               = {age} sec\n"


DATABASE, NONE = "accounting_storage/slurmdbd", "accounting_storage/none"


@pytest.mark.parametrize(
    ("accounting", "age", "command"),
    [(DATABASE, 300, "squeue"), (NONE, 300, "squeue"), (DATABASE, 2, "sacct"), ("", 0, "sacct")],
)
def test_clusters_that_report_how_jobs_end(accounting, age, command):
    check_polling(configuration(accounting, age) if accounting else "", command)


@pytest.mark.parametrize(
    ("accounting", "age", "command", "sentence"),
    [
        (NONE, 300, "sacct", "set slurm-status-command: squeue in"),
        ("(null)", 300, "sacct", "set slurm-status-command: squeue in"),
        (DATABASE, 120, "squeue", "set slurm-status-command: sacct in"),
        (NONE, 120, "squeue", "ask the administrators for 300 s"),
    ],
)
def test_clusters_that_do_not(accounting, age, command, sentence):
    with pytest.raises(InputError, match=sentence):
        check_polling(configuration(accounting, age), command)


def test_array_jobs_and_groups_are_refused():
    check_refused(None, {})
    with pytest.raises(InputError, match="slurm-array-jobs is refused"):
        check_refused("all", {})
    with pytest.raises(InputError, match="share one GPU"):
        check_refused(None, {"detect_slice": "a"})


def test_jobs_left_by_an_earlier_run_are_those_of_this_folder_and_these_rules():
    queue = [
        "11|rule_detect_slice_wildcards_llava_0_3|/here/a|b",
        "12|rule_detect_slice_wildcards_llava_0_1|/elsewhere",
        "13|rule_of_thumb|/here/a|b",
        "14|(null)|/here/a|b",
        "15|rule_quantize_model_wildcards_llava|/here/a|b",
        "nonsense",
    ]
    names = ["detect_slice", "quantize_model"]
    assert earlier_jobs(queue, Path("/here/a|b"), names) == ["11", "15"]


def test_a_step_killed_for_memory_is_reported_as_such():
    log = "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=4.0."
    assert reason_of("FAILED", log) == "OUT_OF_MEMORY"
    assert reason_of("FAILED", "some other end") == "FAILED"
    assert reason_of("TIMEOUT", log) == "TIMEOUT"


def test_commands_that_are_not_there_or_fail_say_nothing():
    assert output_of("touchline-has-no-such-command") == ""
    assert output_of("false") == ""


def test_jobs_of_an_earlier_run_are_named(tmp_path, monkeypatch):
    job = f"17|rule_detect_slice_wildcards_llava|{tmp_path}"
    (tmp_path / "squeue").write_text(f"#!/bin/sh\necho '{job}'\n")
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    submission = Submission("squeue", None, {}, ["detect_slice"])
    warning = check_cluster(submission, tmp_path)
    assert warning
    assert warning.endswith("scancel 17")
    assert check_cluster(submission, tmp_path / "elsewhere") is None
    with pytest.raises(InputError, match="share one GPU"):
        check_cluster(Submission("squeue", None, {"detect_slice": "a"}, []), tmp_path)
