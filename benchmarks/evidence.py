"""Compare events of evidence with those of answers, for the demo's models.

    python demo/make_matches.py --hard --seeds $(seq 202 221) --out /tmp/hard
    python benchmarks/evidence.py --matches /tmp/hard --models llava qwen

The matches are harder than those in training (signs half as long, more distractors), and neither
model has seen them. Each window is answered once. The workflow's functions make events of its
answer and its evidence. The answers' events are ranked by the probability of their label's tokens,
and also by context.

The metric is SoccerNet's average-mAP. 7 of its 17 classes do not occur and count 0, so 0.588 is the
maximum. The last row is for perfect answers: each sign that is on a frame is found. Its time is the
middle of the frames that are in all its windows. Intervals come from 1,000 resamples of the
matches. The resamples are the same for all rows, so differences have intervals, too. The folder
keeps finished work.

Expected before measuring: a quarter of the signs falls between two frames, so neither way finds
them. With llava, evidence adds -1 to +1 points of tight average-mAP, because nearly all answers in
easy matches are right. With qwen, it adds +2 to +5 points. Most of its mistakes are answers without
an event, in windows where a class was nearly as likely.
"""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from demo.scene.match import schedule
from touchline.core.files import read_text
from touchline.core.records import Event, Manifest
from touchline.core.soccernet import SOCCERNET_CLASSES
from touchline.detection.worker import Question, answer_windows
from touchline.evaluation.annotations import TrueEvent, read_truth
from touchline.evaluation.average_map import mean_ap
from touchline.evaluation.average_precision import Floats, mean_over_deltas
from touchline.evaluation.metrics import by_label, game_weights
from touchline.evaluation.outcomes import Half
from touchline.evaluation.soccernet_evaluator import METRICS
from touchline.events.context import score_by_context
from touchline.events.merge import SliceLedger, merge_slices
from touchline.events.timing import locate
from touchline.evidence.peaks import spot_events
from touchline.evidence.tables import Evidence
from touchline.inputs.labels import Labels
from touchline.inputs.settings import (
    BatchSettings,
    ContextSettings,
    GenerationSettings,
    ImageSettings,
    MergeSettings,
    WindowSettings,
)
from touchline.inputs.videos import Video, read_videos
from touchline.inputs.windows import list_windows, most_frames, whole_video
from touchline.matching import is_within
from touchline.models.quantize import quantize
from touchline.video.probe import probe

ROOT = Path(__file__).parents[1]
# The value of demo/config.yaml: two windows with the same sign are one event.
WINDOW = 5.0
RULE = WindowSettings()
# Seconds within which two signs share windows, and within which a sign counts as found.
CROWD, NEAR = 3.0, 2.5
CEILING = "every sign that a frame shows"
WAYS = ("answers, by tokens", "answers, by context", "evidence", CEILING)


@dataclass(frozen=True)
class Found:
    """The true events of a match, and the events that each of `WAYS` finds."""

    truth: Sequence[TrueEvent]
    ways: Mapping[str, Sequence[Event]]
    duration: float


def main() -> None:
    options = _options()
    logging.disable(logging.INFO)
    torch.set_num_threads(options.threads)
    labels = Labels.read(ROOT / "labels.yaml")
    videos = read_videos(str(options.matches / "videos.tsv"))
    for model in options.models:
        folder = options.matches / "models" / model
        if not folder.exists():
            quantize(ROOT / "demo" / f"model-{model}", folder)
        found = []
        for video in videos.values():
            found.append(_find(video, folder, options, labels))
            print(f"{model}: {len(found)} of {len(videos)} matches", flush=True)
        _print(model, found)


def _find(video: Video, checkpoint: Path, options: argparse.Namespace, labels: Labels) -> Found:
    manifest = probe(video)
    windows = list_windows(0, manifest.duration, whole_video(manifest.duration), RULE)
    question = Question(
        prompt=read_text(ROOT / "prompts" / "soccer_events.txt"),
        checkpoint=checkpoint,
        dtype="auto",
        image=ImageSettings(),
        generation=GenerationSettings(max_new_tokens=96, evidence=True),
        fps=RULE.fps,
        frames=most_frames(RULE),
        version=1,
        classes=labels.classes,
    )
    journal = options.matches / "journal" / f"{checkpoint.name}_{video.video}"
    records = answer_windows(
        video.footage,
        manifest,
        windows,
        question,
        journal_folder=journal,
        batch=BatchSettings(),
        threads=options.threads,
    )
    assert video.labels is not None
    truth = read_truth(video.labels, labels, of=video.game_half).events
    ledger = SliceLedger(0.0, manifest.duration, [r.ledger_line for r in records], "ledger")
    answers = events_of_answers(ledger, manifest, labels)
    tokens = [replace(event, score=event.label_probability or 0.0) for event in answers[0]]
    evidence = spot_events(Evidence.of(records, labels.classes), WINDOW)
    shown = list(_shown(video, manifest.duration))
    ways = dict(zip(WAYS, (tokens, answers[1], evidence, shown), strict=True))
    return Found(truth, ways, manifest.duration)


def _shown(video: Video, duration: float) -> Iterator[Event]:
    """Return the events whose sign is on a frame. Their times are those of perfect answers."""
    seed = int(video.footage.parent.name.removeprefix("match_"))
    match = schedule(seed, duration, hard=True)
    for event in match.events:
        frame = math.ceil(event.time)
        if frame < event.end:
            # Frames are one second apart and windows two, so a moment has two frames.
            time = 2 * (frame // 2) + 0.5
            yield Event(time, event.label, True, None, None, None, 1, time, time, time, score=1.0)


def events_of_answers(
    ledger: SliceLedger, manifest: Manifest, labels: Labels
) -> tuple[list[Event], list[Event]]:
    """Return the events of answers, without scores and scored by context."""
    merged = merge_slices(
        [ledger],
        whole_video(manifest.duration),
        rule=RULE,
        labels=labels,
        merge=MergeSettings(window=WINDOW),
    )
    shown = ((w.start, w.end, w.frame_times) for w in ledger.windows)
    events = locate(merged.events, merged.hits, shown)
    looked_at = ((0.0, manifest.duration),)
    return events, score_by_context(
        events, merged.hits, looked_at, labels=labels, rule=ContextSettings()
    )


def _print(model: str, found: Sequence[Found]) -> None:
    games = [str(number) for number in range(len(found))]
    weights = game_weights(games, 1000, 0)
    maps = {way: _maps(found, way, games, weights) for way in WAYS}
    print(f"\n| {model}, {len(found)} matches | events | loose | tight | tight - by tokens |")
    print("|---|---|---|---|---|")
    for way in WAYS:
        gain = maps[way]["tight"] - maps[WAYS[0]]["tight"]
        cells = [cell(values) for values in (maps[way]["loose"], maps[way]["tight"], gain)]
        events = sum(len(match.ways[way]) for match in found)
        print(f"| {way} | {events} | {' | '.join(cells)} |")
    print(f"{sum(len(match.truth) for match in found)} true events")
    for what, is_crowded in (("alone", False), ("with another near it", True)):
        signs = [
            (match, sign)
            for match in found
            for sign in match.ways[CEILING]
            if is_crowded == (_count(match.ways[CEILING], sign.time_s, CROWD) > 1)
        ]
        hits = ", ".join(
            f"{sum(_count(m.ways[way], s.time_s, NEAR, s.label) > 0 for m, s in signs)} by {way}"
            for way in WAYS[:3]
        )
        print(f"of {len(signs)} signs {what}, found within {NEAR:g} s: {hits}", flush=True)


def _count(events: Sequence[Event], time: float, within: float, label: str | None = None) -> int:
    """Return the number of events around a time, of one label or of any."""
    return sum(
        is_within(event.time_s, time, within) and label in (None, event.label) for event in events
    )


def _maps(
    found: Sequence[Found], way: str, games: Sequence[str], weights: Floats
) -> dict[str, Floats]:
    """Return the loose and tight average-mAP of one of `WAYS`, [1 + samples] each."""
    halves = [
        Half(number, games[number], match.truth, match.ways[way], ((0.0, match.duration),))
        for number, match in enumerate(found)
    ]
    lists = by_label(halves, {name: name for name in SOCCERNET_CLASSES}, games)
    return {
        metric: mean_over_deltas([mean_ap(lists, delta, weights) for delta in METRICS[metric]])
        for metric in ("loose", "tight")
    }


def cell(values: Floats) -> str:
    low, high = np.percentile(values[1:], [2.5, 97.5]) if len(values) > 1 else (math.nan, math.nan)
    return f"{values[0]:.3f} ({low:.3f} to {high:.3f})"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--matches", type=Path, required=True, help="folder written by make_matches.py")
    add("--models", nargs="+", default=["llava", "qwen"])
    add("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
