"""Test the parsing of refusals by `sbatch`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.slurm.refusals import parse_refusal


def refusal(words):
    return parse_refusal(
        f"SLURM sbatch failed. The error message was '{words}'.\n    sbatch call:\n        sbatch"
    )


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("Invalid account or account/partition combination specified", "slurm_account"),
        ("Invalid partition name specified", "slurm_partition"),
        ("Invalid qos specification", "qos"),
        ("Requested time limit is invalid (missing or exceeds some limit)", "runtime"),
        ("Requested node configuration is not available", "gpu_model"),
        ("Requested node configuration is not available", "gres"),
        ("Memory required by task is not available", "mem_mb"),
        ("Invalid generic resource (gres) specification", "gres"),
        ("User's group not permitted to use this partition", "slurm_partition"),
    ],
)
def test_permanent_refusal_names_the_settings_to_change(words, key):
    refused = refusal(f"sbatch: error: Batch job submission failed: {words}")
    assert refused.words == words
    assert key in refused.advice
    assert not refused.is_temporary


@pytest.mark.parametrize(
    "words",
    [
        "Unable to contact slurm controller (connect failure)",
        "Socket timed out on send/recv operation",
        "Slurm temporarily unable to accept job, sleeping and retrying",
    ],
)
def test_temporary_refusal_has_no_advice(words):
    refused = refusal(f"sbatch: error: Batch job submission failed: {words}")
    assert refused.is_temporary
    assert refused.advice is None


POLICY = "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"


@pytest.mark.parametrize(
    "limit",
    [
        "QOSMaxSubmitJobPerUserLimit",
        "QOSMaxSubmitJobPerAccountLimit",
        "QOSGrpSubmitJobsLimit",
        "AssocMaxSubmitJobLimit",
        "AssocGrpSubmitJobsLimit",
        None,
    ],
)
def test_limit_on_queued_jobs_is_temporary(limit):
    named = f"sbatch: error: {limit}\n" if limit else ""
    refused = refusal(f"{named}sbatch: error: Batch job submission failed: {POLICY}")
    assert refused.words == (f"{limit}; {POLICY}" if limit else POLICY)
    assert refused.is_temporary
    assert refused.is_for_too_many_jobs
    assert "--jobs N" in refused.advice
    assert "ask for a higher limit" in refused.advice


@pytest.mark.parametrize("limit", ["QOSMaxGRESPerJob", "AssocMaxWallDurationPerJobLimit"])
def test_refusal_for_the_size_of_a_single_job_is_permanent(limit):
    refused = refusal(f"sbatch: error: {limit}\nsbatch: error: {POLICY}")
    assert not refused.is_temporary
    assert "qos" in refused.advice
    assert "--jobs" not in refused.advice


def test_refusal_by_the_plugin_is_parsed():
    refused = parse_refusal(
        "Job submission failed with exception: The given account a appears to be invalid. "
        "Available accounts:\nb, cFor further error details see the cluster/cloud log and …"
    )
    assert refused.words == "The given account a appears to be invalid. Available accounts: b, c"
    assert "slurm_account" in refused.advice


@given(st.text())
def test_other_messages_are_not_refusals(text):
    assert parse_refusal(f"SLURM-job '7' failed: {text}") is None
    refused = refusal(text)
    assert refused is None or isinstance(refused.advice, str | None)
