"""What a run says at its start and at its end, in a few lines each."""

from __future__ import annotations

import logging
import re
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from touchline.slurm import reason_of
from touchline.videos import ranges


@dataclass(frozen=True)
class Failure:
    """An attempt of a job that failed.

    Attributes:
        job: Snakemake's number of the job, the same for every attempt.
        wildcards: by name, what the job is of.
        cluster_job: SLURM's number of the attempt, if it ran there.
        reason: SLURM's word for how it ended, such as TIMEOUT; "" if there is none.
        logs: where the attempt tells of itself, the job's own first.
    """

    job: int
    rule: str
    wildcards: Mapping[str, str] = field(default_factory=dict)
    cluster_job: str | None = None
    reason: str = ""
    logs: Sequence[str] = ()

    def __str__(self) -> str:
        """Who it is about: "detect_slice of llava, video 0, slice 3 (SLURM job 17: TIMEOUT)"."""
        parts = [v if k == "model" else f"{k} {v}" for k, v in self._ordered()]
        of = f" of {', '.join(parts)}" if parts else ""
        ended = ": ".join(
            part for part in (f"SLURM job {self.cluster_job or '?'}", self.reason) if part
        )
        return f"{self.rule}{of}" + (f" ({ended})" if self.cluster_job else "")

    def _ordered(self) -> list[tuple[str, str]]:
        order = ("model", "video", "slice")
        return [(key, self.wildcards[key]) for key in order if key in self.wildcards]


def _end_of(path: str) -> str:
    """The last part of a log; "" if there is none."""
    try:
        return Path(path).read_bytes()[-20_000:].decode("utf-8", "replace")
    except OSError:
        return ""


class RunEvents(logging.Handler):
    """Collects what Snakemake tells its logger of a run.

    It reads the fields that Snakemake's logger plugins get, and nothing else of Snakemake.

    Attributes:
        to_do: by rule, the number of jobs that the run started with.
        is_interrupted: whether the run was ended by a signal.
    """

    def __init__(self) -> None:
        super().__init__()
        self.to_do: dict[str, int] = {}
        self.is_interrupted = False
        self._wildcards: dict[int, dict[str, str]] = {}
        self._failures: list[Failure] = []
        self._finished: set[int] = set()

    def listen_for(self, *signals: signal.Signals) -> None:
        """Take note of signals that end the run, and let them do what they did before."""
        for each in signals:
            if callable(before := signal.getsignal(each)):
                signal.signal(each, partial(self._interrupt, before))

    def _interrupt(self, before: Callable[[int, Any], Any], number: int, frame: Any) -> None:
        self.is_interrupted = True
        before(number, frame)

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of a job that starts, ends or fails."""
        said: dict[str, Any] = vars(record)
        match str(said.get("event")):
            case "run_info":
                counts = {str(k): int(v) for k, v in dict(said["stats"]).items() if k != "total"}
                self.to_do = self.to_do or counts
            case "job_info":
                wildcards = {str(k): str(v) for k, v in dict(said.get("wildcards") or {}).items()}
                self._wildcards[said["jobid"]] = wildcards
            case "job_finished":
                self._finished.add(said["job_id"])
            case "job_error" if self.is_interrupted:
                pass  # Ctrl-C reaches the jobs as well.
            case "job_error":
                status = re.search(r"status is: '(\w+)'", said.get("rule_msg") or "")
                # Snakemake adds notes in brackets to a path.
                logs = [str(path).split(" (")[0] for path in said.get("log") or []]
                failure = Failure(
                    job=said["jobid"],
                    rule=said["rule_name"],
                    wildcards=self._wildcards.get(said["jobid"], {}),
                    cluster_job=(said.get("aux") or {}).get("external_jobid"),
                    reason=reason_of(status[1], _end_of(logs[-1])) if status and logs else "",
                    logs=logs,
                )
                self._failures.append(failure)

    def final(self) -> list[Failure]:
        """The last attempt of each job that was not done in the end."""
        last = {f.job: f for f in self._failures if f.job not in self._finished}
        return list(last.values())

    def repeated(self) -> list[Failure]:
        """The attempts that failed of jobs that were done in the end."""
        return [f for f in self._failures if f.job in self._finished]


def at_start(
    videos: Iterable[int],
    models: Sequence[str],
    slices: int,
    to_do: Mapping[str, int],
    where: str,
    results: str,
    status: str,
) -> list[str]:
    """What will be done, where, and how to follow it.

    Args:
        videos: those selected.
        models: those that run.
        to_do: by rule, the number of jobs that are to run.
        where: see `place`.
        status: the command that shows how far the run is.
    """
    chosen = sorted(videos)
    total, todo = len(chosen) * len(models) * slices, to_do.get("detect_slice", 0)
    lines = [f"{_count(len(chosen), 'video')} ({ranges(chosen)}); results go to {results}/"]
    if models:
        done = f"; {total - todo} are there already" if todo < total else ""
        lines.append(f"To watch: {todo} of {_count(total, 'slice')}, by {', '.join(models)}{done}")
    others = sum(to_do.values()) - todo - to_do.get("all", 0)
    lines.append(f"Beside that {_count(others, 'short step')}; {where}")
    if todo:
        lines.append(f"To follow it from another terminal: {status}")
    return lines


def place(cluster: bool, counted: int | None, gpus: Sequence[str]) -> str:
    """Where slices run, for a person: "on SLURM, one GPU a slice".

    Args:
        cluster: whether jobs go to SLURM.
        counted: GPUs that Snakemake was told of (`--resources gpu=N`); None for none.
        gpus: those of this machine.
    """
    if cluster:
        return "slices go to SLURM, each with one GPU"
    if not gpus:
        return "this machine has no GPU, so slices run on its CPU"
    if counted is None:
        return (
            f"slices lease one of this machine's {_count(len(gpus), 'GPU')} each; with --resources "
            f"gpu={len(gpus)} no more would be started than there are"
        )
    return f"slices lease one of this machine's {_count(len(gpus), 'GPU')} each, {counted} at once"


def at_end(results: str, files: Iterable[str], repeated: Sequence[Failure]) -> list[str]:
    """Where the results are, and which attempts had to be repeated.

    Args:
        files: those to name, most wanted first.
    """
    lines = [f"Done. The results are in {results}/, to begin with:"]
    lines += [f"  {file}" for file in files]
    if repeated:
        lines.append(f"{_count(len(repeated), 'attempt')} failed and went on in another one:")
        lines += [f"  {failure}" for failure in repeated]
    return lines


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
        lines += [f"  log: {path}" for path in failure.logs]
    if len(failed) > _MOST_FAILURES:
        lines.append(f"… and {len(failed) - _MOST_FAILURES} more.")
    if is_interrupted:
        lines.append("Interrupted before everything was done.")
    elif not failed:
        lines.append("Stopped before everything was done.")
    reason = "Once the cause is mended, t" if failed else "T"
    lines.append(
        f"{reason}ype the same command again: what is done stays, and slices go on where they were."
    )
    return lines


def at_others(videos: Iterable[int], files: Sequence[str], log: Path) -> list[str]:
    """What was made of the other videos after some failed.

    Args:
        videos: those that are done.
        files: what sums them up; none if it could not be made.
        log: of making them.
    """
    if not files:
        return [f"What is done could not be summed up: {log}"]
    done = sorted(videos)
    return [f"Of what is done ({_count(len(done), 'video')}: {ranges(done)}):"] + [
        f"  {file}" for file in files
    ]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
