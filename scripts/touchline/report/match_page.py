"""What the page of one match shows, from the files of the match."""

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
from touchline.comparison.summary import Row, agreement_of
from touchline.core.files import read_record
from touchline.core.intervals import Intervals, intersection, union
from touchline.core.records import Coverage, Event, Manifest, Thumbnail
from touchline.evaluation.annotations import TrueEvent, read_truth
from touchline.events.coverage import close_open_ends
from touchline.events.predictions import events_table, read_events_csv
from touchline.events.shortlist import Standing
from touchline.evidence.peaks import curves_of
from touchline.evidence.tables import Evidence
from touchline.inputs.clock import HalfSpan, half_spans
from touchline.inputs.labels import Labels
from touchline.inputs.videos import GameHalf, Name
from touchline.report.filters import shortened
from touchline.report.playable import playback
from touchline.report.priority import priorities
from touchline.report.review_items import Claim, Moment, moments_of

# The page's code.
MODULE = "match.js"
# An event's time is the start of a window; a click shows what led to it, too (seconds).
_LEAD = 2.0
# A runaway answer is shown from its beginning (characters); the tables have all of it.
_DETAILS, _LABEL = 400, 80
# Pictures a second, where there is no video to ask.
_RATE = 25.0
# Stands for the labels where a model's name would; no model has it.
_TRUTH = ""


class PageFiles(Protocol):
    """The paths of what is known of one match.

    Attributes:
        events, coverage: one a model, in the same order.
        fused, truth, manifest, comparison: one, or none.
        labels: labels.yaml.
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
    """All that is known of one video, for its page.

    Attributes:
        tracks, coverage: by name of the model.
        fused: None where there are not two models.
        truth: None where no labels are known.
        problems: a line for each annotation that cannot be used.
        classes: that are annotated, if not all.
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
        """Seconds; without a video, as far as any model got."""
        if self.manifest:
            return self.manifest.duration
        ends = [t.looked_at[-1][1] for t in self.tracks.values() if t.looked_at]
        times = [e.time_s for track in self.tracks.values() for e in track.events]
        times += [true.time_s for true in self.truth or ()]
        known = [one.duration for one in self.coverage.values() if one.duration is not None]
        return max([*known, *ends, *times, 1.0])

    def moments(self, tolerance: float) -> list[Moment]:
        """What was predicted of each moment, at most `tolerance` seconds apart."""
        return moments_of(
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
    """Read all that is known of a match.

    Args:
        models: in the order of the files.
        of: says which half the video shows, or where halves begin in it.
        classes: that are annotated, if not all.
        taught: classes beside those of labels.yaml.
    """
    labels = Labels.read(files.labels, taught)
    coverage = {
        model: read_record(path, Coverage)
        for model, path in zip(models, files.coverage, strict=True)
    }
    events = [read_events_csv(path) for path in files.events]
    # None where no model predicted anything in the video.
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
    """What the page's code reads; kept short, since a match can have thousands of moments.

    Args:
        shortlists: of each model.
        thumbnails: of any of the moments, by their times.
        path: of the video, if there is one.
        page: where the page lies, from which the video's address counts.
        evidence: of each model that weighs the classes.
        halves: Where the halves are in the video. None means that the whole video is one half.
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
    """Where the video and a copy are, as seen from the page, and how the copy is made."""
    if path is None:
        return {"source": None, "copy": None, "kind": "", "command": ""}
    found = playback(path, codec)
    return {
        "source": address_of(path, page),
        "copy": address_of(found.copy, page),
        "kind": found.kind,
        "command": found.command,
    }


def _half(span: HalfSpan) -> list[Any]:
    """A half's number, kick-off, start and end; the end is None where it is not known."""
    end = span.end if math.isfinite(span.end) else None
    return [span.half, span.kickoff, span.start, end]


def _evidence(model: str, evidence: Evidence, duration: float) -> dict[str, Any]:
    """A model's curves, to a tenth of a nat; of a class that it never gives there is none."""
    curves = curves_of(evidence)
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


def address_of(video: str | Path, page: str | Path) -> str:
    """The relative address of a video from the page's folder, fit for a link."""
    path = os.path.relpath(os.path.abspath(video), os.path.dirname(os.path.abspath(page)))
    return quote(os.fsencode(path))


def rows_of(match: VideoPage) -> list[Row]:
    """A row a model, as the summary has it."""
    return [
        Row(
            video=match.video,
            model=model,
            events=events_table(track.events),
            coverage=match.coverage[model],
            agreement=agreement_of(model, match.comparison) if match.comparison else {},
        )
        for model, track in match.tracks.items()
    ]


def _lanes(match: VideoPage) -> list[dict[str, Any]]:
    """The lanes of the timeline, and where there was somebody to look."""
    lanes = [
        {"name": model, "kind": "model", "looked": _rounded(track.looked_at)}
        for model, track in match.tracks.items()
    ]
    if match.fused is not None:
        # An ensemble looked where all of its models did.
        looked = reduce(intersection, (track.looked_at for track in match.tracks.values()))
        lanes.append({"name": "ensemble", "kind": "ensemble", "looked": _rounded(looked)})
    if match.truth is not None:
        everywhere = union([(0.0, match.duration)])
        lanes.append({"name": "labels", "kind": "truth", "looked": _rounded(everywhere)})
    return lanes


def _rounded(intervals: Intervals) -> list[list[float]]:
    return [[round(start, 3), round(end, 3)] for start, end in intervals]


def _claim(claim: Claim, place: Mapping[str, int], rank: int | None) -> dict[str, Any]:
    """A claim; [lane, time, strength, team, hits, right, details] for each model that makes it."""
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
    # Not shown by the broadcast, so nobody who watches can find it.
    predictions += [
        [place[_TRUTH], true.time_s, None, true.team, 1, None, "" if true.visible else "not shown"]
        for true in claim.true
    ]
    label = shortened(claim.label, _LABEL)
    return {"label": label, "known": claim.known, "rank": rank, "predictions": predictions}


def _keys(match: VideoPage, name: Name) -> list[str]:
    """What verdicts are kept under in the browser, the best first: what the match is.

    Its content, wherever the video lies; else its game, whoever predicted what. A match that
    nothing names has none.
    """
    keys = [match.manifest.fingerprint] if match.manifest else []
    return [*keys, f"{match.video}/{name.game}"] if name.game else keys


def moment_in_view(moment: Moment, window: float, duration: float) -> float:
    """When the picture of a moment is likely to show it, seconds.

    If several windows predicted it, that is where they overlap, else in the middle of the one: an
    event begins at its time and is seen a little later. A true event is a moment by itself.

    Args:
        window: length of a window, seconds.
    """
    claim = moment.claims[0]
    if not claim.predictions:
        return min(claim.time_s + 0.5, duration)
    event = min((one.event for one in claim.predictions), key=lambda event: event.time_s)
    if event.score_kind == "given":
        # Predicted at this moment, and not of a window that begins at it.
        return max(0.0, min(event.time_s + 0.5, duration - 0.1))
    middle = (event.last_s + event.first_s + window) / 2
    return max(0.0, min(middle, event.last_s + window, duration - 0.1))
