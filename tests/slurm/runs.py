"""A run of the workflow on the cluster, which a test watches, disturbs and inspects."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from clones import Clone

SNAKEMAKE = Path(__file__).with_name("interruptible.py")
# The slices of the match, each on its own GPU.
SLICES = range(4)
# Nothing in these tests takes longer, on a busy machine either; a run that does is interrupted, and
# its test fails.
DEADLINE = 900


@dataclass
class Run:
    """Snakemake in a separate process, in a clone, with its own results folder."""

    clone: Clone
    results: str
    arguments: Sequence[str] = ()
    process: subprocess.Popen = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self, *arguments: str) -> None:
        """Start Snakemake with --profile slurm, or start it again after it ended."""
        command = [sys.executable, str(SNAKEMAKE), *arguments, "--profile", "slurm"]
        command += self.arguments
        command += ["--config", f"results={self.results}"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE")}
        with self.output.open("a") as output:
            self.process = subprocess.Popen(
                command, cwd=self.clone.folder, env=environment, stdout=output, stderr=output
            )

    @property
    def output(self) -> Path:
        """Return everything that Snakemake has printed since the first start."""
        return self.clone.folder / f"{self.results}.txt"

    def printed(self) -> str:
        return self.output.read_text()

    def until(self, condition, what: str, seconds: float = DEADLINE):
        """Wait for a condition's first true value. Fail with the output after a time limit."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                self.kill(signal.SIGINT)
                raise AssertionError(f"not within {seconds} s: {what}\n{self.printed()}")
            time.sleep(0.2)
        return value

    def status(self) -> str:
        """Return the output of scripts/status.py for the run."""
        command = [sys.executable, "scripts/status.py", "--config", f"results={self.results}"]
        environment = os.environ | {"COLUMNS": "200"}
        return subprocess.run(
            command,
            cwd=self.clone.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def ends(self) -> str:
        """Return the lines that Snakemake printed about failed attempts."""
        found = re.findall(
            r"SLURM-job '(\d+)' failed, SLURM status is: '(\w+)'", self.printed().replace("\n", " ")
        )
        return "\n".join(dict.fromkeys(f"SLURM job {job}: {state}" for job, state in found))

    def finish(self) -> int:
        """Wait for the end of Snakemake and return its exit status."""
        self.until(lambda: self.process.poll() is not None, "the end of the run")
        return self.process.returncode

    def kill(self, how: int) -> None:
        self.process.send_signal(how)
        self.process.wait(timeout=90)

    def answered(self, index: int) -> list[int]:
        """Return the windows in a slice's journal, in the order of its lines."""
        folder = self.clone.folder / self.results / "journal" / f"llava_vid0_gpu{index}"
        lines = (
            line
            for file in sorted(folder.glob("*/*.jsonl"))
            for line in file.read_bytes().splitlines(keepends=True)
        )
        return [json.loads(line)["window"] for line in lines if line.endswith(b"\n")]

    def job_of(self, index: int, cluster) -> str | None:
        """Return SLURM's number of the job that runs a slice."""
        for number, state, place, comment in cluster.queue("%A|%T|%Z|%k"):
            here = Path(place) == self.clone.folder
            ours = comment == f"rule_detect_slice_wildcards_llava_0_{index}"
            if here and ours and state == "RUNNING":
                return number
        return None

    def wait_for_answers(self, cluster, slices, count: int = 2) -> dict[int, str]:
        """Wait until slices have answers in their journals. Return the jobs that run them."""

        def job_with_answers(index: int) -> str | None:
            assert self.process.poll() is None, f"the run has ended:\n{self.printed()}"
            return self.job_of(index, cluster) if len(self.answered(index)) >= count else None

        return {
            index: self.until(
                lambda index=index: job_with_answers(index),
                f"{count} answers of slice {index}",
            )
            for index in slices
        }

    def worker(self, job: str) -> psutil.Process:
        """Return the process of a job that runs the model."""
        for process in psutil.process_iter(["cmdline"]):
            # The interpreter and Snakemake's copy of the script, nothing else.
            if not (process.info["cmdline"] or [""])[-1].endswith("detect_slice.py"):
                continue
            with suppress(psutil.Error):
                if process.environ().get("SLURM_JOB_ID") == job:
                    return process
        raise AssertionError(f"job {job} has no worker")

    def log(self, index: int) -> str:
        """Return the log of a slice's last attempt."""
        path = self.clone.folder / self.results / "logs" / "detect" / f"llava_vid0_gpu{index}.log"
        return path.read_text()

    def resumed(self, index: int) -> int:
        """Return the number of windows that a slice's last attempt found in the journal."""
        found = re.search(r"(\d+) of \d+ windows are already answered", self.log(index))
        return int(found[1]) if found else 0


def final_files(folder: Path) -> dict[str, bytes]:
    """Return a run's files, except logs, journals, hashes and files with measured times.

    So the page of the run is left out, because it has measured times. The record is left out,
    because it has the page's hash and names the folder.
    """
    passing = {"logs", "journal", "benchmarks", "hashes"}
    files = (file for file in folder.rglob("*") if file.is_file())
    kept = {
        name: file.read_bytes()
        for file in sorted(files)
        if (name := str(file.relative_to(folder))).split("/")[0] not in passing
        and name != "report/index.html"
    }
    if "run.json" in kept:
        record = json.loads(kept["run.json"])
        del record["settings"]["results"]
        record["results"] = [f for f in record["results"] if f["path"] != "report/index.html"]
        kept["run.json"] = json.dumps(record).encode()
    return kept


def check(run, undisturbed) -> None:
    """Check that a run ended well and made the same files as an undisturbed run."""
    assert run.finish() == 0, run.printed()
    files = final_files(run.clone.folder / run.results)
    assert list(files) == list(undisturbed)
    assert [name for name in files if files[name] != undisturbed[name]] == []
    assert not (run.clone.folder / run.results / "journal").exists() or not list(
        (run.clone.folder / run.results / "journal").iterdir()
    )


def sleep_through_the_end(run, cluster) -> None:
    """Suspend Snakemake until its jobs have ended and SLURM has forgotten them."""
    run.process.send_signal(signal.SIGSTOP)
    run.until(lambda: not cluster.queue(), "all jobs forgotten")
    run.process.send_signal(signal.SIGCONT)
