"""Scores of events from the model's other predictions around them, without any labels.

A model that answers window by window predicts hundreds of false events. But after a real goal, the
answers name the goal again for a minute, with celebrations and replays. Before the goal, there are
no such answers. On real predictions, this context ranks events far better than confidences or the
number of hits (docs/evaluation.md).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import attrgetter

from touchline.core.intervals import SAME_TIME, Intervals, gaps, intersection, length, union
from touchline.core.records import Context, Event
from touchline.inputs.clock import HalfSpan, span_at
from touchline.inputs.labels import Labels
from touchline.inputs.settings import ContextSettings
from touchline.matching import is_within, neighbours, suppress

# Scale of the logistic function, in hits. The function maps contexts to scores between 0 and 1, as
# files and metrics expect, and keeps their order.
_SCALE = 5.0
# The longest pause, in seconds, within a run of hits (`run_s`).
_PAUSE = 30.0
# The longest pause, in seconds, within a burst. In real predictions, the hits after a goal are
# 4 to 12 s apart.
_BURST_PAUSE = 12.0
# Ratio of strengths from which a burst does not belong to the burst before it.
_STRONGER = 3.0
# If a larger share of hits has the same stated confidence, the confidence has no meaning.
_CONSTANT = 0.5


@dataclass(frozen=True, slots=True)
class _Signal:
    """The times at which something was predicted, with weights.

    Attributes:
        times: ascending times, in seconds.
        weights: weight of each time.
        rate: mean weight per second that the model looked at.
        looked_at: the intervals that the model looked at.
        rule: settings of the context.
    """

    times: Sequence[float]
    weights: Sequence[float]
    rate: float
    looked_at: Intervals
    rule: ContextSettings

    def after(self, time: float, limit: float = math.inf) -> float:
        """Sum the weights from `time` to `limit`, at most for `rule.span` seconds.

        Later weights count less.

        Args:
            time: in seconds.
            limit: latest end of the sum, in seconds.
        """
        end = min(time + self.rule.span, limit)
        first = bisect_left(self.times, time - SAME_TIME)
        _, last = neighbours(self.times, time, self.rule.span)
        last = min(last, bisect_left(self.times, limit - SAME_TIME))
        return self._sum(range(first, last), time) + self._unseen(time, end, time)

    def before(self, time: float, ignored: Intervals = ()) -> float:
        """Sum the weights in [time - `rule.span`, time). Earlier weights count less.

        Args:
            time: in seconds.
            ignored: intervals, including both ends, whose weights do not count.
        """
        first, _ = neighbours(self.times, time, self.rule.span)
        last = bisect_left(self.times, time - SAME_TIME)
        counted = (
            i
            for i in range(first, last)
            if not any(start <= self.times[i] <= end for start, end in ignored)
        )
        return self._sum(counted, time) + self._unseen(time - self.rule.span, time, time)

    def _sum(self, places: Iterable[int], time: float) -> float:
        """Sum the weights of hits, given their indices.

        A weight decays exponentially with its distance from the time.
        """
        return math.fsum(
            self.weights[i] * math.exp(-abs(self.times[i] - time) / self.rule.decay) for i in places
        )

    def _unseen(self, start: float, end: float, time: float) -> float:
        """Estimate the sum over the unseen parts, from the model's mean rate elsewhere."""
        seen = intersection(self.looked_at, ((start, end),))
        unseen = self._area(start, end, time) - sum(self._area(*part, time) for part in seen)
        return self.rate * max(0.0, unseen)

    def _area(self, start: float, end: float, time: float) -> float:
        """Integrate exp(-|t - time| / decay) over an interval on one side of the time."""
        near, far = sorted((abs(start - time), abs(end - time)))
        decay = self.rule.decay
        return decay * (math.exp(-near / decay) - math.exp(-far / decay))


@dataclass(frozen=True, slots=True)
class _Burst:
    """Hits of one class without a long pause between them.

    Attributes:
        start: time of the first hit, in seconds.
        end: time of the last hit, in seconds.
        strength: sum of the weights of the hits within `ContextSettings.span` of the start.
    """

    start: float
    end: float
    strength: float


def score_by_half(
    events: Iterable[Event],
    hits: Iterable[Event],
    looked_at: Intervals,
    *,
    spans: Sequence[HalfSpan],
    labels: Labels,
    rule: ContextSettings,
) -> list[Event]:
    """Score the events of each half by their context in this half, as `score_by_context` does.

    Args:
        events: merged events of any labels.
        hits: the hits that became these events.
        looked_at: the intervals that the model looked at.
        spans: the halves. Events outside all halves are scored together.
        labels: the classes.
        rule: settings of the context.
    """
    events, hits = list(events), list(hits)
    if len(spans) == 1:
        return score_by_context(events, hits, looked_at, labels=labels, rule=rule)
    inside = union((span.start, span.end) for span in spans)
    outside = gaps(inside, max(end for _, end in (*looked_at, *inside)))
    scored: dict[int, Event] = {}
    for span in (*spans, None):
        places = [n for n, e in enumerate(events) if span_at(spans, e.window_s) is span]
        mine = score_by_context(
            [events[place] for place in places],
            [hit for hit in hits if span_at(spans, hit.window_s) is span],
            intersection(looked_at, ((span.start, span.end),) if span else outside),
            labels=labels,
            rule=rule,
        )
        scored |= dict(zip(places, mine, strict=True))
    return [scored[place] for place in range(len(events))]


def score_by_context(
    events: Iterable[Event],
    hits: Iterable[Event],
    looked_at: Intervals,
    *,
    labels: Labels,
    rule: ContextSettings,
) -> list[Event]:
    """Score the events of a video by the same model's other predictions around them.

    The context of an event is a sum over later hits minus a sum over earlier hits. It counts hits
    of the event's class, and hits of any class whose details confirm the event (`confirmed_by` in
    labels.yaml). The event's own first hit counts as a later hit.

    A hit at a distance of d seconds has the weight exp(-d / decay) times the probability of its
    label's tokens. If this probability is unknown, the stated confidence is used. It is not used if
    the model states the same confidence for most hits. Where the model did not look, the mean rate
    of its predictions in the rest of the video is assumed.

    A burst of hits belongs to the event at the time when hits become more frequent. Suppose that a
    weak burst is followed by a pause and by a burst at least three times as strong. Then events in
    the weak burst ignore the strong burst, and events in the strong burst ignore the weak burst.

    Sorting events by score gives the same order as sorting them by context. The score is at least
    1/2 for the best event within `rule.suppression` seconds, and below 1/2 for all other events.
    This works like non-maximum suppression, but drops no events. Scores of different classes cannot
    be compared.

    Args:
        events: merged events of any labels.
        hits: the hits that became these events.
        looked_at: the intervals that the model looked at.
        labels: the classes.
        rule: settings of the context.

    Returns:
        The events in the given order, with score and context.
    """
    hits = list(hits)
    by_label: defaultdict[str, list[Event]] = defaultdict(list)
    for hit in hits:
        by_label[hit.label].append(hit)
    # Vision-language models state the same confidence for most hits, which has no meaning. The
    # confidences of trained spotters differ and are used.
    stated = Counter(hit.confidence for hit in hits)
    is_constant = max(stated.values(), default=0) > _CONSTANT * len(hits)

    def weigh(hit: Event) -> float:
        return 1.0 if is_constant and hit.label_probability is None else hit.ranking_score

    scored = list(events)
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, event in enumerate(scored):
        groups[event.label].append(index)
    for label, indices in groups.items():
        indices.sort(key=lambda index: scored[index].first_s)
        times = [scored[index].first_s for index in indices]
        class_signal = _signal(by_label[label], weigh, looked_at, rule)
        confirming = (hit for hit in hits if labels.confirms(hit.details, label))
        word_signal = _signal(confirming, weigh, looked_at, rule)
        bursts = _bursts(class_signal)
        contexts = [_context(time, class_signal, word_signal, bursts) for time in times]
        sums = [context.after - context.before + context.words for context in contexts]
        order = sorted(range(len(times)), key=lambda place: (-sums[place], place))
        kept_by = suppress(times, order, rule.suppression)
        for place, index in enumerate(indices):
            share = 1 / (1 + math.exp(-sums[place] / _SCALE))
            kept = kept_by[place] == place
            scored[index] = replace(
                scored[index],
                score=round((kept + share) / 2, 6),
                score_kind="context",
                context=contexts[place],
            )
    return scored


def _signal(
    hits: Iterable[Event],
    weigh: Callable[[Event], float],
    looked_at: Intervals,
    rule: ContextSettings,
) -> _Signal:
    """Build a signal with one entry per window: the largest weight of the window's hits."""
    weights: dict[float, float] = {}
    for hit in hits:
        weights[hit.window_s] = max(weigh(hit), weights.get(hit.window_s, 0.0))
    times = sorted(weights)
    seconds = length(looked_at)
    rate = math.fsum(weights.values()) / seconds if seconds else 0.0
    return _Signal(times, [weights[time] for time in times], rate, looked_at, rule)


def _bursts(signal: _Signal) -> list[_Burst]:
    """Split the hits of a class, `signal`, into bursts at the pauses between hits."""
    starts = [
        place
        for place, time in enumerate(signal.times)
        if not place or not is_within(time, signal.times[place - 1], _BURST_PAUSE)
    ]
    bursts = []
    for start, end in pairwise([*starts, len(signal.times)]):
        first, last = signal.times[start], signal.times[end - 1]
        _, last_place = neighbours(signal.times, first, signal.rule.span)
        strength = math.fsum(signal.weights[start : min(end, last_place)])
        bursts.append(_Burst(first, last, strength))
    return bursts


def _context(
    time: float, class_signal: _Signal, word_signal: _Signal, bursts: Sequence[_Burst]
) -> Context:
    """Compute the context of an event from the signals of its class and of confirming words."""
    span = class_signal.rule.span
    own = bisect_right(bursts, time + SAME_TIME, key=attrgetter("start")) - 1
    strength = bursts[own].strength
    limit = next(
        (burst.start for burst in bursts[own + 1 :] if burst.strength >= _STRONGER * strength),
        math.inf,
    )
    ignored = tuple(
        (burst.start, burst.end)
        for burst in bursts[:own]
        if burst.end >= time - span and strength >= _STRONGER * burst.strength
    )
    times = class_signal.times
    first = bisect_left(times, time - SAME_TIME)
    last = first
    while last + 1 < len(times) and is_within(times[last + 1], times[last], _PAUSE):
        last += 1
    words = word_signal.after(time, limit) - word_signal.before(time, ignored)
    return Context(
        after=round(class_signal.after(time, limit), 4),
        before=round(class_signal.before(time, ignored), 4),
        words=round(words, 4),
        run_s=round(times[last] - time, 3),
        quiet_s=round(time - times[first - 1] if first else time, 3),
    )
