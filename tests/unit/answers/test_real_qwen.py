"""Tests on real output of Qwen2.5-VL-7B, in the folder that TOUCHLINE_REAL_DATA names.

Other tests check unusual answers of the same forms, with different words and without the data.
"""

import json
import os
from pathlib import Path

import pytest

from clones import ROOT
from touchline.answers.asked import PromptContent
from touchline.answers.parsing import parse_answer
from touchline.comparison.compare import Track, compare
from touchline.comparison.ensemble import fuse
from touchline.core.intervals import gaps
from touchline.events.coverage import likely_lost
from touchline.events.given import read_given
from touchline.events.merge import merge_events
from touchline.events.predictions import write_predictions
from touchline.inputs.labels import Labels

LABELS = Labels.read(ROOT / "labels.yaml")
REAL = os.environ.get("TOUCHLINE_REAL_DATA")
real = pytest.mark.skipif(REAL is None, reason="TOUCHLINE_REAL_DATA is not set")

# Per video: items, events, none answers, unparsed answers, events without a class. Counted with
# json.loads on the text between the fences. The other answers were counted by eye.
COUNTS = {
    0: (950, 950, 0, 0, 71),
    1: (933, 938, 0, 0, 78),
    2: (909, 910, 0, 0, 119),
    3: (1020, 1020, 0, 0, 125),
    4: (908, 910, 0, 1, 71),
    5: (998, 998, 0, 0, 90),
    6: (876, 877, 0, 0, 105),
    7: (901, 903, 0, 0, 113),
    8: (959, 959, 0, 0, 120),
    9: (999, 999, 0, 0, 128),
    19: (703, 710, 0, 0, 70),
}


def read(video):
    path = Path(REAL) / "qwen7b" / f"final_predictions_qwen7b_video_{video}.json"
    return read_given(path, video, None, LABELS)


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        # A sentence is the only kind of unparsed answer.
        ("The winger in red runs along the line.", None),
        # The details repeat until all tokens are used up. The label still counts.
        (
            '```json\n[\n\t{"label": "Shot off target", "team": "home", "confidence": 0.8, '
            '"details": "Number 4' + "1" * 200,
            "Shot off target",
        ),
        # The answer has no confidence and no details.
        ('```json\n{"label": "Other", "team": "none"}\n```', "Other"),
        # The answer has no fence.
        ('{"label": "Foul", "team": "away", "confidence": 0.94, "details": "a push"}', "Foul"),
    ],
)
def test_unusual_answers_give_the_expected_label(raw, label):
    answer = parse_answer(raw, PromptContent(LABELS.is_spelling))
    assert [event.label for event in answer.events] == ([label] if label else [])
    assert answer.status == ("events" if label else "unparsed")


@real
@pytest.mark.parametrize("video", COUNTS)
def test_counts_of_real_answers_equal_an_independent_count(video):
    given = read(video)
    unknown = sum(not event.known for event in given.hits)
    counts = given.counts
    found = (counts.answers, counts.events_in, counts.none, counts.unparsed, unknown)
    assert found == COUNTS[video]
    assert counts.invalid == 0
    assert len(given.problems) == counts.unparsed


@real
def test_unknown_labels_of_real_answers_are_the_expected_ones():
    unknown = {e.label for video in COUNTS for e in read(video).hits if not e.known}
    assert unknown == {"Other", "Set Pieces", "Free-kick", "Premier League", "Premier League logo"}


@real
@pytest.mark.parametrize("video", COUNTS)
def test_lost_slice_is_detected_only_in_video_19(video):
    times = read(video).times
    assert likely_lost(times, max(times) + 4) == (((0.0, 750.0),) if video == 19 else ())


@real
@pytest.mark.parametrize("keep", ["first", "best", "run"])
def test_repeated_real_predictions_are_merged(keep):
    events = read(0).hits
    merged, duplicates = merge_events(events, 3.0, keep)
    assert len(merged) + duplicates == len(events)
    assert duplicates == {"first": 93, "best": 96, "run": 110}[keep]
    assert sum(event.n_hits for event in merged) == len(events)


@real
def test_real_predictions_are_read_back_unchanged(tmp_path):
    for video in COUNTS:
        given = read(video).hits
        write_predictions(tmp_path / "p.json", given)
        again = read_given(tmp_path / "p.json", video, None, LABELS)
        # Two equal events of one answer become two equal items. Reading drops the second.
        assert again.hits == list(dict.fromkeys(given))
        assert again.counts.unparsed == 0


@real
def test_empty_predictions_file_gives_no_events():
    given = read_given(Path(REAL) / "empty_final_predictions.json", 0, None, LABELS)
    assert given.hits == []


@real
def test_agreement_of_unrelated_halves_equals_chance():
    """Videos 0 and 2 are of different matches.

    Their lists have many events, so they agree only by chance.
    """
    tracks = {}
    for model, video in (("one", 0), ("other", 2)):
        given = read(video)
        tracks[model] = Track(given.hits, gaps(likely_lost(given.times, 2690.0), 2690.0))
    report, findings = compare(tracks, 5.0)
    agreement = report.pairs[0].overall
    assert agreement.f1 > 0.5
    assert agreement.f1_by_chance == pytest.approx(agreement.f1, abs=0.03)
    predicted = sum(len(track.events) for track in tracks.values())
    assert predicted == sum(2 if f.event_a and f.event_b else 1 for f in findings)
    fused = fuse({name: track.events for name, track in tracks.items()}, 5.0, "union")
    assert sum(len(event.said_by) for event in fused) == predicted
    json.dumps(report.model_dump(), allow_nan=False)
