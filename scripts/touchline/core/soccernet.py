"""SoccerNet's classes, and how it writes a time."""

from __future__ import annotations

# What SoccerNet-v2 annotates, in its order. In its files no other class can be right.
SOCCERNET_CLASSES = (
    "Penalty",
    "Kick-off",
    "Goal",
    "Substitution",
    "Offside",
    "Shots on target",
    "Shots off target",
    "Clearance",
    "Ball out of play",
    "Throw-in",
    "Foul",
    "Indirect free-kick",
    "Direct free-kick",
    "Corner",
    "Yellow card",
    "Red card",
    "Yellow->red card",
)


def game_time(time: float, half: int | None) -> str:
    """A time as SoccerNet writes it, "1 - 04:05"; without the half, "04:05"."""
    minutes, seconds = divmod(int(time), 60)
    clock = f"{minutes:02d}:{seconds:02d}"
    return clock if half is None else f"{half} - {clock}"
