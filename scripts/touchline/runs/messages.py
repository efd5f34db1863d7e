"""What a run prints at its start and at its end, in a few lines each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.filesize import decimal

from touchline.inputs.videos import ranges
from touchline.runs.snakemake_events import Failure


def at_start(
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
    """What will be done, where, and how to follow it.

    Args:
        videos: those selected; none where only models are fetched.
        models: those that run.
        to_do: by rule, the number of jobs that are to run.
        where: see `place`; it is left out where no slice is to run, or none runs a model here.
        status: the command that shows how far the run is.
        requests: a line for each model of a server; they are left out where no slice is to run.
    """
    chosen = sorted(videos)
    total, todo = len(chosen) * len(models) * slices, to_do.get("detect_slice", 0)
    if not chosen:
        return [f"To fetch and prepare: {', '.join(models)}"]
    lines = [f"{_count(len(chosen), 'video')} ({ranges(chosen)}); results go to {results}/"]
    if models:
        done = f"; {total - todo} are there already" if todo < total else ""
        lines.append(f"To watch: {todo} of {_count(total, 'slice')}, by {', '.join(models)}{done}")
    others = _count(sum(to_do.values()) - todo - to_do.get("all", 0), "short step")
    place = f"; {where}" if where else ""
    lines.append(f"Beside that {others}{place}" if todo else f"To do: {others}")
    if todo:
        lines += requests
        lines.append(f"To follow it from another terminal: {status}")
    return lines


def place(cluster: bool, counted: int | None, gpus: int) -> str:
    """Where slices run, for a person: "on SLURM, one GPU a slice".

    Args:
        cluster: whether jobs go to SLURM.
        counted: GPUs that Snakemake was given (`--resources gpu=N`); None for none.
        gpus: number of GPUs that slices can use on this machine.
    """
    if cluster:
        return "slices go to SLURM, each with one GPU"
    if not gpus:
        return "this machine has no GPU, so slices run on its CPU"
    if counted is None:
        return (
            f"slices lease one of this machine's {_count(gpus, 'GPU')} each; with --resources "
            f"gpu={gpus} no more would be started than there are"
        )
    return f"slices lease one of this machine's {_count(gpus, 'GPU')} each, {counted} at once"


def at_end(
    results: str, files: Iterable[str], repeated: Sequence[Failure], page: str | None = None
) -> list[str]:
    """Say where the results are, and which attempts had to be repeated.

    Args:
        files: those to name, most wanted first.
        page: the page that shows the results, if the run made it.
    """
    named = [f"  {file}" for file in files]
    if page:
        lines = [f"Done. To see the results, open {page} in a browser.", f"Also in {results}/:"]
    else:
        begin = "to begin with:" if named else "see docs/files.md."
        lines = [f"Done. The results are in {results}/, {begin}"]
    lines += named
    if repeated:
        lines.append(f"{_count(len(repeated), 'attempt')} failed and went on in another one:")
        lines += [f"  {failure}" for failure in repeated]
    return lines


def at_end_of_models(folders: Mapping[str, int], hosts: Mapping[str, str]) -> list[str]:
    """Say where models are that were fetched, with the bytes of each folder.

    Args:
        hosts: the server of each model that one runs; nothing is fetched of it.
    """
    lines = ["Done. These models are ready to run:"]
    lines += [f"  {folder} ({decimal(size)})" for folder, size in folders.items()]
    return lines + [
        f"  {model}, which {host} runs; nothing to fetch" for model, host in hosts.items()
    ]


# After this many, a person looks at the logs' folder instead.
_MOST_FAILURES = 10


def at_failure(failed: Sequence[Failure], is_interrupted: bool) -> list[str]:
    """What failed, where to read why, and what to type next.

    Args:
        is_interrupted: whether the run was ended by a signal.
    """
    lines = []
    for failure in failed[:_MOST_FAILURES]:
        lines.append(f"Failed: {failure}")
        if failure.refusal:
            lines.append(f"  SLURM does not take it: {failure.refusal.words}")
            if failure.refusal.advice:
                lines.append(f"  to correct: {failure.refusal.advice}")
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
        f"{reason}ype the same command again: what is done stays, and slices continue where "
        "they were."
    )
    return lines


def at_others(videos: Iterable[int], command: str) -> list[str]:
    """Name the command that sums up the finished videos after some failed."""
    done = sorted(videos)
    found = f"{_count(len(done), 'video')}: {ranges(done)}"
    return [f"For summary and index of what is done ({found}), type:", f"  {command}"]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
