"""Comparison of two or more models' events in one video."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from touchline.comparison.chance_level import shifts as shifts_of
from touchline.comparison.records import (
    Agreement,
    ClassAgreement,
    ComparedModel,
    ComparisonReport,
    Confusion,
    Moments,
    PairComparison,
)
from touchline.core.intervals import Intervals, contains, elapsed, intersection, length, to_records
from touchline.core.records import Event
from touchline.core.tables import Dtype, Table
from touchline.matching import group_moments, pair_times

# The columns of each event in a comparison.
_EVENT_COLUMNS: tuple[tuple[str, Dtype], ...] = (
    ("time_s", "Float64"),
    ("label", "str"),
    ("known", "boolean"),
    ("team", "str"),
    ("confidence", "Float64"),
    ("score", "Float64"),
    ("n_hits", "Int64"),
    ("details", "str"),
)
_SIDES: tuple[list[tuple[str, Dtype]], ...] = tuple(
    [(f"model_{side}", "str"), *((f"{name}_{side}", dtype) for name, dtype in _EVENT_COLUMNS)]
    for side in "ab"
)
# The columns of comparison/comparison_video_{v}.csv, with one line per finding. The cells of an
# absent event are empty.
COMPARISON = Table(
    [
        ("video", "Int64"),
        ("time_s", "float64"),
        ("group", "str"),
        ("found_by", "str"),
        ("offset_s", "Float64"),
        *_SIDES[0],
        *_SIDES[1],
    ]
)

Group = Literal["both", "other_label", "only", "not_compared"]
Pairs = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Track:
    """The predictions of one model for a video: its events, and the intervals that it looked at."""

    events: Sequence[Event]
    looked_at: Intervals


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a comparison: an event of one model, or a pair of events of two models.

    Attributes:
        group: "both" is a pair with the same label. "other_label" is a pair with different labels.
            "only" is an event that the other model did not predict, although it looked.
            "not_compared" is an event where the other model did not look.
        model_a: name of the first model.
        model_b: name of the second model.
        event_a: event of the first model, if any.
        event_b: event of the second model, if any.
    """

    group: Group
    model_a: str
    model_b: str
    event_a: Event | None
    event_b: Event | None

    @property
    def time_s(self) -> float:
        """Return the earlier time of the two events, in seconds."""
        return min(event.time_s for event in (self.event_a, self.event_b) if event is not None)


@dataclass(frozen=True, slots=True)
class _Marks:
    """The labels and times (in seconds) of a list of events, which are identified by index."""

    labels: list[str]
    times: list[float]

    def by_label(self) -> dict[str, list[int]]:
        """Return the indices of the events of each label."""
        indices: dict[str, list[int]] = {}
        for index, label in enumerate(self.labels):
            indices.setdefault(label, []).append(index)
        return indices


def compare(
    tracks: Mapping[str, Track], tolerance: float, *, shifts: int = 20, seed: int = 0
) -> tuple[ComparisonReport, list[Finding]]:
    """Compare models pairwise and together.

    For two models, events of the same label are paired first. Then the remaining events are paired
    with any label. Agreement counts only known classes, and only where both models looked. For the
    chance level, one list is shifted in time by several amounts, and the results of the same
    procedure are averaged.

    Args:
        tracks: predictions by name of the model, in the order of the report.
        tolerance: largest distance between paired events, in seconds.
        shifts: number of time shifts for the chance level.
        seed: seed of the random shifts. The same seed gives the same report.

    Returns:
        The report, and all findings, ordered by pair of models and time.
    """
    pairs = []
    findings: list[Finding] = []
    for model_a, model_b in combinations(tracks, 2):
        pair, lines = _compare_two(tracks, model_a, model_b, tolerance, shifts=shifts, seed=seed)
        pairs.append(pair)
        findings.extend(lines)
    report = ComparisonReport(
        tolerance=tolerance,
        shifts=shifts,
        seed=seed,
        models=[
            ComparedModel(
                name=name,
                events=len(track.events),
                unknown=sum(not event.known for event in track.events),
                looked_at=to_records(track.looked_at),
            )
            for name, track in tracks.items()
        ],
        pairs=pairs,
        together=_together(tracks, tolerance),
    )
    return report, findings


def write_comparison_csv(
    path: str | Path, findings: Iterable[Finding], video: int | None = None
) -> None:
    """Write findings as a table with one line per finding."""
    COMPARISON.write(path, COMPARISON.frame(_row(finding, video) for finding in findings))


def _row(finding: Finding, video: int | None) -> list[object]:
    """Return the cells of a finding."""
    sides = ((finding.model_a, finding.event_a), (finding.model_b, finding.event_b))
    times = [event.time_s for _, event in sides if event is not None]
    cells: list[object] = [
        video,
        finding.time_s,
        finding.group,
        " + ".join(model for model, event in sides if event is not None),
        round(times[1] - times[0], 3) if len(times) == 2 else None,
    ]
    for model, event in sides:
        cells.append(model)
        cells += [None if event is None else getattr(event, name) for name, _ in _EVENT_COLUMNS]
    return cells


def _compare_two(
    tracks: Mapping[str, Track],
    model_a: str,
    model_b: str,
    tolerance: float,
    *,
    shifts: int,
    seed: int,
) -> tuple[PairComparison, list[Finding]]:
    """Compare two models. Return their part of the report, and their findings by time."""
    track_a, track_b = tracks[model_a], tracks[model_b]
    compared = intersection(track_a.looked_at, track_b.looked_at)
    events_a, outside_a = _split(track_a.events, compared)
    events_b, outside_b = _split(track_b.events, compared)
    marks_a = _Marks([e.label for e in events_a], [e.time_s for e in events_a])
    marks_b = _Marks([e.label for e in events_b], [e.time_s for e in events_b])
    same, different = _pair_up(marks_a, marks_b, tolerance)
    only_a = _rest(len(events_a), [i for i, _ in same + different])
    only_b = _rest(len(events_b), [j for _, j in same + different])

    findings = [
        *(Finding("both", model_a, model_b, events_a[i], events_b[j]) for i, j in same),
        *(Finding("other_label", model_a, model_b, events_a[i], events_b[j]) for i, j in different),
        *(Finding("only", model_a, model_b, events_a[i], None) for i in only_a),
        *(Finding("only", model_a, model_b, None, events_b[j]) for j in only_b),
        *(Finding("not_compared", model_a, model_b, event, None) for event in outside_a),
        *(Finding("not_compared", model_a, model_b, None, event) for event in outside_b),
    ]
    findings.sort(key=lambda finding: finding.time_s)

    seen = _confusion(marks_a, marks_b, same + different)
    chance = _chance(marks_a, marks_b, compared, tolerance, shifts=shifts, seed=seed)
    in_a = Counter(event.label for event in events_a if event.known)
    in_b = Counter(event.label for event in events_b if event.known)
    classes = sorted(in_a | in_b)
    report = PairComparison(
        model_a=model_a,
        model_b=model_b,
        compared=to_records(compared),
        both=len(same),
        other_label=len(different),
        only_a=len(only_a),
        only_b=len(only_b),
        not_compared_a=len(outside_a),
        not_compared_b=len(outside_b),
        overall=Agreement(**_agreement(in_a, in_b, seen, chance, classes)),
        classes=[
            ClassAgreement(label=label, **_agreement(in_a, in_b, seen, chance, [label]))
            for label in classes
        ],
        confusion=[
            Confusion(
                label_a=label_a,
                label_b=label_b,
                count=seen[label_a, label_b],
                by_chance=fmean(counter[label_a, label_b] for counter in chance),
            )
            for label_a, label_b in sorted(set().union(seen, *chance), key=lambda p: (-seen[p], p))
        ],
    )
    return report, findings


def _pair_up(a: _Marks, b: _Marks, tolerance: float) -> tuple[Pairs, Pairs]:
    """Pair events of the same label, then pair the remaining events with any label.

    Returns:
        The pairs of indices with the same label, and those with different labels.
    """
    by_label_a, by_label_b = a.by_label(), b.by_label()
    same = [
        pair
        for label, indices in by_label_a.items()
        if label in by_label_b
        for pair in _pair_subsets(a, indices, b, by_label_b[label], tolerance)
    ]
    rest_a = _rest(len(a.times), [i for i, _ in same])
    rest_b = _rest(len(b.times), [j for _, j in same])
    # All possible pairs with the same label were made above, so these pairs have different labels.
    return same, _pair_subsets(a, rest_a, b, rest_b, tolerance)


def _pair_subsets(
    a: _Marks, in_a: list[int], b: _Marks, in_b: list[int], tolerance: float
) -> Pairs:
    """Pair two subsets of events by time. Return pairs of indices into the full lists."""
    pairs = pair_times([a.times[i] for i in in_a], [b.times[j] for j in in_b], tolerance)
    return [(in_a[i], in_b[j]) for i, j in pairs]


def _rest(count: int, taken: Iterable[int]) -> list[int]:
    """Return the indices that are not taken."""
    taken = set(taken)
    return [index for index in range(count) if index not in taken]


def _split(events: Iterable[Event], compared: Intervals) -> tuple[list[Event], list[Event]]:
    """Split events into those inside the compared intervals and those outside."""
    inside: list[Event] = []
    outside: list[Event] = []
    for event in events:
        (inside if contains(compared, event.time_s) else outside).append(event)
    return inside, outside


def _chance(
    a: _Marks, b: _Marks, compared: Intervals, tolerance: float, *, shifts: int, seed: int
) -> list[Counter[tuple[str, str]]]:
    """Return the confusion counts after each of several circular shifts of b.

    For the shifts, the compared intervals are joined without gaps.
    """
    span = length(compared)
    a = _Marks(a.labels, elapsed(compared, a.times))
    positions = elapsed(compared, b.times)
    confusions = []
    for shift in shifts_of([*a.times, *positions], span, tolerance, count=shifts, seed=seed):
        shifted = _Marks(b.labels, [(position + shift) % span for position in positions])
        same, different = _pair_up(a, shifted, tolerance)
        confusions.append(_confusion(a, shifted, same + different))
    return confusions


def _confusion(a: _Marks, b: _Marks, pairs: Pairs) -> Counter[tuple[str, str]]:
    """Count how often each label of a is paired with each label of b."""
    return Counter((a.labels[i], b.labels[j]) for i, j in pairs)


def _agreement(
    in_a: Counter[str],
    in_b: Counter[str],
    seen: Counter[tuple[str, str]],
    chance: Sequence[Counter[tuple[str, str]]],
    labels: Sequence[str],
) -> dict[str, Any]:
    """Return the fields of an Agreement over some labels."""
    count_a, count_b = sum(in_a[label] for label in labels), sum(in_b[label] for label in labels)
    total = count_a + count_b
    matched, *by_chance = (
        sum(counter[label, label] for label in labels) for counter in (seen, *chance)
    )
    return {
        "events_a": count_a,
        "events_b": count_b,
        "matched": matched,
        "matched_by_chance": fmean(by_chance),
        "f1": 2 * matched / total if total else None,
        "f1_by_chance": 2 * fmean(by_chance) / total if total else None,
        "jaccard": matched / (total - matched) if total else None,
        "jaccard_by_chance": fmean(m / (total - m) for m in by_chance) if total else None,
    }


def _together(tracks: Mapping[str, Track], tolerance: float) -> list[Moments]:
    """Count moments of known classes where all models looked, by the models that found them."""
    everywhere = reduce(intersection, (track.looked_at for track in tracks.values()))
    times: dict[str, list[list[float]]] = defaultdict(lambda: [[] for _ in tracks])
    for number, track in enumerate(tracks.values()):
        for event in track.events:
            if event.known and contains(everywhere, event.time_s):
                times[event.label][number].append(event.time_s)
    names = list(tracks)
    found = Counter(
        (label, tuple(sorted(moment)))
        for label, lists in times.items()
        for moment in group_moments(lists, tolerance)
    )
    return [
        Moments(label=label, models=[names[number] for number in numbers], count=count)
        for (label, numbers), count in sorted(found.items())
    ]
