"""The memory that a process takes."""

from __future__ import annotations

import re
from pathlib import Path

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.M)


def peak_resident() -> float:
    """The most memory that this process has had since its program began, MB (Linux, proc(5)).

    Not getrusage's figure, which begins with the peak of the process that started this one.
    """
    found = _PEAK.search(Path("/proc/self/status").read_text(encoding="utf-8"))
    assert found is not None
    return int(found[1]) / 1024
