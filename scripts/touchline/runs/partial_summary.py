"""Summary and index of the videos that are done, where a run ends with some that are not."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from touchline.inputs.videos import ranges

# What only sums up what others have made.
_RULES = (
    "summarize",
    "report_run",
    "tabulate_evaluation",
    "evaluate_model",
    "calibrate_model",
)


def sum_up(
    videos: Sequence[int],
    targets: Sequence[str],
    config: Mapping[str, Any],
    snakefile: str,
    deployment: Sequence[str],
    log: Path,
) -> bool:
    """Make targets of some videos, by a run of its own that selects these.

    So Snakemake knows what they were made of, and makes them again once the others are there.
    The run may do nothing but sum up.

    Args:
        config: the settings of the run that ended.
        deployment: its arguments about environments.
        log: gets what the run prints.

    Returns:
        whether they could be made.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "config.yaml"
        settings.write_text(json.dumps({**config, "select": ranges(videos)}), encoding="utf-8")
        command = [sys.executable, "-m", "snakemake", *targets, "--nolock", "--cores", "1"]
        command += ["--snakefile", snakefile, "--configfile", str(settings)]
        command += ["--allowed-rules", *_RULES, *deployment]
        with log.open("w", encoding="utf-8") as output:
            done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
    return done.returncode == 0
