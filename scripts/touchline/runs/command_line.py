"""What the words after `snakemake` ask for, as far as Snakemake leaves it to the workflow."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from touchline.errors import InputError
from touchline.runs.plan import Plan


def status_command(project: Path) -> str:
    """What shows how far a run is, typed in the folder that the run is started in.

    Args:
        project: the folder of the Snakefile.
    """
    return f"python {os.path.relpath(project / 'scripts' / 'status.py')} --watch"


def check_no_status(words: Collection[str], project: Path) -> None:
    """Refuse the target status, which is a command.

    It cannot be a rule: Snakemake would want the folder, which a run has.

    Raises:
        InputError: status is among the words.
    """
    if "status" in words:
        raise InputError(
            f"There is no target status; this shows how far a run is: {status_command(project)}"
        )


def asks_for_models(words: Collection[str]) -> bool:
    """Whether the target is models: they can be fetched where the videos are not."""
    return "models" in words


def model_of_slice(words: Collection[str], plan: Plan, model: str) -> str | list[str]:
    """The folder of the model that a slice is detected with; none under --delete-all-output.

    That option deletes what is in the DAG, and models outlive results and are gigabytes. (With the
    target models they are in the DAG, and are deleted.)
    """
    # As short as the option can be abbreviated.
    is_deleting = any(word.startswith("--delete-a") for word in words)
    return [] if is_deleting else plan.model_folder(model)


def check_targets(words: Collection[str], plan: Plan) -> None:
    """Refuse a target of which there is nothing to make.

    Raises:
        InputError: says what is missing.
    """
    if "evaluation" in words and not plan.evaluated:
        raise InputError(
            "There is nothing to evaluate: no selected video has labels. Name their files in the "
            "column labels of the table of videos (examples/videos.tsv)."
        )
    if "exports" in words and not plan.exported:
        raise InputError(
            "There is nothing to export: the formats name the video of each event, and there is no "
            "table of videos. Make one with a row a video, and set videos to it "
            "(examples/videos.tsv)."
        )
