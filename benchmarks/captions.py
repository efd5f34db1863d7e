"""Evaluate real predictions against time-aligned captions, for the tables of docs/evaluation.md.

    python benchmarks/captions.py DATA [--tolerance 15] [--videos 0 1 2]

DATA contains qwen7b/final_predictions_qwen7b_video_N.json, epl_video_index.csv (video_index, game,
half) and captions/…/GAME/Labels-caption.json of SoccerNet-Caption. The captions were aligned by
machine. They come late, by a varying delay, and have only the events that the commentator mentions.

The output is in Markdown. It has the correct events per class beside chance, average precision by
ranking, and the calibrated scores, learnt from the other games. It also counts the captioned events
in shortlists, without labels and with those of the other games.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from touchline.answers.reading import Predictions
from touchline.core.files import read_json
from touchline.core.intervals import Intervals, gaps
from touchline.core.records import Event
from touchline.evaluation.annotations import TrueEvent
from touchline.evaluation.calibration import calibrate
from touchline.evaluation.evaluate import evaluate
from touchline.evaluation.outcomes import Half
from touchline.evaluation.ranking import learnt_scores
from touchline.evaluation.recalibration import learnt_order
from touchline.evaluation.records import Estimate
from touchline.events.context import score_by_context
from touchline.events.coverage import likely_lost
from touchline.events.given import read_given
from touchline.events.merge import merge_given
from touchline.events.shortlist import shortlist
from touchline.events.timing import locate
from touchline.inputs.labels import Labels
from touchline.inputs.settings import (
    ContextSettings,
    Keep,
    MergeSettings,
    ShortlistSettings,
    WindowSettings,
)
from touchline.inputs.windows import windows_at
from touchline.matching import pair_times, true_positives

CLASSES = {
    "soccer-ball": "Goal",
    "soccer-ball-own": "Goal",
    "corner": "Corner",
    "y-card": "Yellow card",
    "substitution": "Substitution",
}
# Seconds that captions come after the event: medians of 49 games of SoccerNet-Caption that were
# aligned by hand.
LAGS = {"Goal": 19.0, "Yellow card": 15.0, "Substitution": 17.0, "Corner": 8.5}
WINDOW = WindowSettings()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--videos", type=int, nargs="+", default=range(6))
    parser.add_argument("--tolerance", type=float, default=15.0)
    options = parser.parse_args()
    labels = Labels.read(Path(__file__).parents[1] / "labels.yaml")
    halves = [read_half(options.data, video, labels) for video in options.videos]
    show_found(halves, options.tolerance)
    show_orders(halves, options.tolerance)
    show_calibration(halves, options.tolerance)
    show_shortlists(halves, options.tolerance)


def read_half(data: Path, video: int, labels: Labels, keep: Keep = "first") -> Half:
    """Return a video's captioned events, and the workflow's events from the given predictions."""
    with (data / "epl_video_index.csv").open(encoding="utf-8") as file:
        (row,) = (row for row in csv.DictReader(file) if int(row["video_index"]) == video)
    (captions,) = (data / "captions").glob(f"*/{Path(row['game']).name}/Labels-caption.json")
    path = data / f"qwen7b/final_predictions_qwen7b_video_{video}.json"
    given = read_given(path, video, None, labels)
    looked_at = restrict_to_coverage(given)
    events = [event for event in ranked(given, labels, keep) if event.label in LAGS]
    return Half(video, row["game"], captioned(captions, int(row["half"])), events, looked_at)


def captioned(path: Path, half: int) -> list[TrueEvent]:
    """Return the events that captions of a half report, with the delay subtracted."""
    return [
        TrueEvent(max(0.0, int(caption["position"]) / 1000 - LAGS[label]), label)
        for caption in read_json(path)["annotations"]
        if (label := CLASSES.get(caption["label"])) and caption["gameTime"].startswith(f"{half} ")
    ]


def restrict_to_coverage(given: Predictions) -> Intervals:
    """Return predictions up to the last window, without stretches that were probably lost."""
    end = max(given.times) + WINDOW.seconds
    return gaps(likely_lost(given.times, end, WINDOW.seconds), end)


def ranked(given: Predictions, labels: Labels, keep: Keep) -> list[Event]:
    """Merge, locate and score given predictions as scripts/read_given.py does."""
    merged = merge_given(given, MergeSettings(keep=keep))
    windows = windows_at(given.times, None, WINDOW)
    shown = ((window.start, window.end, window.times) for window in windows)
    events = locate(merged.events, merged.hits, shown)
    return score_by_context(
        events, merged.hits, restrict_to_coverage(given), labels=labels, rule=ContextSettings()
    )


def show_found(halves: Sequence[Half], tolerance: float) -> None:
    """Print how many predictions are correct, with chance and an interval over games."""
    table(
        "class", "true", "found", "right", "precision (chance) interval", "recall (chance) interval"
    )
    report, _ = evaluate(halves, "qwen7b", [tolerance], classes=list(LAGS))
    for one in [*report.classes, *report.overall]:
        row(one.label, one.true, one.predicted, one.true_positives,
            shown(one.precision), shown(one.recall))  # fmt: skip


def show_orders(halves: Sequence[Half], tolerance: float) -> None:
    """Print average precision by several rankings, with chance and an interval over games."""
    orders: dict[str, Callable[[Event], float]] = {
        "as the files come": lambda event: event.confidence or 0.0,
        "n_hits": lambda event: event.n_hits,
        "longest run": lambda event: event.context.run_s if event.context else 0.0,
        "score": lambda event: event.ranking_score,
    }
    ranks = {
        name: [by_rank(half, order, halves) for half in halves] for name, order in orders.items()
    }
    report = calibrate(halves, "qwen7b", tolerance, list(LAGS))
    if (learnt := learnt_scores(halves, report)) is not None:
        scored = [replace(h, events=events) for h, events in zip(halves, learnt, strict=True)]
        ranks["calibrated"] = [
            by_rank(half, lambda event: event.ranking_score, scored) for half in scored
        ]
    print()
    table("class", *(f"{name} (chance) interval; at half recall" for name in ranks))
    reports = {name: evaluate(these, "qwen7b", [tolerance], classes=list(LAGS))[0]
               for name, these in ranks.items()}  # fmt: skip
    for label in LAGS:
        cells = []
        for name, these in ranks.items():
            (figures,) = (one for one in reports[name].classes if one.label == label)
            half_way = precision_at_half_recall(these, label, tolerance)
            cells.append(f"{shown(figures.average_precision)}; {half_way:.2f}")
        row(label, *cells)


def by_rank(half: Half, order: Callable[[Event], float], halves: Sequence[Half]) -> Half:
    """Return a half whose scores are ranks among all events of a class, from 0 to 1 for the best.

    Average precision then treats all rankings with the same resolution.
    """
    values = {
        label: np.sort([order(e) for h in halves for e in h.events if e.label == label])
        for label in LAGS
    }

    def place(event: Event) -> float:
        of_class = values[event.label]
        return float(np.searchsorted(of_class, order(event), side="right") / len(of_class))

    return replace(half, events=[replace(event, score=place(event)) for event in half.events])


def precision_at_half_recall(halves: Sequence[Half], label: str, tolerance: float) -> float:
    """Return the best precision at a recall of at least 1/2, or 0 if there is none."""
    right, scores, true = [], [], 0
    for half in halves:
        truth = [one.time_s for one in half.truth if one.label == label]
        mine = [one for one in half.events if one.label == label]
        scores += [one.ranking_score for one in mine]
        right += true_positives(
            truth, [one.time_s for one in mine], [one.ranking_score for one in mine], tolerance
        )
        true += len(truth)
    order = np.argsort(-np.array(scores), kind="stable")
    hits = np.cumsum(np.array(right, float)[order])
    precision = hits / np.arange(1, len(hits) + 1)
    return float(max(precision[hits >= true / 2], default=0.0))


def show_calibration(halves: Sequence[Half], tolerance: float) -> None:
    """Print log loss and Brier score before and after calibration by the other games."""
    print()
    table(
        "class",
        "events",
        "right",
        "log loss as scored",
        "calibrated",
        "Brier as scored",
        "calibrated",
    )
    for one in calibrate(halves, "qwen7b", tolerance, list(LAGS)).quality:
        if one.as_scored and one.recalibrated:
            row(one.label or "all", one.events, one.right,
                f"{one.as_scored.log_loss:.3f}", f"{one.recalibrated.log_loss:.3f}",
                f"{one.as_scored.brier:.3f}", f"{one.recalibrated.brier:.3f}")  # fmt: skip


def show_shortlists(halves: Sequence[Half], tolerance: float) -> None:
    """Print the number of captioned events in shortlists, with and without other games' labels."""
    report = calibrate(halves, "qwen7b", tolerance, list(LAGS))
    per_class = ShortlistSettings().per_class
    print()
    table("class", "true", "listed without labels", "listed with labels of the other games")
    for label in LAGS:
        counts = [0, 0, 0]
        for half in halves:
            true = [one.time_s for one in half.truth if one.label == label]
            counts[0] += len(true)
            learnt = learnt_order(half.events, report, half.game)
            for column, order in enumerate((None, learnt), start=1):
                listed = shortlist(half.events, list(LAGS), per_class, order)
                times = [
                    half.events[place].time_s
                    for place in listed
                    if half.events[place].label == label
                ]
                counts[column] += len(pair_times(true, times, tolerance))
        row(label, *counts)


def table(*heads: str) -> None:
    row(*heads)
    print("|" + "---|" * len(heads))


def row(*cells: object) -> None:
    print("|", " | ".join(map(str, cells)), "|")


def shown(figure: Estimate) -> str:
    """Format a metric with its chance level and its interval over matches."""
    if figure.value is None:
        return "–"
    interval = "" if figure.low is None else f" {figure.low:.2f}–{figure.high:.2f}"
    return f"{figure.value:.3f} ({figure.by_chance:.3f}){interval}"


if __name__ == "__main__":
    main()
