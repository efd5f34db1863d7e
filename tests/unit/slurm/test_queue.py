"""What `squeue` prints, in a few words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.slurm.queue import Stage, obstacle, read_queue, stage_of


def test_a_job_of_a_slice():
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
def test_nothing_that_is_printed_is_an_error(lines):
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
def test_states(state, stage):
    assert stage_of(state) is stage


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
        ("AssocMaxJobsLimit", "others of yours"),
        ("QOSMaxJobsPerUserLimit", "others of yours"),
        ("QOSMaxGRESPerUser", "others of yours"),
        ("ReqNodeNotAvail, UnavailableNodes:n1", "down or reserved"),
        ("JobHeldAdmin", "scontrol release"),
        ("job requeued in held state", "scontrol release"),
    ],
)
def test_what_time_alone_does_not_solve(reason, change):
    assert change in obstacle(reason)


@pytest.mark.parametrize("reason", ["Resources", "Priority", "None", "", "BeginTime"])
def test_what_it_does(reason):
    assert obstacle(reason) is None
