"""Compute the targets for learning: which windows show annotated events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from touchline.evaluation.annotations import Truth

SHOWS, SHOWS_NOT, UNCERTAIN = 1, 0, -1


def targets(
    truth: Truth, windows: NDArray[np.float64], classes: Sequence[str], step: float
) -> NDArray[np.int8]:
    """Compute whether each window shows an event of each class, [windows, classes].

    A window shows the moments between its start and its last frame. If a moment is between the last
    frame and the window's end, the window is uncertain, and is not used for the class. The window
    is also uncertain if the moment is less than a step before its start, because the window may
    show the event's aftermath. A window is uncertain for all classes if it shows a moment without a
    final verdict in a review, or an event that the broadcast does not show.

    Args:
        truth: annotations of the video.
        windows: start, end, first frame and last frame of each window in seconds.
        classes: names of the classes.
        step: seconds from one window's start to the next.
    """
    found = np.full((len(windows), len(classes)), SHOWS_NOT, np.int8)
    undecided = [time for time, _, is_decided in truth.judged if not is_decided]
    hidden = [event.time_s for event in truth.events if not event.visible]
    for time in (*undecided, *hidden):
        found[_near(windows, time, step)] = UNCERTAIN
    events = [event for event in truth.events if event.visible and event.label in classes]
    for event in events:
        found[_near(windows, event.time_s, step), classes.index(event.label)] = UNCERTAIN
    for event in events:
        found[showing(windows, event.time_s), classes.index(event.label)] = SHOWS
    return found


def showing(windows: NDArray[np.float64], time: float) -> NDArray[np.bool_]:
    """Return whether each window shows a moment, [windows]."""
    shown: NDArray[np.bool_] = (windows[:, 0] <= time) & (time <= windows[:, 3])
    return shown


def _near(windows: NDArray[np.float64], time: float, step: float) -> NDArray[np.bool_]:
    """Return whether each window lies near a moment, [windows]."""
    near: NDArray[np.bool_] = (windows[:, 0] - step < time) & (time < windows[:, 1])
    return near
