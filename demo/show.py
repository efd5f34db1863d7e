"""Print what a run of the demo found, against the truth and the second annotator.

    python demo/show.py FOLDER

FOLDER is what make_matches.py wrote and the workflow ran on.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import library  # noqa: F401
from touchline.files import read_json
from touchline.matching import match
from touchline.predictions import game_time, read_events_csv
from touchline.records import Event
from touchline.videos import read_videos

MODELS = ("llava", "qwen7b-simulated", "ensemble")
TOLERANCE = 3.0  # seconds


@dataclass
class Score:
    """Events by class: true ones, found ones, and found ones that are true."""

    true: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)

    def add(self, truth: list[tuple[float, str]], events: list[Event]) -> None:
        """Count the events of one video; each true one is found at most once."""
        self.true.update(label for _, label in truth)
        self.found.update(event.label for event in events)
        for label in self.true:
            times = [time for time, name in truth if name == label]
            mine = [event.time_s for event in events if event.label == label]
            self.right[label] += len(match(times, mine, TOLERANCE))

    def figures(self, label: str | None = None) -> tuple[float, float, float]:
        """Precision, recall and F1 of a class, or of all."""
        true, found, right = (
            counter.total() if label is None else counter[label]
            for counter in (self.true, self.found, self.right)
        )
        return right / max(1, found), right / max(1, true), 2 * right / max(1, true + found)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--picture", type=Path, help="draw what is printed as an SVG file, too")
    parser.add_argument("--least-f1", type=float, default=0.0, help="fail if llava's is lower")
    options = parser.parse_args()
    folder = options.folder
    results = folder / "results"
    scores = {model: Score() for model in MODELS}
    console = Console(highlight=False, record=True, width=80)
    videos = read_videos(folder / "videos.tsv")
    for number, video in videos.items():
        assert video.labels is not None
        truth = true_events(video.labels)
        events = {
            model: read_events_csv(results / "events" / f"events_{model}_video_{number}.csv")
            for model in MODELS
        }
        for model in MODELS:
            scores[model].add(truth, events[model])
        if len(videos) == 1:
            console.print(timeline(truth, events[MODELS[0]]))
    console.print(table(scores))
    if options.picture:
        console.save_svg(str(options.picture), title="make demo")
    print((results / "summary" / "summary.txt").read_text(encoding="utf-8"))
    f1 = scores[MODELS[0]].figures()[2]
    if f1 < options.least_f1:
        sys.exit(f"{MODELS[0]}'s F1 is {f1:.3f}, below {options.least_f1:g}.")
    print(f"Everything is in {results}: predictions/ has the events as JSON, events/ as tables,")
    print("windows/ what was said of each window, comparison/ and ensemble/ both annotators.")


def true_events(labels: Path) -> list[tuple[float, str]]:
    """Time (seconds) and label of each event in a Labels-v2.json file."""
    return [
        (int(event["position"]) / 1000, event["label"])
        for event in read_json(labels)["annotations"]
    ]


def timeline(truth: list[tuple[float, str]], events: list[Event]) -> Table:
    """The true events of one match, in order, beside what llava said of each."""
    shown = Table(
        title="The match, and what llava found",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for column in ("time", "true event", "in the window from", "team", "score"):
        shown.add_column(column)
    left = list(events)
    for time, label in truth:
        near = [e for e in left if e.label == label and abs(e.time_s - time) <= TOLERANCE]
        if near:
            left.remove(near[0])
            score = "" if near[0].score is None else f"{near[0].score:.2f}"
            found = [game_time(near[0].time_s, None), near[0].team or "", score]
        else:
            found = ["missed", "", ""]
        shown.add_row(game_time(time, None), label, *found)
    for event in left:
        shown.add_row("", f"({event.label})", game_time(event.time_s, None), event.team or "", "")
    return shown


def table(scores: Mapping[str, Score]) -> Table:
    """Precision, recall and F1 of the first model by class, and F1 of the others beside it."""
    shown = Table(
        title=f"Against the truth, ±{TOLERANCE:g} s",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    first, *others = scores
    columns = [
        "true",
        "found",
        "precision",
        "recall",
        *("F1\n" + model.replace("-", "-\n") for model in scores),
    ]
    shown.add_column("class", no_wrap=True)
    for column in columns:
        shown.add_column(column, justify="right", no_wrap=True)
    score, labels = scores[first], sorted(scores[first].true)
    for label in [*labels, None]:
        true, found = (
            counter.total() if label is None else counter[label]
            for counter in (score.true, score.found)
        )
        figures = [*score.figures(label), *(scores[model].figures(label)[2] for model in others)]
        shown.add_row(
            label or "all",
            str(true),
            str(found),
            *(f"{figure:.2f}" for figure in figures),
            end_section=label == labels[-1],
        )
    return shown


if __name__ == "__main__":
    main()
