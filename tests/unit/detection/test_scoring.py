"""Test that an event's score is the probability of its label's tokens."""

import math

import pytest

from touchline.core.records import ParsedEvent
from touchline.detection.scoring import Generated, mean_probability, score_events

# Each token is one of these pieces of text.
PIECES = ['[{"label": "', "Go", "al", '"}, {"label": "', "Goal", '"}]', "</s>"]


def decode(tokens):
    return "".join(PIECES[token] for token in tokens if PIECES[token] != "</s>")


def generated(tokens, probabilities):
    return Generated(decode(tokens), tuple(tokens), tuple(map(math.log, probabilities)))


def test_event_is_scored_by_its_own_label():
    answer = generated([0, 1, 2, 3, 4, 5, 6], [0.1, 0.5, 0.8, 0.1, 0.9, 0.1, 0.1])
    events = [ParsedEvent(label="Goal"), ParsedEvent(label="Goal")]
    assert [e.score for e in score_events(events, answer, decode)] == pytest.approx([0.4, 0.9])


def test_label_missing_from_the_text_has_no_score():
    answer = generated([0, 4, 5], [0.5, 0.5, 0.5])
    (event,) = score_events([ParsedEvent(label="Foul")], answer, decode)
    assert event.score is None


def test_mean_probability_is_the_geometric_mean():
    assert mean_probability([math.log(0.5), math.log(0.125)]) == pytest.approx(0.25)
    assert mean_probability([]) is None
