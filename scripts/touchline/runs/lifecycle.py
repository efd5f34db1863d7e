"""Handle the start, the successful end and the failure of a run."""

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
    end_lines,
    end_lines_for_models,
    failure_lines,
    place,
    start_lines,
    summary_lines,
)
from touchline.runs.plan import Plan
from touchline.runs.requests import describe_requests
from touchline.runs.snakemake_events import Failure, RunEvents
from touchline.runs.without_gpu import check_machine
from touchline.slurm.partitions import Submission, check_cluster, has_accounting
from touchline.slurm.plugin_patches import apply_patches
from touchline.slurm.queue import results_mark, run_command, without_default_options

# The image of `--sdm apptainer`, in the folder that Snakemake runs in.
CONTAINER = "touchline.sif"


@dataclass(frozen=True)
class Invocation:
    """The options of the Snakemake call that a run's start and end depend on.

    Attributes:
        snakefile: path of the Snakefile; the project's other files lie in its folder.
        words: the words after `snakemake`.
        gpus: number of GPUs given to Snakemake (`--resources gpu=N`); None without that option.
        keep_going: whether other jobs continue after one has failed.
        has_environments: whether jobs run in conda environments of their own.
        has_container: whether jobs run in the Apptainer container.
        submission: how jobs are submitted to SLURM; None if they run on this machine.
        plugin: the module that submits jobs to SLURM.
    """

    snakefile: Path
    words: Sequence[str]
    gpus: int | None
    keep_going: bool
    has_environments: bool
    has_container: bool
    submission: Submission | None
    plugin: Any


def start(plan: Plan, events: RunEvents, invocation: Invocation, logger: Logger) -> None:
    """Check the cluster, the machine and the packages, and log a summary of the jobs to run.

    Raises:
        InputError: jobs would fail or repeat work.
    """
    settings, project = plan.inputs.settings, invocation.snakefile.parent
    if invocation.has_container:
        check_container(Path(CONTAINER), project)
    elif not invocation.has_environments:
        check_environment(bool(settings.detect_with or plan.inputs.shown), project)
    events.listen_for(signal.SIGINT, signal.SIGTERM)
    gpus: list[Gpu] = []
    if invocation.submission:
        # The plugin's commands inherit the environment.
        kept = without_default_options(os.environ)
        for name in os.environ.keys() - kept.keys():
            del os.environ[name]
        os.environ.update(kept)
        configuration = run_command("scontrol", "show", "config") or ""
        apply_patches(
            invocation.plugin,
            has_accounting=has_accounting(configuration),
            mark=results_mark(settings.results),
            logger=logger,
        )
        if warning := check_cluster(invocation.submission, Path.cwd()):
            logger.warning(warning)
    elif plan.loaded:
        gpus = candidates()
        check_machine(plan, events.to_do, gpus)
    for name in plan.served if events.to_do.get("detect_slice") else []:
        settings.models[name].access(settings.batch).read_key()
    hosts = _hosts(plan)
    lines = start_lines(
        plan.inputs.selected,
        settings.detect_with,
        settings.slices,
        events.to_do,
        where=place(invocation.submission is not None, invocation.gpus, len(gpus))
        if plan.loaded
        else None,
        results=settings.results,
        status=status_command(project),
        requests=[describe_requests(plan, name, host) for name, host in hosts.items()],
    )
    _say(logger, lines)


def end(plan: Plan, events: RunEvents, logger: Logger) -> None:
    """Delete the journals of finished slices, and log where the results are."""
    settings = plan.inputs.settings
    for part in plan.slices:
        if part.is_done(settings.results, settings.keep_partials):
            # If Snakemake had been killed, it would have repeated the slice and needed the journal.
            shutil.rmtree(part.file(settings.results, paths.JOURNAL), ignore_errors=True)
    if not plan.inputs.selected:
        folders = (Path(plan.model_folder(model)) for model in plan.loaded)
        sizes = {str(folder): _bytes_in(folder) for folder in folders}
        _say(logger, end_lines_for_models(sizes, _hosts(plan)))
        return
    texts = [f"{settings.results}/{name}" for name in (paths.SUMMARY_TEXT, paths.EVALUATION_TEXT)]
    files = [*texts, *plan.files(paths.EVENTS, plan.detected[:1])]
    if "cut_clips" in events.to_do:
        files.insert(0, f"{settings.results}/{Path(paths.CLIPS).parent}")
    there = [file for file in files if Path(file).exists()]
    index = f"{settings.results}/{paths.INDEX}"
    page = index if "report_run" in events.to_do and Path(index).exists() else None
    _say(logger, end_lines(settings.results, there, events.repeated(), page))


def _hosts(plan: Plan) -> dict[str, str]:
    """Return the host of each model that runs on a server, by model."""
    models = plan.inputs.settings.models
    return {name: models[name].access(plan.inputs.settings.batch).host for name in plan.served}


def _bytes_in(folder: Path) -> int:
    """Return the total size of the files directly in a folder, in bytes."""
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def fail(plan: Plan, events: RunEvents, invocation: Invocation, logger: Logger) -> None:
    """Log the failed jobs.

    With --keep-going, also log the command that summarizes finished videos.
    """
    failed = events.final()
    _say(logger, failure_lines(failed, events.is_interrupted))
    if invocation.keep_going and not events.is_interrupted:
        _advise_summary(plan, failed, events, invocation.words, logger)


def _advise_summary(
    plan: Plan, failed: Sequence[Failure], events: RunEvents, words: Sequence[str], logger: Logger
) -> None:
    """Log the command for the summary and index of finished videos, if the run was to make them."""
    results = plan.inputs.settings.results
    targets = {"summarize": paths.SUMMARY_TEXT, "report_run": paths.INDEX}
    wanted = [f"{results}/{file}" for rule, file in targets.items() if rule in events.to_do]
    ended = {failure.wildcards.get("video") for failure in failed}
    done = []
    for video in plan.inputs.selected:
        models = plan.predictions_for_video(video)
        files = plan.files(paths.EVENTS, models) + plan.files(paths.COVERAGE, models)
        if str(video) not in ended and all(Path(file).exists() for file in files):
            done.append(video)
    if wanted and done:
        _say(logger, summary_lines(done, selecting_command(wanted, done, words)))


def _say(logger: Logger, lines: Sequence[str]) -> None:
    """Log the lines. Printed lines would end up in the graph that --dag writes."""
    logger.info("\n" + "\n".join(lines) + "\n")
