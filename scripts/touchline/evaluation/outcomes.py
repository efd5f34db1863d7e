"""What became of every true and every predicted event: right, false, or missed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Literal, Protocol

from touchline.core.files import read_record
from touchline.core.intervals import Intervals, common, within
from touchline.core.params import AnnotatedVideo
from touchline.core.records import Coverage, Event
from touchline.core.soccernet import SOCCERNET_CLASSES
from touchline.core.tables import Table
from touchline.evaluation.annotations import TrueEvent, Truth, read_truth
from touchline.events.coverage import looked_at_together
from touchline.events.predictions import read_events_csv
from touchline.inputs.labels import Labels
from touchline.matching import is_within, matched_pairs

# evaluation/outcomes_{model}.csv, a line an outcome; what is not there has empty cells.
OUTCOMES = Table(
    [
        ("video", "int64"),
        ("verdict", "str"),
        ("label", "str"),
        ("true_s", "Float64"),
        ("shown", "boolean"),
        ("true_team", "str"),
        ("predicted_s", "Float64"),
        ("offset_s", "Float64"),
        ("team", "str"),
        ("confidence", "Float64"),
        ("score", "Float64"),
        ("n_hits", "Int64"),
        ("details", "str"),
    ]
)


@dataclass(frozen=True, slots=True)
class Half:
    """A video with its truth and what one model predicted in it.

    Attributes:
        game: the game it is of; intervals come from sampling games.
        looked_at: where the model looked. Nothing else counts.
        others: the events of each other model.
    """

    video: int
    game: str
    truth: Sequence[TrueEvent]
    events: Sequence[Event]
    looked_at: Intervals
    others: Sequence[Sequence[Event]] = ()


class EvaluationFiles(Protocol):
    """The paths of what several videos' halves are read from, in the order of the videos.

    Attributes:
        truth, events: one each.
        coverage: the model's, or, of an ensemble, that of each of its models.
        others: the events of each other model.
        labels: labels.yaml.
    """

    truth: Sequence[str]
    events: Sequence[str]
    coverage: Sequence[str]
    others: Sequence[str]
    labels: str


def read_halves(
    videos: Iterable[AnnotatedVideo],
    files: EvaluationFiles,
    classes: Collection[str] | None = None,
    tolerance: float = 0.0,
) -> tuple[list[Half], list[str]]:
    """Read the truth of videos and what one model predicted in them.

    An ensemble looked where all of its models did: elsewhere it is not the same ensemble.

    Args:
        videos: in the order of the files.
        classes: that are evaluated, if not all that are annotated.
        tolerance: most seconds between a verdict and a prediction that it is about. What a
            person's review leaves undecided is neither right nor false, and left out.

    Returns:
        also a line for each annotation that cannot be used.
    """
    labels = Labels.read(files.labels)
    coverages, others = iter(files.coverage), iter(files.others)
    halves = []
    problems: list[str] = []
    for of, truth_path, events_path in zip(videos, files.truth, files.events, strict=True):
        coverage = [read_record(next(coverages), Coverage) for _ in range(of.models)]
        truth = read_truth(
            truth_path,
            labels,
            half=of.half,
            duration=coverage[0].duration,
            classes=classes,
        )
        events = read_events_csv(events_path)
        times = [*(true.time_s for true in truth.events), *(event.time_s for event in events)]
        looked_at = reduce(common, looked_at_together(coverage, times))
        events = [event for event in events if not is_undecided(event, truth, tolerance)]
        of_others = [read_events_csv(next(others)) for _ in range(of.others)]
        halves.append(Half(of.video, of.game, truth.events, events, looked_at, of_others))
        # A file with both halves is read twice, and its problems come twice.
        problems += [problem for problem in truth.problems if problem not in problems]
    return halves, problems


def is_undecided(event: Event, truth: Truth, tolerance: float) -> bool:
    """Whether the verdict about an event, the nearest one of its class, is still open."""
    near = [
        (abs(time - event.time_s), not decided, decided)
        for time, label, decided in truth.judged
        if label == event.label and is_within(time, event.time_s, tolerance)
    ]
    return bool(near) and not min(near)[-1]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a true event, of a predicted one, or of both: a pair is a true positive."""

    video: int
    label: str
    true: TrueEvent | None
    event: Event | None

    @property
    def verdict(self) -> Literal["true positive", "false positive", "miss"]:
        if self.true is None:
            return "false positive"
        return "miss" if self.event is None else "true positive"


def where_looked(half: Half) -> Half:
    """A half with only the events where the model looked, the predicted ones by time."""
    return replace(
        half,
        truth=[event for event in half.truth if within(half.looked_at, event.time_s)],
        events=sorted(
            (event for event in half.events if within(half.looked_at, event.time_s)),
            key=lambda event: event.time_s,
        ),
    )


def annotated_classes(halves: Iterable[Half], stated: Collection[str] | None = None) -> set[str]:
    """The classes that the annotators looked for.

    Args:
        stated: those classes, if the settings name them; else they are SoccerNet's, and what was
            annotated.
    """
    if stated is not None:
        return set(stated)
    return {*SOCCERNET_CLASSES, *(event.label for half in halves for event in half.truth)}


def by_class(
    half: Half, names: Mapping[str, str]
) -> dict[str, tuple[list[TrueEvent], list[Event]]]:
    """A half's true and predicted events by what `names` calls their label.

    Labels without a name are left out.
    """
    groups: dict[str, tuple[list[TrueEvent], list[Event]]] = {}
    for true in half.truth:
        if true.label in names:
            groups.setdefault(names[true.label], ([], []))[0].append(true)
    for event in half.events:
        if event.label in names:
            groups.setdefault(names[event.label], ([], []))[1].append(event)
    return groups


def outcomes(halves: Iterable[Half], annotated: Collection[str], tolerance: float) -> list[Outcome]:
    """What became of every true and every predicted event where the model looked.

    The events themselves stand in the outcomes, not copies.
    """
    names = {name: name for name in annotated}
    found: list[Outcome] = []
    for half in map(where_looked, halves):
        of_half = []
        for label, (truth, events) in sorted(by_class(half, names).items()):
            pairs = matched_pairs([e.time_s for e in truth], [e.time_s for e in events], tolerance)
            of_half += [Outcome(half.video, label, truth[i], events[j]) for i, j in pairs]
            matched, right = {i for i, _ in pairs}, {j for _, j in pairs}
            of_half += [
                Outcome(half.video, label, event, None)
                for i, event in enumerate(truth)
                if i not in matched
            ]
            of_half += [
                Outcome(half.video, label, None, event)
                for j, event in enumerate(events)
                if j not in right
            ]
        found += sorted(of_half, key=_moment)
    return found


def write_outcomes_csv(path: str | Path, found: Iterable[Outcome]) -> None:
    """Write outcomes as a table, one line each."""
    OUTCOMES.write(path, OUTCOMES.frame(map(_outcome_row, found)))


def _moment(outcome: Outcome) -> float:
    return min(one.time_s for one in (outcome.true, outcome.event) if one is not None)


def _outcome_row(outcome: Outcome) -> list[object]:
    true, event = outcome.true, outcome.event
    row: list[object] = [outcome.video, outcome.verdict, outcome.label]
    row += [true.time_s, true.visible, true.team] if true else [None] * 3
    if event is None:
        return row + [None] * 7
    offset = round(event.time_s - true.time_s, 3) if true else None
    row += [event.time_s, offset, event.team, event.confidence, event.score, event.n_hits]
    return [*row, event.details]
