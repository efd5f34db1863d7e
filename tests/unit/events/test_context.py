"""Tests of scores from context."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import event

from touchline.events.context import score_by_context
from touchline.events.merge import merge_events
from touchline.inputs.labels import Labels
from touchline.inputs.settings import ContextSettings

LABELS = Labels({"Goal": [], "Foul": []}, confirmed_by={"Goal": ["celebrat", "in the net"]})
WHOLE = ((0.0, 3000.0),)
RULE = ContextSettings()


def scored(hits, looked_at=WHOLE, rule=RULE, keep="first"):
    merged, _ = merge_events(hits, 3.0, keep)
    return score_by_context(merged, hits, looked_at, labels=LABELS, rule=rule)


def best_first(events):
    return [e.time_s for e in sorted(events, key=lambda e: (-e.score, e.time_s))]


def burst(start, count=10, **fields):
    return [event(start + 4.0 * k, **fields) for k in range(count)]


# The score


def test_event_at_the_start_of_a_burst_ranks_first():
    alone, long_burst = [event(100.0)], [event(1000.0 + 4 * k) for k in range(60)]
    events = scored([*alone, *burst(500.0), *long_burst])
    first, second, *_ = best_first(events)
    assert {first, second} == {500.0, 1000.0}
    of = {e.time_s: e for e in events}
    # In the middle of a long burst, the sums before and after are equal.
    assert of[1120.0].context.after - of[1120.0].context.before == pytest.approx(1.0, abs=0.2)
    assert of[100.0].context.after == 1.0
    assert of[500.0].context.before == 0.0


@pytest.mark.parametrize("gap", [16.0, 22.0, 34.0])
@pytest.mark.parametrize("rhythm", [(0, 4, 10, 16, 40), (0, 8, 14, 18, 30), (0, 2, 4, 6, 8)])
def test_burst_of_hits_at_a_goal_does_not_count_for_a_single_earlier_hit(gap, rhythm):
    """A stray hit with a confirming word, before the goal, does not take the goal's burst."""
    stray = event(500.0 - gap, details="Player scores a goal")
    goal = [event(500.0 + t, details="Goal scored") for t in rhythm]
    events = scored([stray, *goal, event(100.0), event(2000.0)])
    of = {e.time_s: e for e in events}
    assert best_first(events)[0] == 500.0
    assert of[500.0].score >= 0.5
    # The stray hit counts only itself, and the goal does not count the stray hit.
    assert of[500.0 - gap].context.after == 1.0
    assert of[500.0].context.before == 0.0


def test_hits_after_a_pause_raise_the_score_of_the_first_event():
    """Celebrations and replays follow a goal after pauses.

    They have weaker hits than the goal itself.
    """
    events = scored([event(500.0 + t) for t in (0, 4, 10, 28, 32, 36)])
    assert best_first(events)[0] == 500.0
    assert events[0].context.after == pytest.approx(
        sum(math.exp(-t / 30) for t in (0, 4, 10, 28, 32, 36)), abs=1e-4
    )


def test_details_that_confirm_an_event_raise_its_score():
    celebration = [
        event(t, "Other", details="Players CELEBRATE wildly", known=False) for t in (506.0, 510.0)
    ]
    events = scored([event(100.0), event(500.0), *celebration])
    of = {e.time_s: e for e in events if e.label == "Goal"}
    assert of[100.0].context.words == 0.0
    assert of[500.0].context.words == pytest.approx(
        math.exp(-6 / 30) + math.exp(-10 / 30), abs=1e-4
    )
    assert of[500.0].score > of[100.0].score
    # The same words before an event lower its score.
    (late,) = (e for e in scored([*celebration, event(515.0)]) if e.label == "Goal")
    assert late.context.words < 0


def test_hits_are_weighted_by_label_probability():
    sure = scored([event(0.0, label_probability=1.0), event(4.0, label_probability=0.9)])[0]
    unsure = scored([event(0.0, label_probability=1.0), event(4.0, label_probability=0.1)])[0]
    unknown = scored([event(0.0), event(4.0)])[0]
    assert unsure.score < sure.score < unknown.score


def test_first_of_successive_events_ranks_above_all_others():
    events = scored([*burst(500.0), event(2000.0)])
    assert best_first(events)[0] == 500.0
    top = [e for e in events if e.score >= 0.5]
    # The run lasts 36 s. Its events with a score of at least 1/2 are more than 20 s apart.
    assert all(b.time_s - a.time_s > 20 for a, b in pairwise(top))
    assert {500.0, 2000.0} <= {e.time_s for e in top}
    assert len(events) == 11


def test_span_of_the_context_is_a_setting():
    near = ContextSettings(span=5.0, decay=10.0, suppression=0.0)
    (first, *_) = scored([event(0.0), event(4.0), event(8.0)], rule=near)
    assert first.context.after == pytest.approx(1 + math.exp(-0.4), abs=1e-4)
    assert all(e.score > 0.5 for e in scored(burst(0.0), rule=near))


# Parts without answers


@pytest.mark.parametrize("cut", [502.0, 510.0, 530.0])
def test_unseen_part_has_the_mean_rate_of_hits_of_the_video(cut):
    """A lost slice after an event must not look like a time without any hits."""
    hits = [event(float(t)) for t in range(0, 500, 10)] + [event(500.0)]
    lost = scored(hits, looked_at=((0.0, cut),))[-1]
    silent = scored(hits, looked_at=((0.0, 3000.0),))[-1]
    assert lost.context.after > silent.context.after + 0.5
    # A part that the model looked at counts, even without hits.
    assert lost.context.before == silent.context.before


def test_slice_border_does_not_change_the_scores():
    hits = burst(748.0)
    one = scored(hits, looked_at=((0.0, 750.0), (750.0, 3000.0)))
    assert one == scored(hits)


def test_time_before_the_video_has_the_mean_rate_of_hits():
    steady = [event(float(t)) for t in range(0, 3000, 10)]
    early, middle = scored(steady)[0], scored(steady)[150]
    assert early.context.before == pytest.approx(middle.context.before, rel=0.35)


# Properties of all lists


HITS = st.lists(
    st.builds(
        lambda time, label, weight, details: event(
            2.0 * time, label, label_probability=weight, details=details
        ),
        st.integers(0, 200),
        st.sampled_from(["Goal", "Foul", "Other"]),
        st.sampled_from([None, 0.0, 0.5, 1.0]),
        st.sampled_from(["", "celebration"]),
    ),
    max_size=40,
)
KEEP = st.sampled_from(["first", "best", "run"])


@given(HITS, KEEP)
def test_every_event_stays_and_gets_a_score_between_0_and_1(hits, keep):
    merged, _ = merge_events(hits, 3.0, keep)
    found = score_by_context(merged, hits, WHOLE, labels=LABELS, rule=RULE)
    assert [(e.time_s, e.label, e.n_hits) for e in found] == [
        (e.time_s, e.label, e.n_hits) for e in merged
    ]
    assert all(0 <= e.score <= 1 and e.score_kind == "context" for e in found)
    for label in {e.label for e in found}:
        mine = [e for e in found if e.label == label]
        best = [e for e in mine if e.score >= 0.5]
        assert best
        for e in mine:
            assert e in best or any(abs(e.first_s - b.first_s) <= 20 for b in best)


def bursts_of(times, weights):
    """Return start, end and strength of each burst: hits at most 12 s apart, summed over 60 s."""
    found = []
    for time in sorted(times):
        if not found or time - found[-1][-1] > 12:
            found.append([])
        found[-1].append(time)
    return [(b[0], b[-1], sum(weights[t] for t in b if t <= b[0] + 60)) for b in found]


@given(HITS)
def test_contexts_equal_sums_computed_from_the_documentation(hits):
    """The expected sums follow the definition, for a video that was looked at completely."""
    everywhere = ((-1000.0, 4000.0),)
    weights = {}
    for hit in hits:
        if hit.label == "Goal":
            weight = 1.0 if hit.label_probability is None else hit.label_probability
            weights[hit.time_s] = max(weight, weights.get(hit.time_s, 0.0))
    bursts = bursts_of(weights, weights)
    for e in scored(hits, looked_at=everywhere):
        if e.label == "Goal":
            (own,) = (s for start, end, s in bursts if start <= e.first_s <= end)
            end = min([b for b, _, s in bursts if b > e.first_s and s >= 3 * own], default=math.inf)
            weaker = [(b, last) for b, last, s in bursts if last < e.first_s and own >= 3 * s]
            counted = {
                time: time - e.first_s
                for time in weights
                if time < end and not any(b <= time <= last for b, last in weaker)
            }
            after = sum(weights[t] * math.exp(-d / 30) for t, d in counted.items() if 0 <= d <= 60)
            before = sum(weights[t] * math.exp(d / 30) for t, d in counted.items() if -60 <= d < 0)
            assert e.context.after == pytest.approx(after, abs=1e-4)
            assert e.context.before == pytest.approx(before, abs=1e-4)


@given(HITS, st.randoms())
def test_order_of_the_hits_does_not_change_the_scores(hits, source):
    merged, _ = merge_events(hits, 3.0, "first")
    shuffled = source.sample(hits, len(hits))
    assert score_by_context(merged, shuffled, WHOLE, labels=LABELS, rule=RULE) == score_by_context(
        merged, hits, WHOLE, labels=LABELS, rule=RULE
    )


def test_stated_confidence_is_ignored_if_most_hits_have_the_same_value():
    """The confidence of a trained spotter ranks its events.

    A constant 0.9 from a language model does not.
    """
    spotter = scored([event(100.0 * k, confidence=0.1 * k) for k in range(1, 10)])
    assert best_first(spotter) == [100.0 * k for k in range(9, 0, -1)]
    constant = [event(100.0 * k, confidence=0.9) for k in range(1, 10)]
    talker = scored([*constant, event(1000.0, confidence=0.2)])
    assert len({e.score for e in talker}) == 1
