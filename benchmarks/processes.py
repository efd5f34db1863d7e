"""A side of a benchmark in a process of its own, so that nothing of the other side counts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Spent:
    """What a process took.

    Attributes:
        wall, cpu: seconds; of the processor, user and system, processes of its own included.
        peak: most memory, MB.
        told: what it had to tell.
    """

    wall: float
    cpu: float
    peak: float
    told: Any


def measured(*arguments: object) -> Spent:
    """Run Python with these arguments; the script ends with `tell`.

    Raises:
        subprocess.CalledProcessError: it fails.
    """
    command = [sys.executable, *map(str, arguments)]
    before = os.times()
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    after = os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    return Spent(after.elapsed - before.elapsed, cpu, **json.loads(said.splitlines()[-1]))


def tell(what: Any) -> None:
    """End a process that is measured."""
    # Not getrusage's, which begins with the peak of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    print(json.dumps({"peak": int(found[1]) / 1024, "told": what}))
