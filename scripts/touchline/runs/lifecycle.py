"""What happens at a run's start, when it ends well, and when it fails."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from logging import Logger
from pathlib import Path
from typing import Any

from touchline.core import paths
from touchline.core.gpus import Gpu, candidates
from touchline.runs.command_line import selecting_command, status_command
from touchline.runs.environment import check_container, check_environment
from touchline.runs.messages import (
    at_end,
    at_end_of_models,
    at_failure,
    at_others,
    at_start,
    place,
)
from touchline.runs.plan import Plan
from touchline.runs.requests import requests_of
from touchline.runs.snakemake_events import Failure, RunEvents
from touchline.runs.without_gpu import check_machine
from touchline.slurm.partitions import Submission, check_cluster, has_accounting
from touchline.slurm.plugin_patches import apply_patches
from touchline.slurm.queue import answer_of, results_mark, without_default_options

# The image of `--sdm apptainer`, in the folder that Snakemake runs in.
CONTAINER = "touchline.sif"


@dataclass(frozen=True)
class Invocation:
    """How Snakemake was called, as far as a run's start and end depend on it.

    Attributes:
        snakefile: its path; the project's other files lie in its folder.
        words: the words after `snakemake`.
        gpus: those that Snakemake counts (`--resources gpu=N`); None for none.
        keep_going: whether videos go on when others have failed.
        has_environments: whether jobs have environments of their own, by conda.
        has_container: whether jobs run in the container, by Apptainer.
        submission: how jobs go to SLURM; None if they run on this machine.
        plugin: the module that submits them.
    """

    snakefile: Path
    words: Sequence[str]
    gpus: int | None
    keep_going: bool
    has_environments: bool
    has_container: bool
    submission: Submission | None
    plugin: Any


def start(plan: Plan, events: RunEvents, how: Invocation, logger: Logger) -> None:
    """Check what only a run needs, not a look at its plan, and say what it will do.

    Raises:
        InputError: jobs would fail, or do work twice.
    """
    settings, project = plan.inputs.settings, how.snakefile.parent
    if how.has_container:
        check_container(Path(CONTAINER), project)
    elif not how.has_environments:
        check_environment(bool(settings.detect_with or plan.inputs.shown), project)
    events.listen_for(signal.SIGINT, signal.SIGTERM)
    gpus: list[Gpu] = []
    if how.submission:
        # The plugin's commands inherit the environment.
        kept = without_default_options(os.environ)
        for name in os.environ.keys() - kept.keys():
            del os.environ[name]
        os.environ.update(kept)
        configuration = answer_of("scontrol", "show", "config") or ""
        apply_patches(
            how.plugin,
            has_accounting=has_accounting(configuration),
            mark=results_mark(settings.results),
            logger=logger,
        )
        if warning := check_cluster(how.submission, Path.cwd()):
            logger.warning(warning)
    elif plan.loaded:
        gpus = candidates()
        check_machine(plan, events.to_do, gpus)
    for name in plan.served if events.to_do.get("detect_slice") else []:
        settings.models[name].access(settings.batch).read_key()
    hosts = _hosts(plan)
    lines = at_start(
        plan.inputs.selected,
        settings.detect_with,
        settings.slices,
        events.to_do,
        where=place(how.submission is not None, how.gpus, len(gpus)) if plan.loaded else None,
        results=settings.results,
        status=status_command(project),
        requests=[requests_of(plan, name, host) for name, host in hosts.items()],
    )
    _say(logger, lines)


def end(plan: Plan, events: RunEvents, logger: Logger) -> None:
    """Delete the journals of finished slices, and say where the results are."""
    settings = plan.inputs.settings
    for part in plan.slices:
        if part.is_done(settings.results, settings.keep_partials):
            # Kept until now: Snakemake, had it been killed, would have had the slice done again.
            shutil.rmtree(part.file(settings.results, paths.JOURNAL), ignore_errors=True)
    if not plan.inputs.selected:
        folders = (Path(plan.model_folder(model)) for model in plan.loaded)
        sizes = {str(folder): _bytes_in(folder) for folder in folders}
        _say(logger, at_end_of_models(sizes, _hosts(plan)))
        return
    texts = [f"{settings.results}/{name}" for name in (paths.SUMMARY_TEXT, paths.EVALUATION_TEXT)]
    files = [*texts, *plan.files(paths.EVENTS, plan.detected[:1])]
    if "cut_clips" in events.to_do:
        files.insert(0, f"{settings.results}/{Path(paths.CLIPS).parent}")
    there = [file for file in files if Path(file).exists()]
    index = f"{settings.results}/{paths.INDEX}"
    page = index if "report_run" in events.to_do and Path(index).exists() else None
    _say(logger, at_end(settings.results, there, events.repeated(), page))


def _hosts(plan: Plan) -> dict[str, str]:
    """Name the server of each model that one runs."""
    models = plan.inputs.settings.models
    return {name: models[name].access(plan.inputs.settings.batch).host for name in plan.served}


def _bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def fail(plan: Plan, events: RunEvents, how: Invocation, logger: Logger) -> None:
    """Say what failed; with --keep-going, say how to sum up the videos that are done."""
    failed = events.final()
    _say(logger, at_failure(failed, events.is_interrupted))
    if how.keep_going and not events.is_interrupted:
        _advise_summary(plan, failed, events, how.words, logger)


def _advise_summary(
    plan: Plan, failed: Sequence[Failure], events: RunEvents, words: Sequence[str], logger: Logger
) -> None:
    """Print the command for summary and index of finished videos, if the run was to make these."""
    results = plan.inputs.settings.results
    targets = {"summarize": paths.SUMMARY_TEXT, "report_run": paths.INDEX}
    wanted = [f"{results}/{file}" for rule, file in targets.items() if rule in events.to_do]
    ended = {failure.wildcards.get("video") for failure in failed}
    done = []
    for video in plan.inputs.selected:
        models = plan.predicted_of(video)
        files = plan.files(paths.EVENTS, models) + plan.files(paths.COVERAGE, models)
        if str(video) not in ended and all(Path(file).exists() for file in files):
            done.append(video)
    if wanted and done:
        _say(logger, at_others(done, selecting_command(wanted, done, words)))


def _say(logger: Logger, lines: Sequence[str]) -> None:
    """Through the logger: what is printed would end up in the graph that --dag writes."""
    logger.info("\n" + "\n".join(lines) + "\n")
