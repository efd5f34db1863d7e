"""Suppression keeps what the plain double loop keeps."""

import random

from touchline.events.nms import suppress


def test_suppression_is_that_of_the_plain_double_loop():
    source = random.Random(2)
    for _ in range(200):
        times = sorted(source.choices(range(40), k=source.randrange(30)))
        order = source.sample(range(len(times)), len(times))
        kept = []
        for index in order:
            if all(abs(times[index] - times[other]) > 3 for other in kept):
                kept.append(index)
        kept_by = suppress(times, order, 3)
        assert sorted(kept) == [i for i, leader in enumerate(kept_by) if i == leader]
        assert all(abs(times[i] - times[leader]) <= 3 for i, leader in enumerate(kept_by))
