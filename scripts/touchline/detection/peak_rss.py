"""Measure the memory of this process."""

from __future__ import annotations

import re
from pathlib import Path

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.M)


def peak_resident() -> float:
    """Return the peak memory of this process since its program began, in MB (Linux, proc(5)).

    The value from getrusage is not used, because it starts with the peak of the parent process.
    """
    found = _PEAK.search(Path("/proc/self/status").read_text(encoding="utf-8"))
    assert found is not None
    return int(found[1]) / 1024
