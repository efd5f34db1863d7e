"""Write the few lines that a run prints at its start and at its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.filesize import decimal

from touchline.inputs.videos import ranges
from touchline.runs.snakemake_events import Failure


def start_lines(
    videos: Iterable[int],
    models: Sequence[str],
    slices: int,
    to_do: Mapping[str, int],
    *,
    where: str | None,
    results: str,
    status: str,
    requests: Iterable[str] = (),
) -> list[str]:
    """Return lines that count the jobs to run, and say where they run and how to follow them.

    Args:
        videos: the selected videos; empty if only models are fetched.
        models: the models that run.
        slices: number of slices per video.
        to_do: number of jobs to run, by rule.
        where: the text of `place`; None if no model is loaded here. The line is left out if no
            slice has to run.
        results: the folder of results.
        status: the command that shows the run's progress.
        requests: one line per model on a server. They are left out if no slice has to run.
    """
    chosen = sorted(videos)
    total, todo = len(chosen) * len(models) * slices, to_do.get("detect_slice", 0)
    if not chosen:
        return [f"To fetch and prepare: {', '.join(models)}"]
    lines = [f"{_count(len(chosen), 'video')} ({ranges(chosen)}); results go to {results}/"]
    if models:
        done = f"; {total - todo} are done already" if todo < total else ""
        lines.append(
            f"To detect: {todo} of {_count(total, 'slice')}, with {', '.join(models)}{done}"
        )
    others = _count(sum(to_do.values()) - todo - to_do.get("all", 0), "short step")
    place = f"; {where}" if where else ""
    lines.append(f"Also to do: {others}{place}" if todo else f"To do: {others}")
    if todo:
        lines += requests
        lines.append(f"To follow the run from another terminal: {status}")
    return lines


def place(cluster: bool, counted: int | None, gpus: int) -> str:
    """Return a phrase that says where slices run.

    Args:
        cluster: whether jobs go to SLURM.
        counted: number of GPUs given to Snakemake (`--resources gpu=N`); None without that option.
        gpus: number of GPUs that slices can use on this machine.
    """
    if cluster:
        return "slices go to SLURM, each with one GPU"
    if not gpus:
        return "this machine has no GPU, so slices run on its CPU"
    if counted is None:
        return (
            f"each slice leases one of this machine's {_count(gpus, 'GPU')}; add --resources "
            f"gpu={gpus} so that no more slices start than there are GPUs"
        )
    return f"each slice leases one of this machine's {_count(gpus, 'GPU')}; {counted} run at once"


def end_lines(
    results: str, files: Iterable[str], repeated: Sequence[Failure], page: str | None = None
) -> list[str]:
    """Return lines that say where the results are and which failed attempts were repeated.

    Args:
        results: the folder of results.
        files: the files to name, most important first.
        repeated: failed attempts of jobs that finished later.
        page: the page that shows the results; None if the run did not make it.
    """
    named = [f"  {file}" for file in files]
    if page:
        lines = [f"Done. To see the results, open {page} in a browser.", f"Also in {results}/:"]
    else:
        begin = "Read these first:" if named else "See docs/files.md."
        lines = [f"Done. The results are in {results}/. {begin}"]
    lines += named
    if repeated:
        lines.append(f"{_count(len(repeated), 'attempt')} failed; a later attempt succeeded:")
        lines += [f"  {failure}" for failure in repeated]
    return lines


def end_lines_for_models(folders: Mapping[str, int], hosts: Mapping[str, str]) -> list[str]:
    """Return lines that say where the fetched models are.

    Args:
        folders: size of each model folder in bytes, by path.
        hosts: the server of each model that runs on a server, by model; such models are not
            fetched.
    """
    lines = ["Done. These models are ready to run:"]
    lines += [f"  {folder} ({decimal(size)})" for folder, size in folders.items()]
    return lines + [
        f"  {model}, on the server {host} (nothing to fetch)" for model, host in hosts.items()
    ]


# Most failures to print. With more, a person looks into the folder of logs.
_MOST_FAILURES = 10


def failure_lines(failed: Sequence[Failure], is_interrupted: bool) -> list[str]:
    """Return lines with the failed jobs, their logs and the next command.

    Args:
        failed: the last attempts of the failed jobs.
        is_interrupted: whether a signal ended the run.
    """
    lines = []
    for failure in failed[:_MOST_FAILURES]:
        lines.append(f"Failed: {failure}")
        if failure.refusal:
            lines.append(f"  SLURM refuses the job: {failure.refusal.words}")
            if failure.refusal.advice:
                lines.append(f"  correct: {failure.refusal.advice}")
        else:
            if failure.cause:
                lines.append(f"  SLURM's log ends with: {failure.cause}")
            lines += [f"  log: {path}" for path in failure.logs]
    if len(failed) > _MOST_FAILURES:
        lines.append(f"… and {len(failed) - _MOST_FAILURES} more.")
    if is_interrupted:
        lines.append("Interrupted before everything was done.")
    elif not failed:
        lines.append("Stopped before everything was done.")
    reason = "After fixing the cause, t" if failed else "T"
    lines.append(
        f"{reason}ype the same command again: finished jobs are kept, and slices resume where "
        "they stopped."
    )
    return lines


def summary_lines(videos: Iterable[int], command: str) -> list[str]:
    """Return lines with the command that summarizes the finished videos after others failed."""
    done = sorted(videos)
    found = f"{_count(len(done), 'video')}: {ranges(done)}"
    return [f"To summarize the finished videos ({found}), type:", f"  {command}"]


def _count(number: int, noun: str) -> str:
    """Format a number with its noun, as in "2 slices"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
