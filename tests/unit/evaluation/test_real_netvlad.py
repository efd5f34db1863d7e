"""Two real models of one game, NetVLAD v1 and v2, compared and fused; run where present."""

import json
import os
from pathlib import Path

import pytest

from clones import ROOT
from touchline.comparison.compare import Track, compare
from touchline.comparison.ensemble import fuse
from touchline.events.coverage import looked_at_by
from touchline.events.predictions import read_predictions
from touchline.inputs.labels import Labels

LABELS = Labels.read(ROOT / "labels.yaml")
REAL = os.environ.get("TOUCHLINE_REAL_DATA")
pytestmark = pytest.mark.skipif(REAL is None, reason="TOUCHLINE_REAL_DATA is not set")

# v1 has three classes; of the cards it does not say which, so those of v2 become one class too.
WORDS = {"soccer": "Goal", "subs": "Substitution", "card": "Any card"}
CARDS = {"Yellow card", "Red card", "Yellow->red card"}


@pytest.fixture(params=["1", "2"])
def half(request, tmp_path):
    """Both models' events of a half, by way of the predictions format."""
    tracks = {}
    for version in ("v1", "v2"):
        folder = Path(REAL) / "soccernet" / f"netvlad_{version}"
        spotted = json.loads(next(folder.rglob("results_spotting.json")).read_text())
        items = []
        for entry in spotted["predictions"]:
            if entry["half"] != request.param:
                continue
            label = "Any card" if entry["label"] in CARDS else entry["label"]
            answer = {"label": WORDS.get(label, label), "confidence": entry["confidence"]}
            items.append({"time": int(entry["position"]) / 1000, "raw": json.dumps(answer)})
        path = tmp_path / f"final_predictions_{version}_video_0.json"
        path.write_text(json.dumps(items))
        given = read_predictions(path, LABELS)
        assert given.problems == []
        tracks[version] = Track(given.hits, looked_at_by(given.times, 2800.0))
    return tracks


def test_sparse_models_lost_no_slice(half):
    assert all(track.looked_at == ((0.0, 2800.0),) for track in half.values())


def test_they_agree_on_what_both_know_far_above_chance(half):
    report, _ = compare(half, 10.0, shifts=100)
    (pair,) = report.pairs
    known = {entry.label: entry for entry in pair.classes}
    for label in ("Goal", "Substitution"):
        if label in known and known[label].events_a:
            assert known[label].matched >= 1
            assert known[label].f1 > 2 * known[label].f1_by_chance
    assert known["Ball out of play"].events_a == known["Ball out of play"].matched == 0


def test_fusing_keeps_what_either_says(half):
    events = {name: track.events for name, track in half.items()}
    union = fuse(events, 10.0, "union")
    both = fuse(events, 10.0, "intersection")
    assert len(union) + len(both) == sum(map(len, events.values()))
    assert all(len(event.said_by) == 2 for event in both)
    assert 1 <= len(both) <= len(events["v1"])
    assert {event.label for event in both} <= {"Goal", "Substitution", "Any card"}
    assert len(fuse(events, 10.0, "nms")) <= len(union)
    assert len(fuse(events, 10.0, "weighted", {"v1": 0.5}, 1.0)) == len(events["v2"])
