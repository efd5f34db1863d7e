"""What became of every true and every predicted event: right, false, or missed."""

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
from touchline.events.coverage import looked_at_together
from touchline.events.predictions import read_events_csv
from touchline.inputs.clock import HalfSpan
from touchline.inputs.labels import Labels
from touchline.inputs.videos import AnnotatedVideo
from touchline.matching import is_within, pair_times

E = TypeVar("E", TrueEvent, Event)

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
        truth, events: their times are by the clock of the half.
        looked_at: where the model looked. Nothing else counts.
        others: the events of each other model.
        part: which of the video's halves it is, from 0.
        kickoff: seconds of video at which the clock of the half shows 0.
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
    taught: Sequence[str] = (),
) -> tuple[list[Half], list[str]]:
    """Read the truth of videos and what one model predicted in them, half by half.

    What is outside each half of a video is left out. An ensemble looked where all of its models
    did: elsewhere it is not the same ensemble.

    Args:
        videos: in the order of the files.
        classes: that are evaluated, if not all that are annotated.
        tolerance: most seconds between a verdict and a prediction that it is about. What a
            person's review leaves undecided is neither right nor false, and left out.
        taught: classes beside those of labels.yaml.

    Returns:
        also a line for each annotation that cannot be used.
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
            of=of.of,
            duration=coverage[0].duration,
            classes=classes,
        )
        events = read_events_csv(events_path)
        times = [*(true.time_s for true in truth.events), *(event.time_s for event in events)]
        looked_at = reduce(intersection, looked_at_together(coverage, times))
        events = [event for event in events if not is_undecided(event, truth, tolerance)]
        of_others = [read_events_csv(next(others)) for _ in range(of.others)]
        whole = Half(of.video, of.game, truth.events, events, looked_at, of_others)
        spans = of.of.spans(coverage[0].duration) if of.of.halves else ()
        halves += [_in_span(whole, part, span) for part, span in enumerate(spans)] or [whole]
        # A file with both halves is read twice, and its problems come twice.
        problems += [problem for problem in truth.problems if problem not in problems]
    return halves, problems


def _in_span(whole: Half, part: int, span: HalfSpan) -> Half:
    """What of a video is in one of its halves, by the clock of that half."""

    def moved(events: Sequence[E]) -> list[E]:
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
        truth=[event for event in half.truth if contains(half.looked_at, event.time_s)],
        events=sorted(
            (event for event in half.events if contains(half.looked_at, event.time_s)),
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

    Their times are the video's. Where a half begins with its video, the events themselves stand in
    the outcomes, not copies.
    """
    names = {name: name for name in annotated}
    found: list[Outcome] = []
    for half in map(where_looked, halves):
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
        found += [_by_video(outcome, half.kickoff) for outcome in sorted(of_half, key=_moment)]
    return found


def _by_video(outcome: Outcome, kickoff: float) -> Outcome:
    """An outcome with times by the clock of the video."""
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
