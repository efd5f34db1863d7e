"""Lines that say now and then which jobs wait in SLURM's queue."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from touchline.slurm.queue import QueuedJob, Stage

# Seconds of waiting before the first line. The pause between two lines doubles up to the longest.
_FIRST, _LONGEST = 60.0, 600.0
_WAITING = (Stage.PENDING, Stage.SUSPENDED, Stage.COMPLETING)


@dataclass
class WaitingReport:
    """When the next line about waiting jobs comes. Times are of time.monotonic().

    Attributes:
        since: the time from which on some job has waited at every look; None if none waits.
        pause: seconds from the last line, or from `since`, to the next line.
        next: the time of the next line.
    """

    since: float | None = None
    pause: float = _FIRST
    next: float = 0.0

    def line(self, jobs: Iterable[QueuedJob], refused: int) -> str | None:
        """Return a line if one is to be written now.

        Args:
            jobs: of the run, in the queue.
            refused: the number of jobs that SLURM has not taken yet.
        """
        counts = Counter(job.state_and_reason for job in jobs if job.stage in _WAITING)
        now = time.monotonic()
        if not counts and not refused:
            self.since = None
            return None
        if self.since is None:
            self.since, self.pause, self.next = now, _FIRST, now + _FIRST
        if now < self.next:
            return None
        self.pause = min(2 * self.pause, _LONGEST)
        self.next = now + self.pause
        parts = [f"{number} {state}" for state, number in counts.most_common()]
        if refused:
            parts.append(f"{refused} not yet taken by SLURM")
        return f"Jobs that wait: {', '.join(parts)}."
