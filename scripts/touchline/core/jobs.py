"""Hashes of a job's results, taken when the job ends, so that later edits can be detected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from touchline.core import paths
from touchline.core.files import hash_file, read_record, write_json
from touchline.core.logs import job_log
from touchline.core.records import HashedFile, JobResults


@contextmanager
def recorded_job(job: Any, notes: Sequence[str | Path] = ()) -> Iterator[None]:
    """Log a job, and write the hashes of its results when the job ends.

    `touchline.core.logs.job_log` does the logging.

    Args:
        job: Snakemake's object of the job. The job's log lies below logs/ in the folder of results.
        notes: further files in the folder of results that the job writes.
    """
    with job_log(job.log[0]):
        yield
        _keep_hashes(Path(job.log[0]), [*job.output, *notes])


def hashes_at_end(results: Path) -> dict[str, HashedFile]:
    """Read the hashes that jobs wrote when they ended, by path of the result.

    Paths are relative to the folder of results. If several jobs wrote a result, the hash of the
    last job is returned.

    Raises:
        InputError: a file of hashes cannot be read.
    """
    files = sorted((results / paths.HASHES).rglob("*.json"), key=lambda path: path.stat().st_mtime)
    hashes = [read_record(path, JobResults) for path in files if not path.name.startswith(".")]
    return {file.path: file for one in hashes for file in one.results}


def files_below(folder: Path) -> list[str]:
    """List the paths of the files below a folder, without hidden files.

    If the folder is the results folder, files that are no results (logs, benchmarks, …) are left
    out.
    """
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        path.as_posix()
        for path in found
        if path.parts[0] not in paths.NO_RESULTS
        and path.parts != (paths.RECORD,)
        and not any(part.startswith(".") for part in path.parts)
    )


def _keep_hashes(log: Path, outputs: Iterable[str | Path]) -> None:
    """Write the hashes of a job's outputs to the hash file that belongs to the job's log."""
    after = log.parts[::-1].index(paths.LOGS)
    results, name_of_job = log.parents[after], Path(*log.parts[-after:])
    names: list[str] = []
    for output in map(Path, outputs):
        name = output.relative_to(results).as_posix()
        names += [f"{name}/{each}" for each in files_below(output)] if output.is_dir() else [name]
    record = JobResults(
        results=[hash_file(results / name, name) for name in names if (results / name).exists()]
    )
    write_json(results / paths.HASHES / name_of_job.with_suffix(".json"), record.model_dump())
