"""The page of a match with very many events of several models."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from touchline.comparison.compare import Track, compare
from touchline.core.records import Counts, Coverage, Event, Interval, Thumbnail
from touchline.evaluation.annotations import TrueEvent
from touchline.events.shortlist import Standing, shortlist
from touchline.evidence.tables import Evidence
from touchline.inputs.labels import Labels
from touchline.inputs.videos import Name
from touchline.report.match_page import MODULE, VideoPage, page_data, summary_rows
from touchline.report.pages import render
from touchline.report.priority import priorities
from touchline.report.review_items import DISAGREEMENTS

LABELS = Path(__file__).parents[2] / "labels.yaml"
SECONDS = 3000.0
TOLERANCE = 5.0
MODELS = ("llava", "qwen7b", "third")
NAME = Name(game="league/A match", half=1, home="Reds", away="Blues")
DETAILS = (
    "A player of the home team is seen close to the penalty area, the referee has stopped play."
)


def write_page(
    path: Path,
    models: Sequence[str],
    per_model: int,
    draw: Callable[[list[float]], list[Thumbnail]],
    with_truth: bool = True,
    name: Name = NAME,
    video: Path | None = None,
    evidence: Mapping[str, Evidence] | None = None,
) -> tuple[int, int]:
    """Write the page of a match. Return its numbers of moments and pictures.

    Args:
        per_model: number of events per model.
        draw: draws the thumbnails of moments at given times.
        with_truth: whether the match has labels.
        video: the video in the folder of the page, if there is one.
        evidence: evidence of the models that have it.
    """
    match = a_match(models, per_model, with_truth)
    moments = match.moments(TOLERANCE)
    shortlists = {model: best_of(track.events) for model, track in match.tracks.items()}
    events = {model: track.events for model, track in match.tracks.items()}
    listed = priorities(moments, shortlists, events, match.labels.classes)
    wanted = {
        moment.time_s
        for moment, priority in zip(moments, listed, strict=True)
        if priority.listed or moment.status in DISAGREEMENTS
    }
    pictures = draw(sorted(wanted))
    data = page_data(
        match,
        moments,
        name=name,
        tolerance=TOLERANCE,
        shortlists=shortlists,
        thumbnails=pictures,
        path=video,
        page=path,
        evidence=evidence,
    )
    values = {"match": match, "name": name, "rows": summary_rows(match)}
    path.write_text(render("match.html.j2", MODULE, data, tolerance=TOLERANCE, **values))
    return len(moments), len(pictures)


def best_of(events: Sequence[Event]) -> dict[Event, Standing]:
    """Return the shortlist of a model's events."""
    listed = shortlist(events, Labels.read(LABELS).classes, per_class=10)
    return {events[place]: standing for place, standing in listed.items()}


def a_match(models: Sequence[str], per_model: int, with_truth: bool = True) -> VideoPage:
    """Return models that see the same moments, each with gaps, errors and invented events."""
    chance = random.Random(0)
    labels = Labels.read(LABELS)
    moments = [
        (round(chance.uniform(0, SECONDS), 1), chance.choice(labels.classes))
        for _ in range(per_model)
    ]
    predicted: dict[str, list[Event]] = {}
    for model in models:
        mine = []
        for true_time, true_label in moments:
            invented, mistaken = chance.random() < 0.4, chance.random() < 0.15
            time = chance.uniform(0, SECONDS) if invented else true_time + chance.gauss(0, 1)
            time = round(min(SECONDS - 4, abs(time)), 1)
            label = chance.choice(labels.classes) if mistaken else true_label
            score = round(chance.random(), 4)
            when = (time, time, time + 2)
            mine.append(Event(time, label, True, "home", 0.9, None, 2, *when, DETAILS, score))
        predicted[model] = sorted(mine, key=lambda event: event.time_s)
    looked_at = [Interval(start=0, end=SECONDS)]
    counts = Counts(answers=1500, none=500, unparsed=0, events_in=per_model, events_out=per_model)
    coverage = Coverage(duration=SECONDS, looked_at=looked_at, likely_lost=[], counts=counts)
    tracks = {model: Track(mine, ((0.0, SECONDS),)) for model, mine in predicted.items()}
    return VideoPage(
        video=0,
        tracks=tracks,
        coverage=dict.fromkeys(models, coverage),
        fused=predicted[models[0]] if len(models) > 1 else None,
        truth=[TrueEvent(time, label) for time, label in sorted(moments)] if with_truth else None,
        problems=[],
        manifest=None,
        comparison=compare(tracks, TOLERANCE)[0],
        labels=labels,
    )
