"""Interpret the arguments after `snakemake` that Snakemake does not handle itself."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from touchline.errors import InputError
from touchline.inputs.videos import ranges
from touchline.runs.plan import Plan

# The number of a video, or of a video and a slice, in a result's name. Models' names have no "_".
_OF_VIDEO = re.compile(r"video_(\d+)|_vid(\d+)_gpu(\d+)")
# With these, Snakemake makes no results.
_LOOKING = (
    *("--archive", "--d3dag", "--dag", "--detailed-summary", "--filegraph", "--lint", "--list"),
    *("--report", "--rulegraph", "--summary"),
)


def status_command(project: Path) -> str:
    """Return the command that shows a run's progress, relative to the current folder.

    Args:
        project: the folder of the Snakefile.
    """
    return f"python {os.path.relpath(project / 'scripts' / 'status.py')} --watch"


def selecting_command(targets: Sequence[str], videos: Iterable[int], words: Sequence[str]) -> str:
    """Return a run's command, changed to make some files of some videos.

    Args:
        targets: the files to make.
        videos: the numbers of the videos to select.
        words: the words after `snakemake` in the run's command.
    """
    # Snakemake takes the values of the last --config only.
    split = [part for word in words for part in re.split(r"(?<=^--config)=", word)]
    kept = [word for word in split if not word.startswith("select=")]
    option = next((word for word in kept if word in ("--config", "-C")), None)
    place = kept.index(option) if option else len(kept)
    changed = ["--config", f"select={ranges(sorted(videos))}"]
    return shlex.join(["snakemake", *targets, *kept[:place], *changed, *kept[place + 1 :]])


def config_files(words: Sequence[str]) -> list[Path]:
    """Return the files that are given after --configfile."""
    found: list[Path] = []
    is_file = False
    for word in words:
        option, _, value = word.partition("=")
        if word.startswith("-"):
            is_file = option in ("--configfile", "--configfiles")
            found += [Path(value)] if is_file and value else []
        elif is_file:
            found.append(Path(word))
    return found


def check_no_status(words: Collection[str], project: Path) -> None:
    """Refuse `status` as a target, and name the script that shows the status of a run.

    A rule cannot show the status: Snakemake locks the folder, and a run in progress holds that
    lock.

    Raises:
        InputError: status is among the words.
    """
    if "status" in words:
        raise InputError(
            "Snakemake has no target named “status”. To see the progress of a run, type: "
            f"{status_command(project)}"
        )


def _check_file(target: str, plan: Plan) -> None:
    """Refuse a target file whose video or slice is not part of the run."""
    selected, settings = plan.inputs.selected, plan.inputs.settings
    found = _OF_VIDEO.search(os.path.basename(target))
    if found is None:
        return
    video = int(found[1] or found[2])
    if plan.inputs.videos and video not in plan.inputs.videos:
        raise InputError(
            f"{target}: there is no video {video} in {settings.videos}, which has "
            f"{ranges(plan.inputs.videos)}."
        )
    if video not in selected:
        raise InputError(
            f"{target}: video {video} is not selected (selected: {ranges(selected)}). Change "
            "config.select."
        )
    if found[3] and int(found[3]) >= settings.slices:
        raise InputError(
            f"{target}: there is no slice {found[3]}, because a video has {settings.slices} slices "
            f"(0-{settings.slices - 1}; config.slices)."
        )


def check_results(words: Collection[str], plan: Plan) -> None:
    """Refuse folders that cannot be written to, unless the command makes no results.

    Raises:
        InputError: a folder is a file or cannot be written to; the message names it.
    """
    if any(word.startswith(_LOOKING) for word in words):
        return
    settings = plan.inputs.settings
    if settings.detect_with and Path(settings.resources).is_file():
        raise InputError(
            f"{settings.resources} is a file, so models cannot be stored in it. Set "
            "config.resources to a folder."
        )
    results = Path(settings.results)
    there = next(folder for folder in (results, *results.absolute().parents) if folder.exists())
    folders = [there]
    if there == results and results.is_dir():
        folders += [folder for folder in results.iterdir() if folder.is_dir()]
    for folder in folders:
        if not folder.is_dir():
            raise InputError(
                f"{folder} is a file, so results cannot be stored in it. Set config.results to a "
                "folder."
            )
        if not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(
                f"{folder} cannot be written to by you, so no result can be made. Ask for write "
                "permission, or set config.results to another folder."
            )


def asks_only_for_models(words: Collection[str], results: str) -> bool:
    """Return whether models are the only target. Fetching models does not need the videos.

    Args:
        words: the words after `snakemake` in the run's command.
        results: the folder of results.
    """
    others = (
        *("all", "predictions", "comparison", "evaluation", "shortlist", "exports", "report"),
        *("clips", "learn"),
    )
    return "models" in words and not any(
        word in others or os.path.normpath(word).startswith(f"{os.path.normpath(results)}/")
        for word in words
    )


def is_model_job(words: Collection[str]) -> bool:
    """Return whether Snakemake was called for a single job that fetches or converts a model."""
    rules = ("fetch_model", "fetch_adapter", "merge_adapter", "quantize_model")
    return any(word.startswith(tuple(f"{rule}:" for rule in rules)) for word in words)


def slice_model_folder(words: Collection[str], plan: Plan, model: str) -> str | list[str]:
    """Return the folder that a slice's model is loaded from, or an empty list if there is none.

    A server's model has no folder. With --delete-all-output, the list is empty for all models,
    because that option deletes all files in the DAG. Models are large and should be kept. Only the
    target `models` puts the models into the DAG, so `snakemake models --delete-all-output` deletes
    them.
    """
    # This is the shortest abbreviation of the option.
    is_deleting = any(word.startswith("--delete-a") for word in words)
    return [] if is_deleting or model not in plan.loaded else plan.model_folder(model)


def check_targets(words: Collection[str], plan: Plan) -> None:
    """Refuse a target that cannot be made because its inputs are missing.

    Raises:
        InputError: a target lacks its inputs; the message says which.
    """
    results = os.path.normpath(plan.inputs.settings.results)
    for word in words:
        if os.path.normpath(word).startswith(f"{results}/"):
            _check_file(word, plan)
    if "evaluation" in words and not plan.evaluated:
        raise InputError(
            "There is nothing to evaluate: no selected video has labels. Write the paths of label "
            "files into the column labels of the table of videos (examples/videos.tsv)."
        )
    if "learn" in words and not plan.learned_videos:
        if not plan.inputs.settings.has_features:
            reason = "config.learn is false. Set learn: true and run again."
        elif not plan.labelled_games:
            reason = (
                "no selected video has labels. Write the paths of label files into the column "
                "labels of the table of videos (examples/videos.tsv), or review a match and save "
                "the verdicts."
            )
        else:
            reason = (
                "only one game has labels, and a learnt model is never used on its own game. "
                "Select another game, or name labels of another game."
            )
        raise InputError(f"There is nothing to learn: {reason}")
    if "clips" in words and not plan.clipped:
        raise InputError(
            "There is nothing to cut: no selected video has both footage and events. In the "
            "table of videos (examples/videos.tsv), write the path of a video file into the "
            "column path. Then name labels or a model."
        )
    if "exports" in words and not plan.exported:
        raise InputError(
            "There is nothing to export: the formats name the game and half of each event, but "
            "there is no table of videos. Write a table with one row per video, and set "
            "config.videos to its path (examples/videos.tsv)."
        )
