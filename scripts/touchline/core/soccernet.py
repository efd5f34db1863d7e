"""SoccerNet's classes and its format of times."""

from __future__ import annotations

from collections.abc import Iterable

# Seconds. No half is longer, and SoccerNet's evaluator ignores later events.
LONGEST_HALF = 7_200.0
# Seconds. gameTime is rounded to whole seconds.
_SAME_CLOCK = 1.5
# Seconds. Some tools round gameTime to minutes.
_ANOTHER_CLOCK = 60.0

# The classes of SoccerNet-v2, in its order. Its annotations contain no other class.
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
    """Format a time as SoccerNet does, for example "1 - 04:05", or "04:05" without the half."""
    minutes, seconds = divmod(int(time), 60)
    clock = f"{minutes:02d}:{seconds:02d}"
    return clock if half is None else f"{half} - {clock}"


def positions_per_second(positions: Iterable[tuple[float, float]]) -> int:
    """Determine the unit of a file's positions by comparing them with the file's game times.

    Args:
        positions: position and game time (in seconds) of each item that has both.

    Returns:
        1 if more positions fit seconds than milliseconds; otherwise 1,000, because the format uses
        milliseconds.
    """
    votes = 0
    for position, clock in positions:
        is_milliseconds = abs(position / 1000 - clock) <= _SAME_CLOCK
        votes += is_milliseconds - (abs(position - clock) <= _SAME_CLOCK)
    return 1 if votes < 0 else 1000


def is_another_time(time: float, clock: float) -> bool:
    """Return whether a position and its game time (both in seconds) are clearly different."""
    return abs(time - clock) > _ANOTHER_CLOCK
