"""SoccerNet's classes, and how it writes a time."""

from __future__ import annotations

from collections.abc import Iterable

# Seconds. No half is longer, and SoccerNet's evaluator looks no further.
LONGEST_HALF = 7_200.0
# Seconds. gameTime has whole seconds.
_SAME_CLOCK = 1.5
# Seconds. Some tools round gameTime to minutes.
_ANOTHER_CLOCK = 60.0

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


def positions_per_second(positions: Iterable[tuple[float, float]]) -> int:
    """Find the unit of a file's positions by their gameTimes.

    Args:
        positions: the position and the gameTime, in seconds, of each item that has both.

    Returns:
        1,000 for milliseconds, as the format has it; 1 if more of the positions are seconds.
    """
    votes = 0
    for position, clock in positions:
        is_milliseconds = abs(position / 1000 - clock) <= _SAME_CLOCK
        votes += is_milliseconds - (abs(position - clock) <= _SAME_CLOCK)
    return 1 if votes < 0 else 1000


def is_another_time(time: float, clock: float) -> bool:
    """Whether a position cannot be the moment of its gameTime, both in seconds."""
    return abs(time - clock) > _ANOTHER_CLOCK
