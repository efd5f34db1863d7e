"""A second annotator, simulated: what another model might have said about a match.

No model is asked. The truth is spoilt with the noise stated in `Noise`, and put
into the words of real Qwen2.5-VL predictions: times that are multiples of 2 s,
fenced JSON in three layouts, a confidence of 0.9 nearly always. It exists so
that comparison and ensemble have something to work on, and it proves nothing
about Qwen2.5-VL.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from match import LABELS, TEAMS, Match, details, opponent

_STEP = 2  # seconds between two windows
# What such models also report, although the generator draws no sign for it.
_OTHER_LABELS = ("Shots off target", "Clearance", "Ball out of play", "Direct free-kick", "Other")
_CONFIDENCES = ((0.9, 78), (0.8, 15), (0.94, 7))


@dataclass(frozen=True)
class Noise:
    """How the annotator errs.

    Attributes:
        missed: share of the events that it does not see.
        other_label, other_team: shares of those it sees that it gets wrong.
        repeated: share of those it sees that it reports again one window later.
        jitter: standard deviation of its times, seconds.
        false_alarms: events a minute that it makes up.
    """

    missed: float = 0.2
    other_label: float = 0.1
    other_team: float = 0.1
    repeated: float = 0.15
    jitter: float = 1.0
    false_alarms: float = 1.5


def simulated_predictions(match: Match, noise: Noise | None = None) -> list[dict[str, object]]:
    """Items `{"time", "raw"}` as in a predictions file, in the order of time."""
    rng = Random(match.seed + 31)
    noise = noise or Noise()
    said = [*_seen(rng, match, noise), *_made_up(rng, match, noise)]
    # A window has one answer: of two reports for the same one, the later is lost.
    answers: dict[int, str] = {}
    for time, label, team in sorted(said):
        window = int(min(max(time, 0.0), match.duration - _STEP)) // _STEP * _STEP
        answers.setdefault(window, _raw(rng, label, team))
    return [{"time": float(window), "raw": raw} for window, raw in answers.items()]


def _seen(rng: Random, match: Match, noise: Noise) -> Iterator[tuple[float, str, str]]:
    for event in match.events:
        if rng.random() < noise.missed:
            continue
        label, team, time = event.label, event.team, rng.gauss(event.time, noise.jitter)
        if rng.random() < noise.other_label:
            label = rng.choice([other for other in LABELS if other != label])
        if rng.random() < noise.other_team:
            team = opponent(team)
        yield time, label, team
        if rng.random() < noise.repeated:
            yield time + _STEP, label, team


def _made_up(rng: Random, match: Match, noise: Noise) -> Iterator[tuple[float, str, str]]:
    for _ in range(round(match.duration / 60 * noise.false_alarms)):
        label = rng.choice((*LABELS, *_OTHER_LABELS))
        yield rng.uniform(0, match.duration), label, rng.choice(TEAMS)


def _raw(rng: Random, label: str, team: str) -> str:
    """The text of one answer."""
    values, weights = zip(*_CONFIDENCES, strict=True)
    known = label in LABELS
    event = {
        "label": label,
        "team": team,
        "confidence": rng.choices(values, weights)[0],
        "details": details(label, team) if known else f"Player from {team} team",
    }
    layout = rng.choice(("line", "indented", "list"))
    if layout == "line":
        text = json.dumps(event)
    elif layout == "indented":
        text = json.dumps(event, indent=2)
    else:
        text = f"[\n\t{json.dumps(event)}\n]"
    return f"```json\n{text}\n```"
