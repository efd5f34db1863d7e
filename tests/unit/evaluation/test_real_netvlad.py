"""Read, compare and fuse two real models of one game. The tests need TOUCHLINE_REAL_DATA."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from SoccerNet.Evaluation.ActionSpotting import evaluate

from clones import ROOT
from touchline.comparison.compare import Track, compare
from touchline.comparison.ensemble import fuse
from touchline.core.intervals import gaps
from touchline.core.soccernet import SOCCERNET_CLASSES
from touchline.evaluation.annotations import read_truth
from touchline.evaluation.average_map import mean_ap
from touchline.evaluation.metrics import by_label, game_names
from touchline.evaluation.outcomes import Half
from touchline.events.coverage import likely_lost
from touchline.events.given import read_given
from touchline.inputs.labels import Labels
from touchline.inputs.videos import GameHalf, Video

LABELS = Labels.read(ROOT / "labels.yaml")
REAL = os.environ.get("TOUCHLINE_REAL_DATA")
pytestmark = pytest.mark.skipif(REAL is None, reason="TOUCHLINE_REAL_DATA is not set")

# v1 does not distinguish cards, so the cards of v2 become one class as well.
CARDS = {"card", "Yellow card", "Red card", "Yellow->red card"}


@pytest.fixture(params=[1, 2])
def half(request):
    """Return both models' events of a half."""
    tracks = {}
    for version in ("v1", "v2"):
        path = next((Path(REAL) / "soccernet" / f"netvlad_{version}").rglob("*.json"))
        row = Video(video=0, path="x", game=path.parent.name, half=request.param)
        given = read_given(path, 0, row, LABELS)
        assert given.problems == []
        events = [
            replace(hit, label="Any card", known=False) if hit.label in CARDS else hit
            for hit in given.hits
        ]
        tracks[version] = Track(events, gaps(likely_lost(given.times, 2800.0), 2800.0))
    return tracks


def test_spotters_with_few_events_have_full_coverage(half):
    assert all(track.looked_at == ((0.0, 2800.0),) for track in half.values())


def test_real_models_agree_far_above_chance(half):
    report, _ = compare(half, 10.0, shifts=100)
    (pair,) = report.pairs
    known = {entry.label: entry for entry in pair.classes}
    for label in ("Goal", "Substitution"):
        if label in known and known[label].events_a:
            assert known[label].matched >= 1
            assert known[label].f1 > 2 * known[label].f1_by_chance
    assert known["Ball out of play"].events_a == known["Ball out of play"].matched == 0


def test_union_and_intersection_keep_all_events(half):
    events = {name: track.events for name, track in half.items()}
    union = fuse(events, 10.0, "union")
    both = fuse(events, 10.0, "intersection")
    assert len(union) + len(both) == sum(map(len, events.values()))
    assert all(len(event.said_by) == 2 for event in both)
    assert 1 <= len(both) <= len(events["v1"])
    assert {event.label for event in both} <= {"Goal", "Substitution", "Any card"}
    assert len(fuse(events, 10.0, "nms")) <= len(union)
    assert len(fuse(events, 10.0, "weighted", weights={"v1": 0.5}, threshold=1.0)) == len(
        events["v2"]
    )


def test_mean_ap_of_real_predictions_equals_the_soccernet_evaluator():
    real = Path(REAL) / "soccernet"
    theirs = evaluate(
        str(real / "labels"),
        str(real / "netvlad_v2"),
        dataset=None,
        metric="at5",
        EVENT_DICTIONARY={name: number for number, name in enumerate(SOCCERNET_CLASSES)},
    )
    predicted, true = (next((real / name).rglob("*.json")) for name in ("netvlad_v2", "labels"))
    halves = []
    for number in (1, 2):
        row = Video(video=number, path="x", game=predicted.parent.name, half=number)
        events = read_given(predicted, number, row, LABELS).hits
        truth = read_truth(true, LABELS, of=GameHalf(half=number)).events
        halves.append(Half(number, f"game {number}", truth, events, ((0.0, 3000.0),)))
    lists = by_label(halves, {name: name for name in SOCCERNET_CLASSES}, game_names(halves))
    (ours,) = mean_ap(lists, 5, np.ones((1, 2)))
    assert ours == pytest.approx(theirs["a_mAP"], abs=1e-6)
    assert ours > 0.05
