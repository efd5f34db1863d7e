"""Compare learnt events with those of answers and evidence on the demo's models; measure the cost.

    python demo/make_matches.py --breaks --seeds $(seq 400 413) --out /tmp/taught
    python demo/make_matches.py --hard --seeds $(seq 420 433) --out /tmp/hard
    python benchmarks/learning.py demo --matches /tmp/taught
    python benchmarks/learning.py demo --matches /tmp/hard
    python benchmarks/learning.py cost
    python benchmarks/learning.py detection --matches /tmp/taught

demo: the first 4 matches are labelled, and the others are tested. With --breaks, matches have
drinks breaks, which no model was trained on and the prompt does not name. The hidden state after
the prompt is compared with the vision tower's features of the frames, averaged over places and
frames. It is also compared with labels at random times in the labelled matches, as the mean of ten
draws. Average precision is at 5 s, as a mean over classes. Chance is the value for the same events
shifted in time. The column “tight” has SoccerNet's average-mAP (as in benchmarks/evidence.py). The
column “gain” has its difference from answers. Intervals come from 1,000 resamples of the matches.
The folder keeps finished work.

cost: time and memory for 40 halves of 1,500 windows with 4,096 made-up numbers each.

detection: processor time for the windows of the first match, with features and without, in turn.

Expected before measuring: drinks breaks have an average precision of .8 from the hidden state, and
less from the vision tower. On hard matches, learnt events are better than those of answers. Random
labels give the chance level. Learning takes two minutes on 2 cores.
"""

from __future__ import annotations

import argparse
import logging
import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from evidence import ROOT, RULE, WINDOW, cell, events_of_answers
from numpy.typing import NDArray

from demo.scene.match import TAUGHT
from touchline.core.files import read_text
from touchline.core.records import Event, Manifest, WindowOutcome
from touchline.core.soccernet import SOCCERNET_CLASSES
from touchline.detection.worker import Question, answer_windows
from touchline.evaluation.annotations import TrueEvent, Truth, read_truth
from touchline.evaluation.average_map import mean_ap
from touchline.evaluation.average_precision import Floats, mean_over_deltas
from touchline.evaluation.metrics import by_label, game_weights, shifted_halves
from touchline.evaluation.outcomes import Half
from touchline.evaluation.soccernet_evaluator import METRICS
from touchline.events.merge import SliceLedger
from touchline.evidence.peaks import spot_events
from touchline.evidence.tables import Evidence
from touchline.inputs.labels import Labels
from touchline.inputs.settings import BatchSettings, GenerationSettings, ImageSettings
from touchline.inputs.videos import Video, read_videos
from touchline.inputs.windows import list_windows, most_frames, whole_video
from touchline.learning.curve import Judging, learning_curve, mean_precisions, spotted
from touchline.learning.reduction import directions, standardize
from touchline.learning.training import LabelledVideo, Learner
from touchline.models.families import family
from touchline.models.families.base import Footage, VideoLanguageModel
from touchline.models.quantize import quantize
from touchline.video.probe import probe
from touchline.video.sampler import read_frames
from touchline.weights.checkpoints import read_family

HOW = Judging(radius=WINDOW, tolerance=5.0, resamples=1000, seed=0)
SHIFTS = 20
# Number of draws of random labels.
DRAWS = 10
ROUNDS = 7
# The made-up halves are those of 20 games of SoccerNet, with the usual numbers of events per class.
HALVES, WINDOWS, WIDTH = 40, 1_500, 4_096
PER_HALF = (0.2, 2, 1.5, 3, 2, 5, 5, 8, 30, 18, 12, 10, 2, 5, 2, 0.2, 0.2)


@dataclass(frozen=True)
class Match:
    """The windows of a match, two kinds of features, and the events of answers and evidence.

    Attributes:
        by_kind: states of each window by kind of features, [windows, width].
        ways: events that were found without labels, by answers or evidence.
    """

    video: Video
    manifest: Manifest
    truth: Truth
    windows: NDArray[np.float64]
    by_kind: Mapping[str, NDArray[np.float16]]
    ways: Mapping[str, Sequence[Event]]

    def labelled(self, kind: str) -> LabelledVideo:
        states = standardize(self.by_kind[kind])
        return LabelledVideo(
            video=self.video.video,
            game=str(self.video.game),
            stretches=whole_video(self.manifest.duration),
            windows=self.windows,
            answered=np.ones(len(self.windows), bool),
            states=states @ directions(states.shape[1]),
            truth=self.truth,
            step=RULE.step,
        )

    def half(self, events: Sequence[Event]) -> Half:
        duration = ((0.0, self.manifest.duration),)
        return Half(self.video.video, str(self.video.game), self.truth.events, events, duration)


def main() -> None:
    options = _options()
    logging.disable(logging.INFO)
    torch.set_num_threads(options.threads)
    if options.part == "cost":
        measure_cost()
        return
    labels = Labels.read(ROOT / "labels.yaml", [TAUGHT])
    videos = list(read_videos(str(options.matches / "videos.tsv")).values())
    for model in options.models:
        folder = options.matches / "models" / model
        if not folder.exists():
            quantize(ROOT / "demo" / f"model-{model}", folder)
        if options.part == "detection":
            measure_detection(videos[0], folder)
            continue
        matches = []
        for video in videos:
            matches.append(read_match(video, folder, options, labels))
            print(f"{model}: {len(matches)} of {len(videos)} matches", flush=True)
        compare(model, matches, options.labelled, labels)


def read_match(
    video: Video, checkpoint: Path, options: argparse.Namespace, labels: Labels
) -> Match:
    """Answer the windows of a match, and compute the features of the vision tower."""
    manifest = probe(video)
    windows = list_windows(0, manifest.duration, whole_video(manifest.duration), RULE)
    question = replace(
        _question(checkpoint),
        generation=GenerationSettings(max_new_tokens=96, evidence=True),
        classes=Labels.read(ROOT / "labels.yaml").classes,
        keeps_features=True,
    )
    records = answer_windows(
        video.footage,
        manifest,
        windows,
        question,
        journal_folder=options.matches / "journal" / f"{checkpoint.name}_{video.video}",
        batch=BatchSettings(),
        threads=options.threads,
    )
    assert video.labels is not None
    ledger = SliceLedger(0.0, manifest.duration, [r.ledger_line for r in records], "ledger")
    answers, _ = events_of_answers(ledger, manifest, labels)
    evidence = Evidence.of(records, question.classes)
    return Match(
        video=video,
        manifest=manifest,
        truth=read_truth(video.labels, labels, of=video.game_half),
        windows=evidence.windows,
        by_kind={
            "hidden state": np.array([np.frombuffer(r.features, np.float16) for r in records]),
            "vision tower": seen_by_tower(video, manifest, records, question, checkpoint),
        },
        ways={
            "answers, by tokens": [
                replace(event, score=event.label_probability or 0.0) for event in answers
            ],
            "evidence": spot_events(evidence, WINDOW),
        },
    )


def _question(checkpoint: Path) -> Question:
    return Question(
        prompt=read_text(ROOT / "prompts" / "soccer_events.txt"),
        checkpoint=checkpoint,
        dtype="auto",
        image=ImageSettings(),
        generation=GenerationSettings(max_new_tokens=96),
        fps=RULE.fps,
        frames=most_frames(RULE),
        version=1,
    )


def seen_by_tower(
    video: Video,
    manifest: Manifest,
    records: Sequence[WindowOutcome],
    question: Question,
    checkpoint: Path,
) -> NDArray[np.float16]:
    """Return the mean output of vision tower and projector for each window's frames."""
    kept = checkpoint.parent / f"tower_{checkpoint.name}_{video.video}.npy"
    if kept.exists():
        found: NDArray[np.float16] = np.load(kept)
        return found
    footage = Footage(manifest.width, manifest.height, question.fps, question.frames)
    model = family(read_family(checkpoint))(checkpoint, question.prompt, footage)
    assert isinstance(model, VideoLanguageModel)
    times = sorted({time for record in records for time in record.frame_times})
    frames = read_frames(
        manifest, video.footage, times, max_size=question.image.max_size, threads=1
    )
    pooled = {}
    for frame in frames:
        pixels = model.pixels(frame.picture, question.image.fit)
        picture = pixels[None, None].repeat(1, model.frames_per_picture, 1, 1, 1)
        pooled[frame.time] = model.encode(picture)[0].float().mean(0).numpy()
    states = [np.mean([pooled[time] for time in r.frame_times], axis=0) for r in records]
    np.save(kept, np.array(states, np.float16))
    return np.array(states, np.float16)


def compare(model: str, matches: Sequence[Match], count: int, labels: Labels) -> None:
    """Print the results in the matches after the first `count`.

    There are three results: without labels, with labels of the first `count` matches, and with
    labels of all other matches.
    """
    tested = matches[count:]
    games = sorted(str(match.video.game) for match in tested)
    # The events of the tested matches by way. Random labels have several lists.
    ways = {name: [[m.half(m.ways[name]) for m in tested]] for name in tested[0].ways}
    classes: tuple[str, ...] = ()
    for kind in tested[0].by_kind:
        videos = [match.labelled(kind) for match in matches[:count]]
        others = [match.labelled(kind) for match in tested]
        wrong = [[_at_random(v, seed) for v in videos] for seed in range(DRAWS)]
        for name, taught in ((f"learnt, {kind}", [videos]), (f"random labels, {kind}", wrong)):
            fits = [Learner(run, labels.classes).fit_all() for run in taught]
            classes = classes or fits[0].classes
            ways[name] = [
                [m.half(spotted(v, fit, WINDOW)) for m, v in zip(tested, others, strict=True)]
                for fit in fits
            ]
        # For each tested match, learn from all other matches, including tested ones.
        learner = Learner([*videos, *others], labels.classes)
        parts = [(group, learner.fit_without(group)) for group in learner.groups]
        fit_of = {game: fit for group, fit in parts for game in group}
        ways[f"learnt from all others, {kind}"] = [
            [
                m.half(spotted(v, fit_of[v.game], WINDOW))
                for m, v in zip(tested, others, strict=True)
            ]
        ]
    new = [label for label in classes if label not in SOCCERNET_CLASSES]
    known = [label for label in classes if label in SOCCERNET_CLASSES]
    head = f"{TAUGHT} | by chance | " if new else ""
    print(f"\n| {model}, {count} labelled, {len(tested)} tested | {head}known | tight | gain |")
    print(f"|---|{'---|---|' if new else ''}---|---|---|")
    first: Floats | None = None
    for name, runs in ways.items():
        tight = np.mean([average_map(halves, games) for halves in runs], axis=0)
        first = tight if first is None else first
        cells = [_precision(runs, known, games), cell(tight), cell(tight - first)]
        if new:
            shifted = shifted_halves(runs[0], HOW.tolerance, SHIFTS, HOW.seed)
            chance = np.mean([mean_precisions(run, new, games, HOW)[0] for run in shifted])
            cells = [_precision(runs, new, games), f"{chance:.3f}", *cells]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    for kind in tested[0].by_kind:
        learner = Learner([match.labelled(kind) for match in matches], labels.classes)
        parts = [(group, learner.fit_without(group)) for group in learner.groups]
        points = learning_curve(learner, parts, HOW)
        line = ", ".join(f"{p.games}: {p.value:.3f} ({p.low:.3f} to {p.high:.3f})" for p in points)
        print(f"{model}, learning curve, {kind}, labelled matches: average precision: {line}")


def _precision(runs: Sequence[Sequence[Half]], classes: Sequence[str], games: Sequence[str]) -> str:
    values = [mean_precisions(halves, classes, games, HOW) for halves in runs]
    return cell(np.mean(values, axis=0))


def average_map(halves: Sequence[Half], games: Sequence[str]) -> Floats:
    """Return SoccerNet's tight average-mAP, [1 + samples]."""
    weights = game_weights(games, HOW.resamples, HOW.seed)
    lists = by_label(halves, {name: name for name in SOCCERNET_CLASSES}, games)
    return mean_over_deltas([mean_ap(lists, delta, weights) for delta in METRICS["tight"]])


def _at_random(video: LabelledVideo, seed: int) -> LabelledVideo:
    """Return a video with its labels moved to random times."""
    drawn = np.random.default_rng((seed, video.video))
    end = video.stretches[-1][1]
    events = [replace(e, time_s=float(drawn.uniform(0, end))) for e in video.truth.events]
    return replace(video, truth=Truth(sorted(events, key=lambda event: event.time_s), []))


def measure_cost() -> None:
    """Print the time and memory of learning from made-up halves."""
    drawn = np.random.default_rng(0)
    common = drawn.normal(size=(64, WIDTH)).astype(np.float32) / 2
    signs = 0.4 * drawn.normal(size=(len(SOCCERNET_CLASSES), WIDTH)).astype(np.float32)
    starts = RULE.step * np.arange(WINDOWS)
    windows = np.column_stack([starts, starts + 4, starts, starts + 3])
    videos, spent = [], {"reading": 0.0}
    for number in range(HALVES):
        noise = drawn.normal(size=(WINDOWS, WIDTH)).astype(np.float32)
        states = drawn.normal(size=(WINDOWS, 64)).astype(np.float32) @ common + noise
        events = [
            TrueEvent(float(moment), label)
            for label, usual in zip(SOCCERNET_CLASSES, PER_HALF, strict=True)
            for moment in drawn.uniform(0, starts[-1], drawn.poisson(usual))
        ]
        for event in events:
            shown = (windows[:, 0] <= event.time_s) & (event.time_s <= windows[:, 3])
            states[shown] += signs[SOCCERNET_CLASSES.index(event.label)]
        halved = states.astype(np.float16)
        began = time.monotonic()
        reduced = standardize(halved) @ directions(WIDTH)
        spent["reading"] += time.monotonic() - began
        videos.append(
            LabelledVideo(
                video=number,
                game=f"game {number // 2}",
                stretches=whole_video(RULE.step * WINDOWS),
                windows=windows,
                answered=np.ones(WINDOWS, bool),
                states=reduced,
                truth=Truth(sorted(events, key=lambda event: event.time_s), []),
                step=RULE.step,
            )
        )
    began = time.monotonic()
    learner = Learner(videos, SOCCERNET_CLASSES)
    spent["choosing the strength"] = time.monotonic() - began
    began = time.monotonic()
    fits = [(group, learner.fit_without(group)) for group in learner.groups]
    learner.fit_all()
    spent["learning"] = time.monotonic() - began
    began = time.monotonic()
    learning_curve(learner, fits, replace(HOW, radius=3.0))
    spent["learning curve"] = time.monotonic() - began
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in spent.items())
    print(f"{HALVES} halves: {sum(spent.values()):.0f} s ({parts}), {most:.2f} GB at most")


def measure_detection(video: Video, checkpoint: Path) -> None:
    """Print the processor time of detection with features, divided by that without."""
    manifest = probe(video)
    windows = list_windows(0, manifest.duration, whole_video(manifest.duration), RULE)
    ratios = []
    for number in range(ROUNDS + 1):
        spent = {}
        for keeps in (True, False) if number % 2 else (False, True):
            began = time.process_time()
            with TemporaryDirectory() as journal:
                answer_windows(
                    video.footage,
                    manifest,
                    windows,
                    replace(_question(checkpoint), keeps_features=keeps),
                    journal_folder=Path(journal),
                    batch=BatchSettings(),
                    threads=1,
                )
            spent[keeps] = time.process_time() - began
        # The first round loads packages.
        if number:
            ratios.append(spent[True] / spent[False])
    low, middle, high = np.percentile(ratios, [0, 50, 100])
    print(f"{checkpoint.name}, with features / without: {middle:.3f} ({low:.3f} to {high:.3f})")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("part", choices=["demo", "cost", "detection"])
    add("--matches", type=Path, help="folder written by make_matches.py")
    add("--labelled", type=int, default=4, help="number of labelled matches")
    add("--models", nargs="+", default=["llava", "qwen"])
    add("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
