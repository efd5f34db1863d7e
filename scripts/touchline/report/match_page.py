"""Collect the data for the page of one match from the match's files."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from touchline.comparison.compare import Track
from touchline.comparison.records import ComparisonReport
from touchline.comparison.summary import Row, agreement_with_others
from touchline.core.files import read_record
from touchline.core.intervals import Intervals, intersection, union
from touchline.core.records import Coverage, Event, Manifest, Thumbnail
from touchline.evaluation.annotations import TrueEvent, read_truth
from touchline.events.coverage import close_open_ends
from touchline.events.predictions import events_table, read_events_csv
from touchline.events.shortlist import Standing
from touchline.evidence.peaks import evidence_curves
from touchline.evidence.tables import Evidence
from touchline.inputs.clock import HalfSpan, half_spans
from touchline.inputs.labels import Labels
from touchline.inputs.videos import GameHalf, Name
from touchline.report.filters import shortened
from touchline.report.playable import playback
from touchline.report.priority import priorities
from touchline.report.review_items import Claim, Moment, build_moments

# The code of the page.
MODULE = "match.js"
# Seconds to show before an event, because its time is the start of a window.
_LEAD = 2.0
# Most characters of details and labels to show. The tables have the full texts.
_DETAILS, _LABEL = 400, 80
# Frames per second of a video that is missing.
_RATE = 25.0
# Key for the annotations among the models' names. No model has this name.
_TRUTH = ""


class PageFiles(Protocol):
    """Paths of the files about one match.

    Attributes:
        events, coverage: one file per model, in the same order.
        fused, truth, manifest, comparison: one file or none.
        labels: path of labels.yaml.
    """

    events: Sequence[str]
    coverage: Sequence[str]
    fused: Sequence[str]
    truth: Sequence[str]
    manifest: Sequence[str]
    comparison: Sequence[str]
    labels: str


@dataclass(frozen=True, slots=True)
class VideoPage:
    """The events, annotations and other results of one video, for its page.

    Attributes:
        video: number of the video.
        tracks, coverage: events and coverage of each model, by name.
        fused: events of the ensemble; None if there is no ensemble.
        truth: annotations; None if there are none.
        problems: one line per annotation that cannot be used.
        manifest: manifest of the video; None without footage.
        comparison: comparison of the models; None for fewer than two models.
        labels: the classes and their spellings.
        classes: annotated classes; None for all.
    """

    video: int
    tracks: Mapping[str, Track]
    coverage: Mapping[str, Coverage]
    fused: Sequence[Event] | None
    truth: Sequence[TrueEvent] | None
    problems: Sequence[str]
    manifest: Manifest | None
    comparison: ComparisonReport | None
    labels: Labels
    classes: Collection[str] | None = None

    @property
    def duration(self) -> float:
        """Return the duration in seconds. Without footage, return the latest known time."""
        if self.manifest:
            return self.manifest.duration
        ends = [t.looked_at[-1][1] for t in self.tracks.values() if t.looked_at]
        times = [e.time_s for track in self.tracks.values() for e in track.events]
        times += [true.time_s for true in self.truth or ()]
        known = [one.duration for one in self.coverage.values() if one.duration is not None]
        return max([*known, *ends, *times, 1.0])

    def moments(self, tolerance: float) -> list[Moment]:
        """Group the events into moments of at most `tolerance` seconds."""
        return build_moments(
            self.tracks,
            tolerance,
            fused=self.fused or (),
            truth=self.truth,
            classes=self.classes,
        )


def read_match(
    video: int,
    models: Sequence[str],
    files: PageFiles,
    *,
    of: GameHalf,
    classes: Collection[str] | None = None,
    taught: Sequence[str] = (),
) -> VideoPage:
    """Read all results of a match.

    Args:
        video: number of the video.
        models: names of the models, in the order of their files.
        files: paths of the files.
        of: the half that the video shows, or the start of each half in the video.
        classes: annotated classes; None for all.
        taught: classes beyond labels.yaml.
    """
    labels = Labels.read(files.labels, taught)
    coverage = {
        model: read_record(path, Coverage)
        for model, path in zip(models, files.coverage, strict=True)
    }
    events = [read_events_csv(path) for path in files.events]
    # The duration is None if no model predicted anything in the video.
    duration = next((one.duration for one in coverage.values()), None)
    truth = None
    if files.truth:
        truth = read_truth(files.truth[0], labels, of=of, duration=duration, classes=classes)
    times = [event.time_s for some in events for event in some]
    times += [true.time_s for true in truth.events] if truth else []
    looked_at = close_open_ends(list(coverage.values()), times)
    tracks = dict(zip(models, map(Track, events, looked_at), strict=True))
    return VideoPage(
        video=video,
        tracks=tracks,
        coverage=coverage,
        fused=read_events_csv(files.fused[0]) if files.fused else None,
        truth=truth.events if truth else None,
        problems=truth.problems if truth else [],
        manifest=read_record(files.manifest[0], Manifest) if files.manifest else None,
        comparison=read_record(files.comparison[0], ComparisonReport) if files.comparison else None,
        labels=labels,
        classes=classes,
    )


def page_data(
    match: VideoPage,
    moments: Sequence[Moment],
    *,
    name: Name,
    tolerance: float,
    shortlists: Mapping[str, Mapping[Event, Standing]],
    thumbnails: Sequence[Thumbnail] = (),
    path: Path | None = None,
    page: str | Path = "",
    evidence: Mapping[str, Evidence] | None = None,
    halves: Sequence[HalfSpan] | None = None,
) -> dict[str, Any]:
    """Return the data that the page's code reads.

    It is compact, because a match may have thousands of moments.

    Args:
        match: results of the match.
        moments: moments of the match.
        name: game, half and teams of the video.
        tolerance: largest distance between two events of one moment, in seconds.
        shortlists: shortlist of each model.
        thumbnails: pictures of some of the moments, by time.
        path: path of the video; None without footage.
        page: path of the page. The address of the video is relative to its folder.
        evidence: evidence of each model that has some.
        halves: stretches of the halves in the video; None if the whole video is one half.
    """
    lanes = _lanes(match)
    place = {
        _TRUTH if lane["kind"] == "truth" else lane["name"]: number
        for number, lane in enumerate(lanes)
    }
    pictures = {thumbnail.moment_s: n for n, thumbnail in enumerate(thumbnails)}
    manifest = match.manifest
    if halves is None:
        halves = half_spans((), name.half, match.duration)
    events = {model: track.events for model, track in match.tracks.items()}
    ordered = priorities(moments, shortlists, events, match.labels.classes)
    return {
        "video": match.video,
        "keys": _keys(match, name),
        "fingerprint": manifest.fingerprint if manifest else None,
        "game": name.game,
        "half": name.half,
        "halves": [_half(span) for span in halves],
        "home": name.home,
        "away": name.away,
        "path": path.name if path else None,
        "duration": match.duration,
        **_addresses(path, page, manifest.codec if manifest else ""),
        "rate": manifest.frame_rate if manifest else _RATE,
        "offset": manifest.clock_offset if manifest else 0.0,
        "lead": _LEAD,
        "tolerance": tolerance,
        "classes": list(match.labels.classes),
        "letters": match.labels.keys,
        "lanes": lanes,
        "moments": [
            {
                "time": moment.time_s,
                "status": moment.status,
                "order": priority.order,
                "listed": priority.listed,
                "probability": priority.probability,
                "picture": pictures.get(moment.time_s),
                "claims": [
                    _claim(claim, place, rank)
                    for claim, rank in zip(moment.claims, priority.ranks, strict=True)
                ],
            }
            for moment, priority in zip(moments, ordered, strict=True)
        ],
        "pictures": [thumbnail.webp for thumbnail in thumbnails],
        "evidence": [
            _evidence(model, one, match.duration) for model, one in (evidence or {}).items()
        ],
    }


def _addresses(path: Path | None, page: str | Path, codec: str) -> dict[str, Any]:
    """Return the addresses of the video and of a playable copy, relative to the page.

    The result also has the command that makes the copy.
    """
    if path is None:
        return {"source": None, "copy": None, "kind": "", "command": ""}
    found = playback(path, codec)
    return {
        "source": relative_address(path, page),
        "copy": relative_address(found.copy, page),
        "kind": found.kind,
        "command": found.command,
    }


def _half(span: HalfSpan) -> list[Any]:
    """Return a half's number, kick-off, start and end. The end is None if it is unknown."""
    end = span.end if math.isfinite(span.end) else None
    return [span.half, span.kickoff, span.start, end]


def _evidence(model: str, evidence: Evidence, duration: float) -> dict[str, Any]:
    """Return a model's evidence curves, rounded to 0.1 nat. Leave out classes with flat curves."""
    curves = evidence_curves(evidence)
    varied = {
        name: heights
        for name, heights in zip(evidence.classes, curves.heights.T.tolist(), strict=True)
        if any(abs(height) >= 0.05 for height in heights)
    }
    return {
        "model": model,
        "starts": [*curves.starts.tolist(), duration],
        "curves": {
            name: [None if math.isnan(height) else round(height, 1) for height in heights]
            for name, heights in varied.items()
        },
    }


def relative_address(video: str | Path, page: str | Path) -> str:
    """Return the address of a video relative to the page's folder, quoted for a link."""
    path = os.path.relpath(os.path.abspath(video), os.path.dirname(os.path.abspath(page)))
    return quote(os.fsencode(path))


def summary_rows(match: VideoPage) -> list[Row]:
    """Return one summary row per model."""
    return [
        Row(
            video=match.video,
            model=model,
            events=events_table(track.events),
            coverage=match.coverage[model],
            agreement=agreement_with_others(model, match.comparison) if match.comparison else {},
        )
        for model, track in match.tracks.items()
    ]


def _lanes(match: VideoPage) -> list[dict[str, Any]]:
    """Return the lanes of the timeline with the intervals that each model looked at."""
    lanes = [
        {"name": model, "kind": "model", "looked": _rounded(track.looked_at)}
        for model, track in match.tracks.items()
    ]
    if match.fused is not None:
        # The ensemble counts only where all of its models looked.
        looked = reduce(intersection, (track.looked_at for track in match.tracks.values()))
        lanes.append({"name": "ensemble", "kind": "ensemble", "looked": _rounded(looked)})
    if match.truth is not None:
        everywhere = union([(0.0, match.duration)])
        lanes.append({"name": "labels", "kind": "truth", "looked": _rounded(everywhere)})
    return lanes


def _rounded(intervals: Intervals) -> list[list[float]]:
    """Round the intervals to milliseconds."""
    return [[round(start, 3), round(end, 3)] for start, end in intervals]


def _claim(claim: Claim, place: Mapping[str, int], rank: int | None) -> dict[str, Any]:
    """Return the data of a claim (one class in one moment) for the page.

    Each prediction is a list: lane, time, strength, team, number of hits, whether it is right,
    details.
    """
    predictions: list[list[Any]] = [
        [
            place[one.model],
            one.event.time_s,
            one.event.strength,
            one.event.team,
            one.event.n_hits,
            one.right,
            shortened(one.event.details, _DETAILS),
        ]
        for one in claim.predictions
    ]
    predictions += [
        [place["ensemble"], event.time_s, event.strength, event.team, event.n_hits, None, ""]
        for event in claim.fused
    ]
    # Mark events that the broadcast does not show, because no viewer can find them.
    predictions += [
        [place[_TRUTH], true.time_s, None, true.team, 1, None, "" if true.visible else "not shown"]
        for true in claim.true
    ]
    label = shortened(claim.label, _LABEL)
    return {"label": label, "known": claim.known, "rank": rank, "predictions": predictions}


def _keys(match: VideoPage, name: Name) -> list[str]:
    """Return the keys under which the browser stores verdicts on the match, best key first.

    The first key is the fingerprint of the video, which does not depend on its path. The second key
    combines the number of the video and the name of the game. A match without either has no key.
    """
    keys = [match.manifest.fingerprint] if match.manifest else []
    return [*keys, f"{match.video}/{name.game}"] if name.game else keys


def moment_in_view(moment: Moment, window: float, duration: float) -> float:
    """Return the time in seconds at which a picture of the moment is likely to show the event.

    If several windows predicted the event, the time is the middle of their overlap. For a single
    window, it is the middle of the window. For annotations and events of trained spotters, it is
    half a second after the event.

    Args:
        moment: the moment.
        window: length of a window in seconds.
        duration: duration of the video in seconds.
    """
    claim = moment.claims[0]
    if not claim.predictions:
        return min(claim.time_s + 0.5, duration)
    event = min((one.event for one in claim.predictions), key=lambda event: event.time_s)
    if event.score_kind == "given":
        # A spotter predicts the moment itself instead of the start of a window.
        return max(0.0, min(event.time_s + 0.5, duration - 0.1))
    middle = (event.last_s + event.first_s + window) / 2
    return max(0.0, min(middle, event.last_s + window, duration - 0.1))
