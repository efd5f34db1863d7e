"""What an event is worth by what the model predicted around it, without any labels.

A model that answers window by window predicts hundreds of events that are none. But a real goal is
followed by a minute of answers that still have it, with celebrations and replays, and by none
before it. Measured on real predictions, this ranks far better than confidences or the number of
hits (docs/evaluation.md).
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

# So many hits' worth of context make 0.73 of 1/2: a score between 0 and 1 is what files and metrics
# want, and the logistic function keeps the order.
_SCALE = 5.0
# `run_s`: a run of hits goes on over a pause of so many seconds.
_PAUSE = 30.0
# A burst of hits ends at a pause longer than this, in seconds. In real predictions the hits that
# follow a goal lie 4 to 12 s apart.
_BURST_PAUSE = 12.0
# A burst this many times as strong as an earlier one, or more, does not belong to it.
_STRONGER = 3.0
# A model that states the same confidence of a larger share of its hits does not mean it.
_CONSTANT = 0.5


@dataclass(frozen=True, slots=True)
class _Signal:
    """When something was predicted, ascending, and how much each time weighs.

    Attributes:
        rate: the weights of a second that was looked at, on average.
    """

    times: Sequence[float]
    weights: Sequence[float]
    rate: float
    looked_at: Intervals
    rule: ContextSettings

    def after(self, time: float, limit: float = math.inf) -> float:
        """Sum the weights in [time, time + span], each less the later it is.

        Args:
            limit: seconds; nothing counts from there on.
        """
        end = min(time + self.rule.span, limit)
        first = bisect_left(self.times, time - SAME_TIME)
        _, last = neighbours(self.times, time, self.rule.span)
        last = min(last, bisect_left(self.times, limit - SAME_TIME))
        return self._sum(range(first, last), time) + self._unseen(time, end, time)

    def before(self, time: float, ignored: Intervals = ()) -> float:
        """Sum the weights in [time - span, time), each less the earlier it is.

        Args:
            ignored: stretches, both ends included, whose weights do not count.
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
        return math.fsum(
            self.weights[i] * math.exp(-abs(self.times[i] - time) / self.rule.decay) for i in places
        )

    def _unseen(self, start: float, end: float, time: float) -> float:
        """What is to be expected where nobody looked: as much as elsewhere in the video."""
        seen = intersection(self.looked_at, ((start, end),))
        unseen = self._area(start, end, time) - sum(self._area(*part, time) for part in seen)
        return self.rate * max(0.0, unseen)

    def _area(self, start: float, end: float, time: float) -> float:
        """The integral of exp(-|t - time| / decay) over a stretch on one side of the time."""
        near, far = sorted((abs(start - time), abs(end - time)))
        decay = self.rule.decay
        return decay * (math.exp(-near / decay) - math.exp(-far / decay))


@dataclass(frozen=True, slots=True)
class _Burst:
    """Hits of one class without a long pause between them.

    Attributes:
        start, end: seconds; the first hit and the last.
        strength: the weights of the hits within `ContextSettings.span` of the start.
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
    """Score the events of each half by their context in that half; see `score_by_context`.

    Args:
        spans: the halves. What is outside all of them is scored together.
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
    """Score the events of a video by what the same model predicted around them.

    The context of an event is what follows it less what precedes it: of hits of its class, and of
    hits of any class whose details confirm it (`confirmed_by` in labels.yaml). A hit that is d
    seconds away weighs exp(-d / decay) times the probability of its label's tokens; where that is
    unknown, times the stated confidence, unless that is the same most of the time. The event's own
    first hit is in what follows it. Where the model did not look, it is taken to have predicted as
    much as in the rest of the video.

    A burst of hits belongs to the event where it starts to rise. An event before a pause does not
    count a burst behind the pause that is at least three times as strong as its own. An event in
    that burst does not count the weaker one before the pause.

    The score keeps the order of the contexts: from 1/2 on for events that are the best within
    `rule.suppression` seconds, below 1/2 for the others (non-maximum suppression that drops
    nothing). Scores of different classes are not comparable.

    Args:
        events: merged, of any labels.
        hits: that the events were merged from.
        looked_at: where the model looked.

    Returns:
        the events in the order given, with score and context.
    """
    hits = list(hits)
    by_label: defaultdict[str, list[Event]] = defaultdict(list)
    for hit in hits:
        by_label[hit.label].append(hit)
    # A vision-language model states the same confidence of most hits, which says nothing; one that
    # was trained to spot events states how sure it is.
    stated = Counter(hit.confidence for hit in hits)
    is_constant = max(stated.values(), default=0) > _CONSTANT * len(hits)

    def weigh(hit: Event) -> float:
        return 1.0 if is_constant and hit.label_probability is None else hit.worth

    scored = list(events)
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, event in enumerate(scored):
        groups[event.label].append(index)
    for label, indices in groups.items():
        indices.sort(key=lambda index: scored[index].first_s)
        times = [scored[index].first_s for index in indices]
        of_class = _signal(by_label[label], weigh, looked_at, rule)
        confirming = (hit for hit in hits if labels.confirms(hit.details, label))
        of_words = _signal(confirming, weigh, looked_at, rule)
        bursts = _bursts(of_class)
        contexts = [_context(time, of_class, of_words, bursts) for time in times]
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
    """One entry a window, with the largest of its weights."""
    weights: dict[float, float] = {}
    for hit in hits:
        weights[hit.window_s] = max(weigh(hit), weights.get(hit.window_s, 0.0))
    times = sorted(weights)
    seconds = length(looked_at)
    rate = math.fsum(weights.values()) / seconds if seconds else 0.0
    return _Signal(times, [weights[time] for time in times], rate, looked_at, rule)


def _bursts(signal: _Signal) -> list[_Burst]:
    """Divide the hits of a class at their pauses."""
    starts = [
        place
        for place, time in enumerate(signal.times)
        if not place or not is_within(time, signal.times[place - 1], _BURST_PAUSE)
    ]
    bursts = []
    for start, end in pairwise([*starts, len(signal.times)]):
        first, last = signal.times[start], signal.times[end - 1]
        _, within = neighbours(signal.times, first, signal.rule.span)
        strength = math.fsum(signal.weights[start : min(end, within)])
        bursts.append(_Burst(first, last, strength))
    return bursts


def _context(
    time: float, of_class: _Signal, of_words: _Signal, bursts: Sequence[_Burst]
) -> Context:
    span = of_class.rule.span
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
    times = of_class.times
    first = bisect_left(times, time - SAME_TIME)
    last = first
    while last + 1 < len(times) and is_within(times[last + 1], times[last], _PAUSE):
        last += 1
    words = of_words.after(time, limit) - of_words.before(time, ignored)
    return Context(
        after=round(of_class.after(time, limit), 4),
        before=round(of_class.before(time, ignored), 4),
        words=round(words, 4),
        run_s=round(times[last] - time, 3),
        quiet_s=round(time - times[first - 1] if first else time, 3),
    )
