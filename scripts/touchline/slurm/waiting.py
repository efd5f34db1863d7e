"""Report from time to time which jobs wait in SLURM's queue."""

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
    """A timer for lines about waiting jobs. Times are from time.monotonic().

    Attributes:
        since: start of the time in which every check found a waiting job; None if no job waits.
        pause: seconds from the previous line, or from `since`, to the next line.
        next: time of the next line.
    """

    since: float | None = None
    pause: float = _FIRST
    next: float = 0.0

    def line(self, jobs: Iterable[QueuedJob], refused: int) -> str | None:
        """Return a line about waiting jobs, or None if no line is due.

        Args:
            jobs: jobs of the run in the queue.
            refused: number of jobs that SLURM has refused so far.
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
            parts.append(f"{refused} refused by SLURM so far")
        return f"Waiting jobs: {', '.join(parts)}."
