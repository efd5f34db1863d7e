"""Numbers and texts as a page shows them."""

from __future__ import annotations

NOTHING = "–"


def clock(seconds: float) -> str:
    """A time in a video: "12:05", "1:02:05"."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes:02d}:{seconds:02d}"


def figure(value: float | None, digits: int = 2) -> str:
    """A number, or a dash for what is not known."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def share(value: float | None) -> str:
    """A part of one in per cent: 100 % only for all of it, and 0 % only for nothing."""
    if value is None:
        return NOTHING
    if 0.995 <= value < 1 or 0 < value < 0.005:
        return f"{min(99.9, max(0.1, 100 * value)):.1f} %"
    return f"{100 * value:.0f} %"


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"
