"""Pair predicted events with annotations, and list true positives, false positives and misses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from touchline.core.files import read_record
from touchline.core.intervals import Intervals, contains, intersection
from touchline.core.records import Coverage, Event
from touchline.core.soccernet import SOCCERNET_CLASSES
from touchline.core.tables import Table
from touchline.evaluation.annotations import TrueEvent, Truth, read_truth
from touchline.events.coverage import close_open_ends
from touchline.events.predictions import read_events_csv
from touchline.inputs.clock import HalfSpan
from touchline.inputs.labels import Labels
from touchline.inputs.videos import AnnotatedVideo
from touchline.matching import is_within, pair_times

E = TypeVar("E", TrueEvent, Event)

# evaluation/outcomes_{model}.csv: one line per outcome. Unknown values are empty cells.
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
    """One half in a video, with its annotations and the events that one model predicted.

    Attributes:
        video: number of the video.
        game: name of the game. Confidence intervals come from resampling games.
        truth, events: annotated and predicted events, with times on the half's clock.
        looked_at: intervals that the model looked at. Only events within them count.
        others: events of each other model.
        part: index of the half in the video, from 0.
        kickoff: seconds of video at which the half's clock shows 0.
    """

    video: int
    game: str
    truth: Sequence[TrueEvent]
    events: Sequence[Event]
    looked_at: Intervals
    others: Sequence[Sequence[Event]] = ()
    part: int = 0
    kickoff: float = 0.0


class EvaluationFiles(Protocol):
    """Paths of the files for several videos, in the order of the videos.

    Attributes:
        truth, events: one file per video.
        coverage: the model's coverage of each video; for an ensemble, one file per model and video.
        others: event files of each other model.
        labels: path of labels.yaml.
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
    taught: Sequence[str] = (),
) -> tuple[list[Half], list[str]]:
    """Read the annotations and one model's events of each half.

    Events outside the halves of a video are left out. An ensemble counts only where all its models
    looked, because elsewhere only some of them can vote.

    Args:
        videos: annotated videos in the order of the files.
        files: paths of the files.
        classes: classes to evaluate; None for all annotated classes.
        tolerance: largest distance between a verdict and the prediction that it judges, in seconds.
            Predictions with an undecided verdict are left out.
        taught: classes that are not in labels.yaml and were learnt from annotations.

    Returns:
        The halves, and one line per annotation that cannot be used.
    """
    labels = Labels.read(files.labels, taught)
    coverages, others = iter(files.coverage), iter(files.others)
    halves = []
    problems: list[str] = []
    for of, truth_path, events_path in zip(videos, files.truth, files.events, strict=True):
        coverage = [read_record(next(coverages), Coverage) for _ in range(of.models)]
        truth = read_truth(
            truth_path,
            labels,
            of=of.game_half,
            duration=coverage[0].duration,
            classes=classes,
        )
        events = read_events_csv(events_path)
        times = [*(true.time_s for true in truth.events), *(event.time_s for event in events)]
        looked_at = reduce(intersection, close_open_ends(coverage, times))
        events = [event for event in events if not is_undecided(event, truth, tolerance)]
        of_others = [read_events_csv(next(others)) for _ in range(of.others)]
        whole = Half(of.video, of.game, truth.events, events, looked_at, of_others)
        spans = of.game_half.spans(coverage[0].duration) if of.game_half.halves else ()
        halves += [_cut_to_span(whole, part, span) for part, span in enumerate(spans)] or [whole]
        # A file with both halves is read twice, so keep its problems once.
        problems += [problem for problem in truth.problems if problem not in problems]
    return halves, problems


def _cut_to_span(whole: Half, part: int, span: HalfSpan) -> Half:
    """Return one half of a video, with times on the clock of that half."""

    def moved(events: Sequence[E]) -> list[E]:
        """Return the events within the half, with times on its clock."""
        inside = (each for each in events if span.start <= each.time_s <= span.end)
        return [replace(each, time_s=span.half_time(each.time_s)) for each in inside]

    looked_at = intersection(whole.looked_at, ((span.start, span.end),))
    return Half(
        whole.video,
        whole.game,
        moved(whole.truth),
        moved(whole.events),
        tuple((span.half_time(start), span.half_time(end)) for start, end in looked_at),
        [moved(events) for events in whole.others],
        part,
        span.kickoff,
    )


def is_undecided(event: Event, truth: Truth, tolerance: float) -> bool:
    """Return whether the verdict about an event is undecided.

    The nearest verdict of its class counts.
    """
    near = [
        (abs(time - event.time_s), not decided, decided)
        for time, label, decided in truth.judged
        if label == event.label and is_within(time, event.time_s, tolerance)
    ]
    return bool(near) and not min(near)[-1]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a true event, of a predicted event, or of a pair.

    A pair of a true and a predicted event is a true positive.
    """

    video: int
    label: str
    true: TrueEvent | None
    event: Event | None

    @property
    def verdict(self) -> Literal["true positive", "false positive", "miss"]:
        """Return the kind of the outcome."""
        if self.true is None:
            return "false positive"
        return "miss" if self.event is None else "true positive"


def restrict_to_coverage(half: Half) -> Half:
    """Return the half with only the events in the intervals that the model looked at.

    Predicted events are sorted by time.
    """
    return replace(
        half,
        truth=[event for event in half.truth if contains(half.looked_at, event.time_s)],
        events=sorted(
            (event for event in half.events if contains(half.looked_at, event.time_s)),
            key=lambda event: event.time_s,
        ),
    )


def annotated_classes(halves: Iterable[Half], stated: Collection[str] | None = None) -> set[str]:
    """Return the classes that the annotators looked for.

    Args:
        halves: halves with annotations.
        stated: classes from the settings; None to use SoccerNet's classes and all annotated
            classes.
    """
    if stated is not None:
        return set(stated)
    return {*SOCCERNET_CLASSES, *(event.label for half in halves for event in half.truth)}


def by_class(
    half: Half, names: Mapping[str, str]
) -> dict[str, tuple[list[TrueEvent], list[Event]]]:
    """Group a half's true and predicted events by the class that `names` gives for their label.

    Labels that `names` lacks are left out.
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
    """Return the outcome of every true and every predicted event where the model looked.

    Times are on the clock of the video. If the half begins with its video, outcomes contain the
    original event objects instead of copies.
    """
    names = {name: name for name in annotated}
    found: list[Outcome] = []
    for half in map(restrict_to_coverage, halves):
        of_half = []
        for label, (truth, events) in sorted(by_class(half, names).items()):
            pairs = pair_times([e.time_s for e in truth], [e.time_s for e in events], tolerance)
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
        found += [
            _on_video_clock(outcome, half.kickoff)
            for outcome in sorted(of_half, key=_earliest_time)
        ]
    return found


def _on_video_clock(outcome: Outcome, kickoff: float) -> Outcome:
    """Return the outcome with times on the clock of the video."""
    if not kickoff:
        return outcome
    span = HalfSpan(None, kickoff)
    true, event = outcome.true, outcome.event
    return replace(
        outcome,
        true=true and replace(true, time_s=span.video_time(true.time_s)),
        event=event and replace(event, time_s=span.video_time(event.time_s)),
    )


def write_outcomes_csv(path: str | Path, found: Iterable[Outcome]) -> None:
    """Write outcomes as a table with one line per outcome."""
    OUTCOMES.write(path, OUTCOMES.frame(map(_outcome_row, found)))


def _earliest_time(outcome: Outcome) -> float:
    """Return the earliest time of an outcome."""
    return min(one.time_s for one in (outcome.true, outcome.event) if one is not None)


def _outcome_row(outcome: Outcome) -> list[object]:
    """Return the table row of an outcome."""
    true, event = outcome.true, outcome.event
    row: list[object] = [outcome.video, outcome.verdict, outcome.label]
    row += [true.time_s, true.visible, true.team] if true else [None] * 3
    if event is None:
        return row + [None] * 7
    offset = round(event.time_s - true.time_s, 3) if true else None
    row += [event.time_s, offset, event.team, event.confidence, event.score, event.n_hits]
    return [*row, event.details]
