"""Test the cleanup and the messages at the end of a run."""

import logging
from pathlib import Path

import pytest

from touchline.core import paths
from touchline.inputs.settings import Settings
from touchline.runs import lifecycle
from touchline.runs.inputs import Inputs
from touchline.runs.plan import Plan
from touchline.runs.snakemake_events import RunEvents

LOGGER = logging.getLogger("run")


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Return the plan of a run in `tmp_path`: one model, and one video in two slices."""
    monkeypatch.chdir(tmp_path)
    settings = Settings.model_validate(
        {"models": {"llava": {"checkpoint": "a"}}, "compare_with": [], "slices": 2}
    )
    return Plan(Inputs(settings, {}, [0], {0: {}}, {}, {0: "video_0"}, [0]))


def make(file) -> Path:
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).touch()
    return Path(file)


def test_journals_of_finished_slices_are_deleted(plan, caplog):
    caplog.set_level(logging.INFO)
    journals = [make(f"{folder}/key") for folder in plan.files(paths.JOURNAL, plan.slices)]
    for pattern in (paths.PARTIAL, paths.LEDGER):
        make(plan.files(pattern, plan.slices)[0])
    events = make(plan.files(paths.EVENTS, plan.detected)[0])
    lifecycle.end(plan, RunEvents(), LOGGER)
    assert [journal.exists() for journal in journals] == [False, True]
    assert f"  {events}" in caplog.text
    assert "summary.txt" not in caplog.text
