"""Test the parsing of SLURM's queue and the advice for blocked jobs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.slurm.queue import (
    QueuedJob,
    Stage,
    obstacle,
    own_jobs,
    read_queue,
    results_mark,
    stage_for_state,
    without_default_options,
)


def test_job_of_a_slice_is_parsed_from_the_queue():
    [job, other] = read_queue(
        [
            "17|PENDING|Resources|touchline_a-b_0123abcd|rule_detect_slice_wildcards_llava_0_3|/a|b\n",
            "",
            "18|RUNNING|None|wrap|(null)|/elsewhere",
        ]
    )
    assert (job.number, job.stage, job.reason) == ("17", Stage.PENDING, "Resources")
    assert (job.rule, job.wildcards, job.folder) == ("detect_slice", "llava_0_3", Path("/a|b"))
    assert (other.stage, other.rule, other.wildcards) == (Stage.RUNNING, "", "")
    assert (job.mark, other.mark) == ("0123abcd", "")


@given(st.lists(st.text()))
def test_any_queue_output_is_parsed_without_error(lines):
    assert len(read_queue(lines)) <= len(lines)


@pytest.mark.parametrize(
    ("state", "stage"),
    [
        ("COMPLETED", Stage.DONE),
        ("COMPLETING", Stage.COMPLETING),
        ("CANCELLED by 1000", Stage.DEAD),
        ("PREEMPTED", Stage.DEAD),
        ("REQUEUED", Stage.PENDING),
        ("SUSPENDED", Stage.SUSPENDED),
        ("SIGNALING", Stage.RUNNING),
    ],
)
def test_each_slurm_state_has_a_stage(state, stage):
    assert stage_for_state(state) is stage


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("PartitionTimeLimit", "shorter runtime"),
        ("QOSMaxWallDurationPerJobLimit", "shorter runtime"),
        ("BadConstraints", "gpu_model"),
        ("InvalidAccount", "slurm_account"),
        ("AssocGrpCPUMinutesLimit", "compute time is used up"),
        ("QOSMaxGRESPerJob", "another qos"),
        ("QOSMaxMemoryPerJob", "mem_mb"),
        ("AssocMaxJobsLimit", "other jobs of yours"),
        ("QOSMaxJobsPerUserLimit", "other jobs of yours"),
        ("QOSMaxGRESPerUser", "other jobs of yours"),
        ("ReqNodeNotAvail, UnavailableNodes:n1", "down or reserved"),
        ("JobHeldAdmin", "scontrol release"),
        ("job requeued in held state", "scontrol release"),
    ],
)
def test_advice_for_a_blocked_job_names_the_change(reason, change):
    assert change in obstacle(reason)


@pytest.mark.parametrize("reason", ["Resources", "Priority", "None", "", "BeginTime"])
def test_job_waiting_its_turn_needs_no_advice(reason):
    assert obstacle(reason) is None


@pytest.mark.parametrize(
    ("reason", "shown"), [("Priority", "PENDING (Priority)"), ("None", "PENDING"), ("", "PENDING")]
)
def test_state_is_shown_with_its_reason(reason, shown):
    assert QueuedJob("1", "PENDING", reason).state_and_reason == shown


def test_jobs_of_other_results_belong_to_another_run(tmp_path):
    folder, results = tmp_path / "project", Path("results")
    job = QueuedJob("1", "RUNNING", folder=folder, mark=results_mark(folder / results))
    assert job.is_for(results, folder)
    assert job.is_for(folder / results, tmp_path / "elsewhere"), "the path may be absolute"
    assert not job.is_for(Path("try"), folder)
    assert not job.is_for(results, tmp_path / "elsewhere")


def test_job_without_a_hash_in_its_name_belongs_to_the_run_of_its_folder(tmp_path):
    job = QueuedJob("1", "RUNNING", folder=tmp_path)
    assert job.is_for(Path("results"), tmp_path)
    assert not job.is_for(Path("results"), tmp_path / "elsewhere")


def test_hash_is_equal_for_all_paths_to_the_same_results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    paths = ["results", "./results", "link/results", tmp_path / "results"]
    assert len({results_mark(path) for path in paths}) == 1


def test_default_options_that_change_the_output_of_slurm_are_removed():
    kept = {"PATH": "/bin", "SLURM_CLUSTERS": "b", "SBATCH_ACCOUNT": "a", "SBATCH_PARTITION": "p"}
    changing = ["SQUEUE_PARTITION", "SQUEUE_STATES", "SACCT_FEDERATION", "SINFO_PARTITION"]
    changing += ["SCANCEL_STATE", "SBATCH_WAIT", "SBATCH_ARRAY_INX", "SBATCH_MEM_PER_CPU"]
    cleaned = without_default_options(kept | dict.fromkeys(changing, "1"))
    assert cleaned == kept | {"SQUEUE_ALL": "1"}


def test_queue_is_read_from_the_cluster_that_jobs_are_sent_to():
    cleaned = without_default_options({"SBATCH_CLUSTERS": "b", "SLURM_CLUSTERS": "a"})
    assert cleaned["SBATCH_CLUSTERS"] == cleaned["SLURM_CLUSTERS"] == "b"


def test_queue_query_ignores_preset_options(tmp_path, monkeypatch):
    # `squeue` as SLURM has it: it hides jobs without --all, and its variables are options.
    (tmp_path / "squeue").write_text(
        '#!/bin/sh\n[ "$SQUEUE_PARTITION" ] && exit\n'
        'case " $* " in *" --all "*) echo "7|RUNNING|None|a|rule_detect_slice|/here";; esac\n'
    )
    (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("SQUEUE_PARTITION", "other")
    assert [job.number for job in own_jobs() or []] == ["7"]
