"""What the rules make of real Qwen2.5-VL-7B output; run where that is present.

TOUCHLINE_REAL_DATA names its folder. The shapes of the odd answers in it, in our own
words, are tested everywhere.
"""

import json
import os
from pathlib import Path

import pytest

from clones import ROOT
from touchline.answers.asked import Asked
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

# By video: items, events, answers none, unparsed, events of no class. Counted with another
# program: json.loads on what stands between the fences, the rest by eye.
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
        # The one kind that is unparsed: a sentence.
        ("The winger in red runs along the line.", None),
        # Text that ran away inside the details, until the tokens were used up: the label counts.
        (
            '```json\n[\n\t{"label": "Shot off target", "team": "home", "confidence": 0.8, '
            '"details": "Number 4' + "1" * 200,
            "Shot off target",
        ),
        # No confidence and no details.
        ('```json\n{"label": "Other", "team": "none"}\n```', "Other"),
        # No fence.
        ('{"label": "Foul", "team": "away", "confidence": 0.94, "details": "a push"}', "Foul"),
    ],
)
def test_the_shapes_of_odd_answers(raw, label):
    answer = parse_answer(raw, Asked(LABELS.is_spelling))
    assert [event.label for event in answer.events] == ([label] if label else [])
    assert answer.status == ("events" if label else "unparsed")


@real
@pytest.mark.parametrize("video", COUNTS)
def test_every_answer_is_accounted_for(video):
    given = read(video)
    unknown = sum(not event.known for event in given.hits)
    counts = given.counts
    found = (counts.answers, counts.events_in, counts.none, counts.unparsed, unknown)
    assert found == COUNTS[video]
    assert counts.invalid == 0
    assert len(given.problems) == counts.unparsed


@real
def test_the_unknown_labels_are_headings_and_inventions():
    unknown = {e.label for video in COUNTS for e in read(video).hits if not e.known}
    assert unknown == {"Other", "Set Pieces", "Free-kick", "Premier League", "Premier League logo"}


@real
@pytest.mark.parametrize("video", COUNTS)
def test_only_video_19_lost_a_slice(video):
    times = read(video).times
    assert likely_lost(times, max(times) + 4) == (((0.0, 750.0),) if video == 19 else ())


@real
@pytest.mark.parametrize("keep", ["first", "best", "run"])
def test_repeats_that_the_original_left_are_merged(keep):
    events = read(0).hits
    merged, duplicates = merge_events(events, 3.0, keep)
    assert len(merged) + duplicates == len(events)
    assert duplicates == {"first": 93, "best": 96, "run": 110}[keep]
    assert sum(event.n_hits for event in merged) == len(events)


@real
def test_predictions_written_and_read_again_are_the_same_events(tmp_path):
    for video in COUNTS:
        given = read(video).hits
        write_predictions(tmp_path / "p.json", given)
        again = read_given(tmp_path / "p.json", video, None, LABELS)
        # Two equal events of one answer become two equal items, of which one counts.
        assert again.hits == list(dict.fromkeys(given))
        assert again.counts.unparsed == 0


@real
def test_an_empty_file_is_a_video_without_events():
    given = read_given(Path(REAL) / "empty_final_predictions.json", 0, None, LABELS)
    assert given.hits == []


@real
def test_two_halves_that_have_nothing_in_common_agree_by_chance():
    """Video 0 against video 2, as if they were of one match: dense lists agree by accident."""
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
