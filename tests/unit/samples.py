"""Small events and windows for tests, and a hostile text."""

from __future__ import annotations

from touchline.core.records import Event, ParsedEvent, WindowRecord


def event(time: float, label: str = "Goal", **fields) -> Event:
    """Return an event that one window predicted, with `fields` as changes."""
    values = {
        "known": True,
        "team": None,
        "confidence": None,
        "label_probability": None,
        "n_hits": 1,
        "window_s": time,
        "first_s": time,
        "last_s": time,
    }
    return Event(time_s=time, label=label, **(values | fields))


def window(number: int, start: float, *labels: str, end: float | None = None, **fields):
    """Return a window of 4 s with one event per label. Without labels, its answer is "none"."""
    values = {
        "frame_times": [start],
        "status": "events" if labels else "none",
        "text": "",
        "events": [ParsedEvent(label=label) for label in labels],
        "tokens": 1,
        "attempts": 1,
    }
    end = start + 4 if end is None else end
    return WindowRecord(window=number, start=start, end=end, **(values | fields))


NASTY = '</script><script>alert(1)</script> <!-- & \u2028 \u2029 \ud83d "'
