"""What a run does at its two ends, beside what it says."""

import logging
import sys
from pathlib import Path

import pytest

from touchline.core import paths
from touchline.errors import InputError
from touchline.inputs.settings import Settings
from touchline.runs import lifecycle
from touchline.runs.environment import check_environment
from touchline.runs.plan import Plan
from touchline.runs.preflight import Inputs
from touchline.runs.slurm import Submission, check_cluster
from touchline.runs.snakemake_events import RunEvents

LOGGER = logging.getLogger("run")


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """A video in two slices by one model; in the folder of the test."""
    monkeypatch.chdir(tmp_path)
    settings = Settings.model_validate(
        {"models": {"llava": {"checkpoint": "a"}}, "compare_with": [], "slices": 2}
    )
    return Plan(Inputs(settings, {}, [0], {0: {}}, {}, {0: "video_0"}, [0]))


def make(file) -> Path:
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).touch()
    return Path(file)


def test_the_journals_of_finished_slices_are_thrown_away(plan, caplog):
    caplog.set_level(logging.INFO)
    journals = [make(f"{folder}/key") for folder in plan.files(paths.JOURNAL, plan.slices)]
    for pattern in (paths.PARTIAL, paths.LEDGER):
        make(plan.files(pattern, plan.slices)[0])
    events = make(plan.files(paths.EVENTS, plan.detected)[0])
    lifecycle.end(plan, RunEvents(), LOGGER)
    assert [journal.exists() for journal in journals] == [False, True]
    assert f"  {events}" in caplog.text
    assert "summary.txt" not in caplog.text


def test_an_environment_that_lacks_something_is_refused(monkeypatch):
    check_environment(with_video=False, project=Path("/here"))
    monkeypatch.setitem(sys.modules, "av", None)
    check_environment(with_video=False, project=Path("/here"))
    with pytest.raises(InputError, match=r"lacks av: activate .*/here/.venv/bin/activate"):
        check_environment(with_video=True, project=Path("/here"))


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
