"""Run SoccerNet's own evaluator for average-mAP.

Source: SoccerNet.Evaluation.ActionSpotting of the PyPI package SoccerNet 0.2.0.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from touchline.core.files import write_json
from touchline.core.records import Event
from touchline.core.soccernet import SOCCERNET_CLASSES, game_time
from touchline.errors import InputError
from touchline.evaluation.annotations import TrueEvent
from touchline.events.exports import results_spotting

# The evaluator's default, which published figures use. It rounds times down to half seconds.
FRAME_RATE = 2
# Deltas in seconds, by name of the metric.
METRICS: Mapping[str, Sequence[int]] = {
    "loose": range(5, 61, 5),
    "tight": range(1, 6),
    **{f"at{delta}": [delta] for delta in range(1, 6)},
}


def evaluate(
    halves: Sequence[tuple[Sequence[TrueEvent], Sequence[Event]]],
) -> dict[str, dict[str, Any]]:
    """Run SoccerNet's evaluator on some videos. Return its results by name of the metric.

    Each video is passed as a separate game, because the evaluator always averages over halves.

    Args:
        halves: true and predicted events of each video.

    Raises:
        InputError: the evaluator is not installed.
    """
    run = _evaluator()
    dictionary = {name: number for number, name in enumerate(SOCCERNET_CLASSES)}
    with tempfile.TemporaryDirectory() as folder:
        for number, (truth, events) in enumerate(halves):
            for name, content in (
                ("truth/{}/Labels-v2.json", labels_v2(truth)),
                ("predicted/{}/results_spotting.json", results_spotting("", {1: events})),
            ):
                write_json(Path(folder) / name.format(number), content)
        # Keep its progress bars out of the log.
        with contextlib.redirect_stderr(io.StringIO()):
            return {
                metric: run(
                    SoccerNet_path=f"{folder}/truth",
                    Predictions_path=f"{folder}/predicted",
                    framerate=FRAME_RATE,
                    metric=metric,
                    # With a data set it would require all of SoccerNet's test games.
                    dataset=None,
                    EVENT_DICTIONARY=dictionary,
                )
                for metric in METRICS
            }


def labels_v2(truth: Sequence[TrueEvent]) -> dict[str, Any]:
    """Convert true events of a first half to the format of SoccerNet's Labels-v2.json."""
    return {
        "annotations": [
            {
                "gameTime": game_time(event.time_s, 1),
                "label": event.label,
                "position": str(round(1000 * event.time_s)),
                "team": event.team or "not applicable",
                "visibility": "visible" if event.visible else "not shown",
            }
            for event in truth
        ]
    }


def _evaluator() -> Callable[..., dict[str, Any]]:
    """Import SoccerNet's evaluation function."""
    try:
        module = importlib.import_module("SoccerNet.Evaluation.ActionSpotting")
    except ImportError as error:
        raise InputError(
            "SoccerNet's evaluator is not installed, so predictions cannot be evaluated. Type `pip "
            "install --no-deps -r requirements.no-deps.txt`, then repeat the command."
        ) from error
    run: Callable[..., dict[str, Any]] = module.evaluate
    return run
