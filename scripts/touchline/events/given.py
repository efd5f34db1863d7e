"""Given predictions, in whichever format they are."""

from __future__ import annotations

from pathlib import Path

from touchline.events.predictions import predictions_of
from touchline.events.reading import Predictions
from touchline.events.spotting import spotted_in
from touchline.inputs.labels import Labels
from touchline.inputs.spotting_files import read_entries
from touchline.inputs.videos import Video


def read_given(
    path: str | Path,
    video: int,
    row: Video | None,
    labels: Labels,
    *,
    duration: float | None = None,
) -> Predictions:
    """Read the given predictions of a video, in whichever format they are.

    Args:
        path: a predictions file, a results_spotting.json, an OSL JSON file, a pred-*.json of
            E2E-Spot or T-DEED, or a zip.
        row: of the table of videos, if there is one.
        duration: seconds of video, if known; what lies beyond is left out as invalid. Of a half
            whose video is not known, what lies beyond any half.

    Raises:
        InputError: the file cannot be read, is about another game, or no item of it can be used.
    """
    entries = read_entries(path, video, row)
    half = row.half if row else None
    if entries.form == "answers":
        return predictions_of(entries.items, entries.place, labels, duration=duration, half=half)
    return spotted_in(entries, half, labels, duration)
