"""Print the predicted events of a demo run beside the true ones.

    python demo/show.py FOLDER

FOLDER is the folder that make_matches.py wrote and the workflow ran on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from touchline.core import paths
from touchline.core.files import read_record
from touchline.core.records import Event
from touchline.core.soccernet import game_time
from touchline.evaluation.annotations import TrueEvent, read_truth
from touchline.evaluation.evaluate import ALL
from touchline.evaluation.records import ClassFigures, Estimate, EvaluationReport
from touchline.events.predictions import read_events_csv
from touchline.inputs.labels import Labels
from touchline.inputs.videos import read_videos
from touchline.matching import pair_times

MODELS = ("llava", "qwen", "ensemble")
TOLERANCE = 3.0  # seconds, one of evaluation.tolerances in config.yaml
ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--least-f1", type=float, default=0.0, help="exit with an error if llava's F1 is lower"
    )
    options = parser.parse_args()
    folder = options.folder
    results = folder / "results"
    console = Console(highlight=False, width=80)
    videos = read_videos(folder / "videos.tsv")
    if len(videos) == 1:
        ((number, video),) = videos.items()
        assert video.labels is not None
        truth = read_truth(video.labels, Labels.read(ROOT / "labels.yaml"), of=video.game_half)
        events = read_events_csv(results / paths.EVENTS.format(model=MODELS[0], video=number))
        console.print(timeline(truth.events, events))
    reports = [
        read_record(results / paths.EVALUATION.format(model=model), EvaluationReport)
        for model in MODELS
    ]
    console.print(table(reports))
    print((results / paths.SUMMARY_TEXT).read_text(encoding="utf-8"))
    f1 = at_tolerance(reports[0].overall)[ALL].f1.value or 0.0
    if f1 < options.least_f1:
        sys.exit(f"{MODELS[0]}'s F1 is {f1:.3f}, below {options.least_f1:g}.")
    print(f"Everything is in {results}: predictions/ has the events as JSON, events/ as tables,")
    print("windows/ has the answer to each window; comparison/ and ensemble/ have both models.")
    page = (results / "report" / "index.html").resolve()
    print(f"To watch the match and judge its events, open {page.as_uri()}")


def at_tolerance(figures: Sequence[ClassFigures]) -> dict[str, ClassFigures]:
    """Return the metrics per class at the demo's tolerance."""
    return {one.label: one for one in figures if one.tolerance == TOLERANCE}


def timeline(truth: Sequence[TrueEvent], events: Sequence[Event]) -> Table:
    """Return a table of one match: the true events in order, with llava's prediction of each."""
    shown = Table(
        title="The match, with llava's predictions",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for column in ("time", "true event", "found at", "team", "score"):
        shown.add_column(column)
    found: dict[TrueEvent, Event] = {}
    for label in {true.label for true in truth}:
        ours = [true for true in truth if true.label == label]
        theirs = [event for event in events if event.label == label]
        times = [true.time_s for true in ours], [event.time_s for event in theirs]
        found |= {ours[i]: theirs[j] for i, j in pair_times(*times, TOLERANCE)}
    for true in truth:
        event = found.get(true)
        if event is None:
            cells = ["missed", "", ""]
        else:
            score = "" if event.score is None else f"{event.score:.2f}"
            cells = [game_time(event.time_s, None), event.team or "", score]
        shown.add_row(game_time(true.time_s, None), true.label, *cells)
    for event in events:
        if event not in found.values():
            shown.add_row("", f"({event.label})", game_time(event.time_s, None), event.team or "")
    return shown


def table(reports: Sequence[EvaluationReport]) -> Table:
    """Return a table with precision, recall and F1 of the first model, and F1 of the others."""
    shown = Table(
        title=f"Against the true events, ±{TOLERANCE:g} s",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    columns = [
        "true",
        "found",
        "precision",
        "recall",
        *("F1\n" + model.replace("-", "-\n") for model in MODELS),
    ]
    shown.add_column("class", no_wrap=True)
    for column in columns:
        shown.add_column(column, justify="right", no_wrap=True)
    first, *others = (at_tolerance([*one.classes, *one.overall]) for one in reports)
    labels = [*(label for label in first if label != ALL), ALL]
    for label in labels:
        figures = first[label]
        f1 = [other[label].f1 for other in others]
        shown.add_row(
            label,
            str(figures.true),
            str(figures.predicted),
            *(number(one) for one in (figures.precision, figures.recall, figures.f1, *f1)),
            end_section=label == labels[-2],
        )
    return shown


def number(figure: Estimate) -> str:
    return "–" if figure.value is None else f"{figure.value:.2f}"


if __name__ == "__main__":
    main()
