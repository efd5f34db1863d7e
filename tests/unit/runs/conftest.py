"""Fixtures: plans of small runs, and Snakemake's events of a run."""

from pathlib import Path

import pytest

from touchline.inputs.settings import Settings
from touchline.inputs.videos import Video
from touchline.runs.inputs import Inputs
from touchline.runs.plan import Plan
from touchline.runs.snakemake_events import RunEvents

SETTINGS = Settings.model_validate(
    {
        "models": {"runs": {"checkpoint": "a"}, "other": {"predictions": "given_{video}.json"}},
        "detect_with": "runs",
        "compare_with": "other",
        "results": "out",
        "slices": 2,
    }
)


VIDEOS = {
    3: Video(video=3, path=Path("3.mkv"), game="m", half=2, home="A", away="B"),
    4: Video(video=4, path=Path("4.mkv")),
}


@pytest.fixture
def plan():
    """Return the plan of a run with two videos. Video 3 alone has labels and given predictions."""
    return Plan(
        Inputs(
            settings=SETTINGS,
            videos=VIDEOS,
            selected=[3, 4],
            given={3: {"other": "given_3.json"}, 4: {}},
            annotations={3: "labels.json"},
            games={3: "m", 4: "video_4"},
            shown=[3],
        )
    )


@pytest.fixture
def bare():
    """Return the plan of a run with one given model and no table of videos."""
    settings = SETTINGS.model_copy(update={"detect_with": []})
    return Plan(Inputs(settings, {}, [0], {0: {"other": "given_0.json"}}, {}, {0: "video_0"}, []))


@pytest.fixture
def events():
    return RunEvents()
