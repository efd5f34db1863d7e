"""Compare the pairing of predictions with SoccerNet's evaluator."""

from halves import soccernets_hits
from hypothesis import given, settings
from hypothesis import strategies as st

from touchline.matching import pair_times, true_positives

FRAMES = st.lists(st.integers(0, 300).map(lambda n: n / 10), max_size=12, unique=True)


@given(FRAMES, FRAMES, st.sampled_from([2, 5]))
def test_greedy_pairing_of_equal_scores_finds_the_most_pairs(truth, times, tolerance):
    times = sorted(times)
    scores = [0.5] * len(times)
    best = len(pair_times([10 * t for t in truth], [10 * t for t in times], 10 * tolerance))
    assert soccernets_hits(truth, times, scores, tolerance)[0] == best
    frames = [float(round(10 * time)) for time in times]
    assert (
        sum(true_positives([round(10 * t) for t in truth], frames, scores, 10 * tolerance)) == best
    )


@given(FRAMES, FRAMES, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_greedy_pairing_by_score_equals_the_pairing_of_soccernet(truth, times, source):
    times = sorted(times)
    scores = [source.choice([0.2, 0.5, 0.9]) for _ in times]
    hits = true_positives(
        [round(10 * t) for t in truth], [float(round(10 * t)) for t in times], scores, 50
    )
    assert sum(hits) == soccernets_hits(truth, times, scores, 5)[0]


def test_greedy_pairing_by_score_can_lose_a_pair():
    # The best-scored prediction is within reach of both; the first true event takes it.
    truth, times, scores = [10.0, 16.0], [8.0, 12.0], [0.1, 0.9]
    assert sum(true_positives(truth, times, scores, 5)) == 1
    assert soccernets_hits(truth, times, scores, 5)[0] == 1
    assert len(pair_times(truth, times, 5)) == 2
