"""Format numbers and texts for a page."""

from __future__ import annotations

NOTHING = "–"


def clock(seconds: float) -> str:
    """Format a time in a video, as in "12:05" or "1:02:05"."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes:02d}:{seconds:02d}"


def figure(value: float | None, digits: int = 2) -> str:
    """Format a number, or a dash if it is unknown."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def share(value: float | None) -> str:
    """Format a share as a percentage. Only exactly 1 gives 100 %, and only exactly 0 gives 0 %."""
    if value is None:
        return NOTHING
    if 0.995 <= value < 1 or 0 < value < 0.005:
        return f"{min(99.9, max(0.1, 100 * value)):.1f} %"
    return f"{100 * value:.0f} %"


def shortened(text: str, most: int) -> str:
    """Shorten a text to at most `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"
