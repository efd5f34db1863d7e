"""Test the estimate of the requests that a run sends to a server."""

import json
from pathlib import Path

import pytest

from touchline.core import paths
from touchline.inputs.settings import Settings
from touchline.runs.inputs import Inputs
from touchline.runs.messages import end_lines_for_models, start_lines
from touchline.runs.plan import Plan
from touchline.runs.requests import describe_requests
from touchline.runs.rule_params import DetectSliceParams, PlannedJob

HOST = "host:8000"


class Wildcards:
    video, slice = "0", "0"

    def __init__(self, model):
        self.model = model


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Return the plan of a run with two videos, a local model and a model on a server."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompt.txt").write_text("a" * 400)
    settings = Settings.model_validate(
        {
            "prompt": "prompt.txt",
            "slices": 2,
            "models": {
                "here": {"checkpoint": "a"},
                "asked": {
                    "family": "server",
                    "endpoint": f"http://{HOST}/v1",
                    "checkpoint": "b",
                    "frames_as": "png",
                },
            },
            "detect_with": ["here", "asked"],
        }
    )
    given = {0: {}, 1: {}}
    return Plan(Inputs(settings, {}, [0, 1], given, {}, {0: "video_0", 1: "video_1"}, [0, 1]))


def probed(video, duration):
    path = Path(f"results/videos/video_{video}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = {"video": video, "path": "v.mkv", "bytes": 1, "fingerprint": "f", "codec": "h264"}
    fields |= {"duration": duration, "start_time": 0, "frame_rate": 25, "rotation": 0}
    path.write_text(json.dumps(fields | {"width": 640, "height": 360}))


def test_requests_for_unprobed_videos_are_stated_per_hour_of_footage(plan):
    assert describe_requests(plan, "asked", HOST) == (
        "asked sends host:8000 1,800 requests, about 940,000 tokens, per hour of video"
    )


def test_requests_of_unfinished_slices_are_counted(plan):
    probed(0, 100)
    probed(1, 200)
    assert describe_requests(plan, "asked", HOST) == (
        "asked sends host:8000 150 requests, about 78,000 tokens"
    )
    for pattern in (paths.PARTIAL, paths.LEDGER):
        path = Path("results", pattern.format(model="asked", video=1, slice=0))
        path.parent.mkdir()
        path.touch()
    assert "100 requests" in describe_requests(plan, "asked", HOST)


def test_start_and_end_lines_name_the_server(plan):
    lines = start_lines(
        [0],
        ["asked"],
        2,
        {"detect_slice": 2},
        where=None,
        results="out",
        status="status.py",
        requests=["asked sends"],
    )
    assert lines[2:4] == ["Also to do: 0 short steps", "asked sends"]
    assert end_lines_for_models({}, {"asked": HOST})[-1] == (
        "  asked, on the server host:8000 (nothing to fetch)"
    )


def test_only_local_models_are_loaded_and_hashed(plan):
    assert (plan.loaded, plan.served, plan.hashed) == (["here"], ["asked"], ["here"])


def test_slice_parameters_name_the_server_s_model_without_its_address(plan):
    here, asked = (
        DetectSliceParams.plain(PlannedJob(plan, Wildcards(model))) for model in ("here", "asked")
    )
    assert here["model"] == "auto"
    assert asked["model"] == {"name": "b", "frames_as": "png"}
    assert HOST not in str(asked)
