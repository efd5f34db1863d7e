"""Predictions of a model against time-aligned captions: the table of docs/evaluation.md.

    python benchmarks/captions.py DATA

DATA holds qwen7b/final_predictions_qwen7b_video_N.json, epl_video_index.csv (video_index, game,
half) and captions/…/GAME/Labels-caption.json, as SoccerNet-Caption has them. Captions are aligned
with the video by machine, good to about 15 s, and they report only what the commentator mentions.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from touchline.core.files import read_json
from touchline.core.records import Estimate
from touchline.evaluation.annotations import TrueEvent
from touchline.evaluation.calibration import calibrate
from touchline.evaluation.evaluate import evaluate
from touchline.evaluation.outcomes import Half
from touchline.events.coverage import looked_at_by
from touchline.events.merge import merge_events
from touchline.events.predictions import Predictions, read_predictions
from touchline.inputs.labels import Labels

CLASSES = {
    "soccer-ball": "Goal",
    "soccer-ball-own": "Goal",
    "corner": "Corner",
    "y-card": "Yellow card",
    "substitution": "Substitution",
}
TOLERANCE = 15.0
WINDOW = 3.0
STEP = 2.0  # seconds from one of the model's windows to the next


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--videos", type=int, nargs="+", default=range(6))
    options = parser.parse_args()
    labels = Labels.read(Path(__file__).parents[1] / "labels.yaml")
    with (options.data / "epl_video_index.csv").open(encoding="utf-8") as file:
        index = {int(row["video_index"]): row for row in csv.DictReader(file)}
    truth, given = {}, {}
    for video in options.videos:
        name = f"qwen7b/final_predictions_qwen7b_video_{video}.json"
        given[video] = read_predictions(options.data / name, labels)
        game, half = index[video]["game"], int(index[video]["half"])
        (captions,) = (options.data / "captions").glob(f"*/{Path(game).name}/Labels-caption.json")
        truth[video] = game, captioned(captions, half)
    print("| merge.keep | class | true | found | right | precision (chance) | recall (chance) |")
    print("|---|---|---:|---:|---:|---|---|")
    for keep in ("as given", "first", "best", "run"):
        halves = [half_of(video, *truth[video], given[video], keep) for video in options.videos]
        report, _ = evaluate(halves, "qwen7b", [TOLERANCE])
        for one in [*report.classes, *report.overall]:
            cells = [keep, one.label, one.true, one.predicted, one.true_positives]
            cells += [shown(one.precision), shown(one.recall)]
            print("|", " | ".join(map(str, cells)), "|")
        for signal in calibrate(halves, "qwen7b", TOLERANCE).reliability:
            if signal.area is not None:
                print(f"({keep}: {signal.signal} parts right from false with {signal.area:.2f})")


def captioned(path: Path, half: int) -> list[TrueEvent]:
    """The events of a half that captions report, in the classes that they name."""
    return [
        TrueEvent(int(caption["position"]) / 1000, CLASSES[caption["label"]])
        for caption in read_json(path)["annotations"]
        if caption["label"] in CLASSES and caption["gameTime"].startswith(f"{half} ")
    ]


def half_of(video: int, game: str, truth: list[TrueEvent], given: Predictions, keep: str) -> Half:
    """A video's captioned events, and those that the model says of the same classes."""
    events = [event for event in given.hits if event.label in CLASSES.values()]
    if keep != "as given":
        events, _ = merge_events(events, WINDOW, keep)  # type: ignore[arg-type]
    looked_at = looked_at_by(given.times, max(given.times) + STEP)
    return Half(video, game, truth, events, looked_at)


def shown(figure: Estimate) -> str:
    """A figure with chance, and its interval over matches."""
    if figure.value is None:
        return "–"
    interval = "" if figure.low is None else f" {figure.low:.2f}–{figure.high:.2f}"
    return f"{figure.value:.3f} ({figure.by_chance:.3f}){interval}"


if __name__ == "__main__":
    main()
