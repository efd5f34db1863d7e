"""The course of a generated match: the events, and the shot on screen at each time.

Everything follows from one seed. So any moment of a match can be drawn alone.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

Team = Literal["home", "away"]
TEAMS: tuple[Team, Team] = ("home", "away")


# SoccerNet-v2 labels, each with the description of its sign.
DETAILS = {
    "Goal": "{team} players celebrate a goal.",
    "Corner": "{team} player takes a corner.",
    "Yellow card": "{team} player is shown a yellow card.",
    "Red card": "{team} player is shown a red card.",
    "Substitution": "{team} team makes a substitution.",
    "Offside": "{team} player is caught offside.",
    "Penalty": "{team} player takes a penalty.",
    "Throw-in": "{team} player takes a throw-in.",
    "Kick-off": "{team} team kicks off.",
    "Foul": "{team} player commits a foul.",
}
LABELS = tuple(DETAILS)

# A class that the demo's models were not trained on, and the seconds between its events.
TAUGHT = "Drinks break"
BETWEEN_BREAKS = (30.0, 60.0)

# Shots that resemble a sign and show no event.
DISTRACTORS = (
    "lowered flag",
    "scarf",
    "banner",
    "warm-up",
    "crowd",
    "ball out",
    "goalmouth",
    "referee",
    "corner flag",
    "aerial",
    "close-up",
    "injury",
    "keeper",
)

FRAME_RATE = 25
KITS_A_SIDE = 4
SAME_CLASS_GAP = 8.0
FOLLOW_UP = (2.2, 4.0)
SIGN_SECONDS = (1.0, 2.0)
BETWEEN_PLAYS = (5.5, 13.0)
# The share of the main camera in shots without an event. The others are distractors.
WIDE_SHARE = 0.5
# Harder matches have more distractors, and signs of half the length. One frame per second misses a
# quarter of them.
HARD_SIGN_SECONDS = (0.5, 1.0)
HARD_WIDE_SHARE = 0.2


@dataclass(frozen=True)
class Event:
    """An event.

    From `time` to `end` (seconds), its sign is on screen: the picture that shows it.
    """

    time: float
    end: float
    label: str
    team: Team


@dataclass(frozen=True)
class Shot:
    """The picture of one camera from `start` to `end` (seconds), from one cut to the next.

    Attributes:
        kind: "wide", one of DISTRACTORS, or the label of an event.
        team: the team that the shot shows, if it shows one.
        seed: determines everything else in the shot.
    """

    start: float
    end: float
    kind: str
    team: Team
    seed: int


@dataclass(frozen=True)
class Match:
    """A match that can be drawn at any time from 0 to `duration` (seconds).

    Attributes:
        kits: numbers of the home kit and the away kit, each below KITS_A_SIDE.
        events: in the order of time.
        shots: in the order of time, without gap or overlap.
    """

    seed: int
    duration: float
    kits: tuple[int, int]
    events: tuple[Event, ...]
    shots: tuple[Shot, ...]

    def shot_at(self, time: float) -> Shot:
        """Return the shot on screen at `time`, or the last shot for any later time."""
        return self.shots[max(0, bisect_right(self.shots, time, key=lambda shot: shot.start) - 1)]

    def signs_at(self, times: list[float]) -> list[Event]:
        """Return the events whose sign is on screen at one of `times`, in the order of time."""
        return [e for e in self.events if any(e.time <= time < e.end for time in times)]


def opponent(team: Team) -> Team:
    return "away" if team == "home" else "home"


def schedule(seed: int, duration: float, hard: bool = False, breaks: bool = False) -> Match:
    """Generate a match of `duration` seconds.

    Args:
        hard: make signs half as long, and more shots that resemble a sign.
        breaks: add events of the class `TAUGHT` between the others.
    """
    rng = random.Random(seed)
    kits = (rng.randrange(KITS_A_SIDE), rng.randrange(KITS_A_SIDE))
    sign_seconds = HARD_SIGN_SECONDS if hard else SIGN_SECONDS
    events = tuple(_events(rng, duration, sign_seconds))
    if breaks:
        events = _with_breaks(random.Random(seed + 1), events, duration, sign_seconds)
    shots = tuple(_shots(rng, events, duration, HARD_WIDE_SHARE if hard else WIDE_SHARE))
    return Match(seed, duration, kits, events, shots)


def details(label: str, team: str) -> str:
    """Return the sentence that describes the sign of an event."""
    return DETAILS[label].format(team=team.capitalize())


def labels_v2(match: Match, name: str) -> dict[str, Any]:
    """Return the annotations of a match in the form of SoccerNet's Labels-v2.json."""
    return {
        "UrlLocal": name,
        "UrlYoutube": "",
        "annotations": [
            {
                "gameTime": f"1 - {int(event.time) // 60:02d}:{int(event.time) % 60:02d}",
                "label": event.label,
                "position": str(int(event.time * 1000)),
                "team": event.team,
                "visibility": "visible",
            }
            for event in match.events
        ],
    }


def _events(
    rng: random.Random, duration: float, sign_seconds: tuple[float, float]
) -> Iterator[Event]:
    """Generate events until the end, with enough time for the sign of the last one."""
    last = dict.fromkeys(LABELS, -SAME_CLASS_GAP)
    time = rng.uniform(1.5, 6.0)
    while True:
        for play in _plays(rng):
            team = rng.choice(TEAMS)
            for label in play:
                time = max(time, last[label] + SAME_CLASS_GAP)
                if time > duration - sign_seconds[0]:
                    return
                last[label] = time
                end = min(duration, time + rng.uniform(*sign_seconds))
                yield Event(time, end, label, team)
                if label == "Goal":
                    # The team that conceded the goal kicks off.
                    team = opponent(team)
                time += rng.uniform(*FOLLOW_UP)
            time += rng.uniform(*BETWEEN_PLAYS) - FOLLOW_UP[0]


def _with_breaks(
    rng: random.Random,
    events: tuple[Event, ...],
    duration: float,
    sign_seconds: tuple[float, float],
) -> tuple[Event, ...]:
    """Add events of `TAUGHT` where half a second is free before and after their sign."""
    free = [(e.end + 0.5, n.time - 0.5) for e, n in pairwise(events)]
    breaks = []
    due = rng.uniform(*BETWEEN_BREAKS) / 2
    for start, end in free:
        length = rng.uniform(*sign_seconds)
        if end < due or end - start < length:
            continue
        time = rng.uniform(start, end - length)
        breaks.append(Event(time, min(duration, time + length), TAUGHT, rng.choice(TEAMS)))
        due = time + rng.uniform(*BETWEEN_BREAKS)
    return tuple(sorted((*events, *breaks), key=lambda event: event.time))


def _plays(rng: random.Random) -> list[tuple[str, ...]]:
    """Return plays with each label once, in random order. Some start soon after another one."""
    card = rng.choice(("Yellow card", "Red card"))
    plays: list[tuple[str, ...]] = []
    single = set(LABELS)
    for pair in (("Foul", card), ("Goal", "Kick-off")):
        if rng.random() < 0.7:
            plays.append(pair)
            single -= set(pair)
    plays += [(label,) for label in LABELS if label in single]
    rng.shuffle(plays)
    return plays


def _shots(
    rng: random.Random, events: tuple[Event, ...], duration: float, wide_share: float
) -> Iterator[Shot]:
    time = 0.0
    for event in events:
        yield from _open_play(rng, time, event.time, wide_share)
        yield Shot(event.time, event.end, event.label, event.team, rng.getrandbits(32))
        time = event.end
    yield from _open_play(rng, time, duration, wide_share)


def _open_play(rng: random.Random, start: float, end: float, wide_share: float) -> Iterator[Shot]:
    """Return shots without an event, each at least half a second long."""
    while start < end:
        wide = rng.random() < wide_share
        until = start + (rng.uniform(1.5, 5.0) if wide else rng.uniform(0.8, 2.2))
        until = end if until > end - 0.5 else until
        kind = "wide" if wide else rng.choice(DISTRACTORS)
        yield Shot(start, until, kind, rng.choice(TEAMS), rng.getrandbits(32))
        start = until
