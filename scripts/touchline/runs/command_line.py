"""What the words after `snakemake` ask for, as far as Snakemake leaves it to the workflow."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from touchline.errors import InputError
from touchline.inputs.videos import ranges
from touchline.runs.plan import Plan

# In the name of a result: a video, or a video and a slice. No model's name has "_" in it.
_OF_VIDEO = re.compile(r"video_(\d+)|_vid(\d+)_gpu(\d+)")
# With these, Snakemake makes no results.
_LOOKING = (
    *("--archive", "--d3dag", "--dag", "--detailed-summary", "--filegraph", "--lint", "--list"),
    *("--report", "--rulegraph", "--summary"),
)


def status_command(project: Path) -> str:
    """What shows how far a run is, typed in the folder that the run is started in.

    Args:
        project: the folder of the Snakefile.
    """
    return f"python {os.path.relpath(project / 'scripts' / 'status.py')} --watch"


def selecting_command(targets: Sequence[str], videos: Iterable[int], words: Sequence[str]) -> str:
    """Return a run's command, changed to make some files of some videos first.

    Args:
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
    """List the files that are given after --configfile."""
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
    """Refuse the target status, which is a command.

    It cannot be a rule: Snakemake would want the folder, which a run has.

    Raises:
        InputError: status is among the words.
    """
    if "status" in words:
        raise InputError(
            f"There is no target status; this shows how far a run is: {status_command(project)}"
        )


def _check_file(target: str, plan: Plan) -> None:
    """Refuse a result of a video or a slice that the run does not have."""
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
            f"{target}: video {video} is not among the selected ones ({ranges(selected)}); "
            "change config.select."
        )
    if found[3] and int(found[3]) >= settings.slices:
        raise InputError(
            f"{target}: there is no slice {found[3]}, because a video has {settings.slices} slices "
            f"(0-{settings.slices - 1}; config.slices)."
        )


def check_results(words: Collection[str], plan: Plan) -> None:
    """Refuse folders that cannot be written to, unless results are only looked at.

    Raises:
        InputError: names the folder.
    """
    if any(word.startswith(_LOOKING) for word in words):
        return
    settings = plan.inputs.settings
    if settings.detect_with and Path(settings.resources).is_file():
        raise InputError(
            f"{settings.resources} is a file, so models cannot be kept in a folder there; set "
            "config.resources to another one."
        )
    results = Path(settings.results)
    there = next(folder for folder in (results, *results.absolute().parents) if folder.exists())
    folders = [there]
    if there == results and results.is_dir():
        folders += [folder for folder in results.iterdir() if folder.is_dir()]
    for folder in folders:
        if not folder.is_dir():
            raise InputError(
                f"{folder} is a file, so results cannot be a folder there; set config.results to "
                "another one."
            )
        if not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(
                f"{folder} may not be written to, so no result can be made; get the right to, or "
                "set config.results to a folder that is yours."
            )


def asks_only_for_models(words: Collection[str], results: str) -> bool:
    """Tell whether models are the only target. They can be fetched where the videos are not.

    Args:
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


def is_job_of_models(words: Collection[str]) -> bool:
    """Tell whether Snakemake was called for one job that makes a model."""
    rules = ("fetch_model", "fetch_adapter", "merge_adapter", "quantize_model")
    return any(word.startswith(tuple(f"{rule}:" for rule in rules)) for word in words)


def model_of_slice(words: Collection[str], plan: Plan, model: str) -> str | list[str]:
    """Return the folder that a slice's model is loaded from.

    A server's model has none, and under --delete-all-output no model has. That option deletes what
    is in the DAG, and models outlive results and are gigabytes. (With the target models they are in
    the DAG, and are deleted.)
    """
    # As short as the option can be abbreviated.
    is_deleting = any(word.startswith("--delete-a") for word in words)
    return [] if is_deleting or model not in plan.loaded else plan.model_folder(model)


def check_targets(words: Collection[str], plan: Plan) -> None:
    """Refuse a target of which there is nothing to make.

    Raises:
        InputError: says what is missing.
    """
    results = os.path.normpath(plan.inputs.settings.results)
    for word in words:
        if os.path.normpath(word).startswith(f"{results}/"):
            _check_file(word, plan)
    if "evaluation" in words and not plan.evaluated:
        raise InputError(
            "There is nothing to evaluate: no selected video has labels. Name their files in the "
            "column labels of the table of videos (examples/videos.tsv)."
        )
    if "learn" in words and not plan.learned_videos:
        if not plan.inputs.settings.has_features:
            reason = "the setting learn is false. Set learn: true, and type it again."
        elif not plan.labelled_games:
            reason = (
                "no selected video has labels. Name their files in the column labels of the table "
                "of videos (examples/videos.tsv), or review a match and save the verdicts."
            )
        else:
            reason = (
                "one game alone has labels, and what is learnt from a game is not used on it. "
                "Select another game, too, or name its labels."
            )
        raise InputError(f"There is nothing to learn: {reason}")
    if "clips" in words and not plan.clipped:
        raise InputError(
            "There is nothing to cut: no selected video has both its footage and events. Name its "
            "file in the column path of the table of videos (examples/videos.tsv), and labels or a "
            "model."
        )
    if "exports" in words and not plan.exported:
        raise InputError(
            "There is nothing to export: the formats name the video of each event, and there is no "
            "table of videos. Make one with a row a video, and set videos to it "
            "(examples/videos.tsv)."
        )
