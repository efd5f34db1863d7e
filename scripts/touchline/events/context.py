"""What an event is worth by what the model predicted around it, without any labels.

A model that answers window by window predicts hundreds of events that are none. But a real goal is
followed by a minute of answers that still have it, with celebrations and replays, and by none
before it. Measured on real predictions, this ranks far better than confidences or the number of
hits (docs/evaluation.md).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from touchline.core.intervals import SAME_TIME, Intervals, common, length
from touchline.core.records import Context, Event
from touchline.events.nms import suppress
from touchline.inputs.labels import Labels
from touchline.inputs.settings import ContextSettings
from touchline.matching import is_within, neighbours

# So many hits' worth of context make 0.73 of 1/2: a score between 0 and 1 is what files and metrics
# want, and the logistic function keeps the order.
_SCALE = 5.0
# A run of hits goes on over a pause of so many seconds.
_PAUSE = 30.0
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

    def after(self, time: float) -> float:
        """The weights in [time, time + span], each less the later it is."""
        first = bisect_left(self.times, time - SAME_TIME)
        _, last = neighbours(self.times, time, self.rule.span)
        return self._sum(first, last, time) + self._unseen(time, time + self.rule.span, time)

    def before(self, time: float) -> float:
        """The weights in [time - span, time), each less the earlier it is."""
        first, _ = neighbours(self.times, time, self.rule.span)
        last = bisect_left(self.times, time - SAME_TIME)
        return self._sum(first, last, time) + self._unseen(time - self.rule.span, time, time)

    def _sum(self, first: int, last: int, time: float) -> float:
        return math.fsum(
            self.weights[i] * math.exp(-abs(self.times[i] - time) / self.rule.decay)
            for i in range(first, last)
        )

    def _unseen(self, start: float, end: float, time: float) -> float:
        """What is to be expected where nobody looked: as much as elsewhere in the video."""
        seen = common(self.looked_at, ((start, end),))
        unseen = self._area(start, end, time) - sum(self._area(*part, time) for part in seen)
        return self.rate * max(0.0, unseen)

    def _area(self, start: float, end: float, time: float) -> float:
        """The integral of exp(-|t - time| / decay) over a stretch on one side of the time."""
        near, far = sorted((abs(start - time), abs(end - time)))
        decay = self.rule.decay
        return decay * (math.exp(-near / decay) - math.exp(-far / decay))


def score_by_context(
    events: Iterable[Event],
    hits: Iterable[Event],
    looked_at: Intervals,
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
    weigh = _weight(hits)
    events = list(events)
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, event in enumerate(events):
        groups[event.label].append(index)
    scored = list(events)
    for label, indices in groups.items():
        indices.sort(key=lambda index: events[index].first_s)
        times = [events[index].first_s for index in indices]
        of_class = _signal(by_label[label], weigh, looked_at, rule)
        confirming = (hit for hit in hits if labels.confirms(hit.details, label))
        of_words = _signal(confirming, weigh, looked_at, rule)
        contexts = [_context(time, of_class, of_words) for time in times]
        sums = [context.after - context.before + context.words for context in contexts]
        order = sorted(range(len(times)), key=lambda place: (-sums[place], place))
        kept_by = suppress(times, order, rule.suppression)
        for place, index in enumerate(indices):
            share = 1 / (1 + math.exp(-sums[place] / _SCALE))
            kept = kept_by[place] == place
            scored[index] = replace(
                events[index],
                score=round((kept + share) / 2, 6),
                score_kind="context",
                context=contexts[place],
            )
    return scored


def _weight(hits: Sequence[Event]) -> Callable[[Event], float]:
    """What a hit weighs.

    A vision-language model states the same confidence of most hits, which says nothing; one that
    was trained to spot events states how sure it is.
    """
    stated = Counter(hit.confidence for hit in hits)
    constant = max(stated.values(), default=0) > _CONSTANT * len(hits)

    def weight(hit: Event) -> float:
        if hit.label_probability is None and constant:
            return 1.0
        return hit.worth

    return weight


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


def _context(time: float, of_class: _Signal, of_words: _Signal) -> Context:
    times = of_class.times
    first = bisect_left(times, time - SAME_TIME)
    last = first
    while last + 1 < len(times) and is_within(times[last + 1], times[last], _PAUSE):
        last += 1
    return Context(
        after=round(of_class.after(time), 4),
        before=round(of_class.before(time), 4),
        words=round(of_words.after(time) - of_words.before(time), 4),
        run_s=round(times[last] - time, 3),
        quiet_s=round(time - times[first - 1] if first else time, 3),
    )
